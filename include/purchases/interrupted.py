"""Posts whose process ended before it recorded the answer: one look-up each tells what became of them."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from include.connectif.client import FoundPurchase
from include.errors import TemporaryError
from include.http.transport import AccessRefused, UnreadableAnswer
from include.outcomes import Outcome
from include.pipeline.run import SyncRun
from include.purchases.posting import Answer
from include.purchases.recording import to_record
from include.state import PostMark, PurchaseToPost, StateStore

log = logging.getLogger(__name__)

CLOCKS_APART = timedelta(minutes=5)
"""So far may Connectif's clock be behind ours. Purchases that are older than their mark are not ours."""

StagedPurchase = dict[str, Any]


@dataclass(frozen=True)
class InterruptedPosts:
    """`answers` are those of this run, by purchase id. Posts `in_doubt` could not be looked up."""

    answers: dict[str, Answer] = field(default_factory=dict)
    in_doubt: dict[str, PostMark] = field(default_factory=dict)


def purchases_to_post(purchases: Iterable[StagedPurchase], state: StateStore) -> list[PurchaseToPost]:
    """The marks that are written before these purchases are posted."""
    return [
        PurchaseToPost(one["purchase_id"], state.hashed(one["body"]["contactEmail"])) for one in purchases
    ]


def resolve_interrupted_posts(
    run: SyncRun, purchases: Iterable[StagedPurchase], *, looked: bool
) -> InterruptedPosts:
    """Look up each purchase that has a mark, and record it as sent where Connectif has it from the post.

    A mark of another run (one that was cleared, or given up) is resolved as that run's. `looked` says that
    an export had shown this run's marked purchases as missing before they were marked. What is not resolved
    is to be posted again.
    """
    marked = _marked(run, purchases)
    found = _looked_up(run, dict.fromkeys(mark.purchase_id for _, mark in marked))
    posts = InterruptedPosts()
    for purchase, mark in marked:
        key, is_own = mark.purchase_id, mark.run_key == run.run_key
        if key not in found:
            if is_own and looked:
                posts.in_doubt[key] = mark
        elif _arrived(found[key], mark, looked=is_own and looked):
            answer = Answer(Outcome.SENT, lines_left_out=mark.lines_left_out)
            run.state.record_purchases(mark.run_key, [to_record(purchase, answer, run.state)])
            if is_own:
                posts.answers[key] = answer
    return posts


def _marked(run: SyncRun, purchases: Iterable[StagedPurchase]) -> list[tuple[StagedPurchase, PostMark]]:
    """The purchases that have a mark, each with its marks."""
    marks = dict[str, list[PostMark]]()
    for mark in run.state.post_marks():
        marks.setdefault(mark.purchase_id, []).append(mark)
    if not marks:
        return []
    return [(one, mark) for one in purchases for mark in marks.get(one["purchase_id"], ())]


def _looked_up(run: SyncRun, purchase_ids: Iterable[str]) -> dict[str, FoundPurchase | None]:
    """What Connectif has under these ids. After an error the rest is not looked up: the posts tell."""
    found = dict[str, FoundPurchase | None]()
    for purchase_id in purchase_ids:
        try:
            found[purchase_id] = run.connectif.find_purchase(purchase_id)
        except (TemporaryError, UnreadableAnswer, AccessRefused) as error:
            log.warning("%s. Interrupted posts are not looked up any further: they are posted again", error)
            break
    return found


def _arrived(found: FoundPurchase | None, mark: PostMark, *, looked: bool) -> bool:
    """Whether Connectif has the purchase from the marked post, and not from the shop's web tag before it."""
    if found is None:
        return False
    if found.created_at is None:
        return looked
    return found.created_at >= mark.marked_at - CLOCKS_APART
