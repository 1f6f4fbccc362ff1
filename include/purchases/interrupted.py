"""Resolve interrupted posts: the process ended before it recorded the answer, so Connectif is asked."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from include.connectif.client import FoundPurchase
from include.errors import TemporaryError
from include.http.transport import AccessRefused, UnreadableAnswer
from include.outcomes import Outcome
from include.pipeline.run import SyncRun
from include.purchases.posting import PurchaseResult, outcome_to_store
from include.purchases.staged import PurchaseHead
from include.state import PostMark, PurchaseToPost, StateStore

log = logging.getLogger(__name__)

CLOCKS_APART = timedelta(minutes=5)
"""Tolerance for Connectif's clock. A purchase that is older than its mark does not come from our post."""


@dataclass(frozen=True)
class InterruptedPosts:
    """`results` are those of this run, by purchase id. The posts `in_doubt` were not found: they could not be
    looked up, or Connectif does not have them yet.
    """

    results: dict[str, PurchaseResult] = field(default_factory=dict)
    in_doubt: dict[str, PostMark] = field(default_factory=dict)


def purchases_to_post(purchases: Iterable[PurchaseHead], state: StateStore) -> list[PurchaseToPost]:
    """The marks to write before these purchases are posted."""
    return [PurchaseToPost(one.purchase_id, state.hashed(one.email or "")) for one in purchases]


def resolve_interrupted_posts(
    run: SyncRun, purchases: Iterable[PurchaseHead], *, was_exported: bool
) -> InterruptedPosts:
    """Look up each purchase that has a mark, and record it as sent if Connectif has it from the post.

    A mark of another run (cleared or given up) is recorded for that run. `was_exported` says that an export
    showed this run's marked purchases as missing before they were marked. Purchases that stay unresolved are
    posted again.
    """
    marked = _marked_purchases(run, purchases)
    found = _look_up(run, dict.fromkeys(mark.purchase_id for _, mark in marked))
    posts = InterruptedPosts()
    for purchase, mark in marked:
        key, is_own = mark.purchase_id, mark.run_key == run.run_key
        if found.get(key) is None:
            if (
                is_own and was_exported
            ):  # the interrupted post may still arrive: a 409 is then our own purchase
                posts.in_doubt[key] = mark
        elif _is_from_post(found[key], mark, was_exported=is_own and was_exported):
            result = PurchaseResult(Outcome.SENT, lines_left_out=mark.lines_left_out)
            run.state.purchases.record(mark.run_key, [outcome_to_store(purchase, result, run.state)])
            if is_own:
                posts.results[key] = result
    return posts


def _marked_purchases(run: SyncRun, purchases: Iterable[PurchaseHead]) -> list[tuple[PurchaseHead, PostMark]]:
    """The purchases that have a mark, with each of their marks."""
    marks = dict[str, list[PostMark]]()
    for mark in run.state.post_marks.marks():
        marks.setdefault(mark.purchase_id, []).append(mark)
    if not marks:
        return []
    return [(one, mark) for one in purchases for mark in marks.get(one.purchase_id, ())]


def _look_up(run: SyncRun, purchase_ids: Iterable[str]) -> dict[str, FoundPurchase | None]:
    """The purchases that Connectif has under these ids. After an error no more are looked up."""
    found = dict[str, FoundPurchase | None]()
    for purchase_id in purchase_ids:
        try:
            found[purchase_id] = run.connectif.find_purchase(purchase_id)
        except (TemporaryError, UnreadableAnswer, AccessRefused) as error:
            log.warning("%s. The other interrupted posts are not looked up, and are posted again", error)
            break
    return found


def _is_from_post(found: FoundPurchase | None, mark: PostMark, *, was_exported: bool) -> bool:
    """Whether Connectif has the purchase from the marked post, and not from the shop's web tag."""
    if found is None:
        return False
    if found.created_at is None:
        return was_exported
    return found.created_at >= mark.marked_at - CLOCKS_APART
