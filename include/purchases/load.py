"""Post the staged purchases that Connectif lacks, one by one, and write each answer down at once."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from include.batching import in_batches
from include.connectif.limits import CALLS_PER_MINUTE
from include.outcomes import OUTCOME_OF, Outcome, Reason
from include.pipeline.erased_people import ErasedPeople
from include.pipeline.outage import OutageWatch, Unanswered
from include.pipeline.preview import log_sample, mask
from include.pipeline.progress import Progress
from include.pipeline.run import SyncRun
from include.purchases.buyers import ensure_buyers
from include.purchases.interrupted import purchases_to_post, resolve_interrupted_posts
from include.purchases.late_parts import late_parts, note_on
from include.purchases.load_summary import summarize_load
from include.purchases.missing_products import ensure_products
from include.purchases.order_selection import unanswered_before
from include.purchases.posting import Answer, Poster
from include.purchases.recording import recorded_answer, to_record
from include.purchases.tracked import TRACKED, OtherIds, note_on_the_tag, tracked_purchases
from include.purchases.load_summary import tracking_by_day
from include.purchases.transform import PURCHASES, UNSENT
from include.report import StageCounts
from include.staging import Staging
from include.state import PurchaseOutcome

log = logging.getLogger(__name__)

# Connectif allows a hundred calls a minute: so many threads use them up even when each takes five seconds.
WORKERS = 8
_TRACKED = Answer(Outcome.ALREADY_THERE, Reason.ALREADY_TRACKED)
_TRACKED_OTHERWISE = Answer(Outcome.ALREADY_THERE, Reason.ALREADY_TRACKED, "under another form of its id")
_ERASED = Answer(OUTCOME_OF[Reason.ERASED], Reason.ERASED)
_BUSY = Answer(OUTCOME_OF[Reason.TARGET_BUSY], Reason.TARGET_BUSY, "Connectif did not answer for it")

StagedPurchase = dict[str, Any]
Answers = dict[str, Answer]


def load(run: SyncRun, target: Staging, *, source: Staging) -> StageCounts:
    """Post what Connectif lacks and no earlier attempt of this run has posted.

    Old purchases, and all of a back-fill, fire no workflow: history is quiet.
    """
    if run.dry_run or run.plan.is_partial:
        log_sample(log, "would go" if run.dry_run else "goes", map(_described, _staged(source)))
    if run.dry_run:
        return _rehearsal(run, source)
    _record_unsent(run, source)
    ids = [purchase["purchase_id"] for purchase in _staged(source)]
    answers = {key: recorded_answer(stored) for key, stored in run.state.purchases_of(run.run_key).items()}
    interrupted = resolve_interrupted_posts(run, _unanswered(source, answers), looked=target.has(TRACKED))
    answers |= interrupted.answers
    notes, known = ([], False) if run.plan.only else _resolve_tracked(run, target, source, answers)
    missing = sum(key not in answers for key in ids)
    log.info("%s", _forecast(run, len(ids), missing))
    hidden: Iterable[str] = ()
    if not run.plan.only:
        erased = ErasedPeople(run.state)

        def going() -> Iterator[StagedPurchase]:
            return (one for one in _unanswered(source, answers) if one["body"]["contactEmail"] not in erased)

        ensure_buyers(run, target, going())
        hidden = ensure_products(run, target, going)
    poster = Poster(run, hidden, interrupted.in_doubt)
    _post(run, poster, source, answers, None if known else OtherIds(run.connectif))
    otherwise = sum(answer == _TRACKED_OTHERWISE for answer in answers.values())
    notes += filter(None, [note_on_the_tag(run, otherwise)])
    late = late_parts(run, _staged(source), answers)
    counts = summarize_load(run, target, _staged(source), answers, late)
    counts.notes += [*notes, *note_on(late)]
    if not run.plan.is_partial:  # chosen purchases say nothing about a day
        counts.tracking = tracking_by_day(run, _instants(source))
    return counts


def _staged(source: Staging) -> Iterator[StagedPurchase]:
    return chain.from_iterable(source.read_json(name) for name in source.names(PURCHASES))


def _unanswered(source: Staging, answers: Answers) -> Iterator[StagedPurchase]:
    return (purchase for purchase in _staged(source) if purchase["purchase_id"] not in answers)


def _instants(source: Staging) -> Iterator[datetime]:
    return (datetime.fromisoformat(purchase["happened"]) for purchase in _staged(source))


def _described(purchase: StagedPurchase) -> str:
    body = purchase["body"]
    customer, lines = mask(body["contactEmail"]), len(body["products"])
    return f"purchase {body['purchaseId']} of {customer}, {lines} lines, {body['totalPrice']} in all"


def _rehearsal(run: SyncRun, source: Staging) -> StageCounts:
    """A dry run asks Connectif nothing, not even for an export: so this is the most that would go."""
    counts, number = StageCounts(), 0
    for purchase in _staged(source):
        counts.count(Outcome.SENT, len(purchase["order_ids"]))
        number += 1
    log.info("dry run: %s", _forecast(run, number, number))
    return counts


def _forecast(run: SyncRun, purchases: int, missing: int) -> str:
    a_minute = CALLS_PER_MINUTE * (1 - run.settings.connectif.keep_free_percent / 100)
    return (
        f"{purchases:,} purchases, {missing:,} of them to be posted: about {missing:,} calls to Connectif "
        f"in {missing / a_minute:,.0f} minutes, at {a_minute:.0f} a minute"
    )


def _record_unsent(run: SyncRun, source: Staging) -> None:
    """Held purchases are taken up again by the next runs; those that no longer wait are not."""
    unsent = chain.from_iterable(source.read_json(name) for name in source.names(UNSENT))
    run.state.record_purchases(
        run.run_key, (to_record(purchase, _unsent(purchase), run.state) for purchase in unsent)
    )


def _unsent(purchase: dict[str, Any]) -> Answer:
    reason = Reason(purchase["reason"])
    return Answer(OUTCOME_OF[reason], reason)


def _resolve_tracked(
    run: SyncRun, target: Staging, source: Staging, answers: Answers
) -> tuple[list[str], bool]:
    """Answer for the purchases that Connectif has, by its export; returns what the report should say, and
    whether there was an export."""
    tracked = tracked_purchases(run, target, _unanswered(source, answers))
    erased, resolved = ErasedPeople(run.state), Answers()

    def recorded() -> Iterator[PurchaseOutcome]:
        for purchase in _unanswered(source, answers):
            if tracked.has(purchase):
                answer = _ERASED if purchase["body"]["contactEmail"] in erased else _TRACKED
                resolved[purchase["purchase_id"]] = answer
                yield to_record(purchase, answer, run.state)

    run.state.record_purchases(run.run_key, recorded())
    answers |= resolved
    return ([tracked.note] if tracked.note else []), tracked.known


def _post(run: SyncRun, poster: Poster, source: Staging, answers: Answers, others: OtherIds | None) -> None:
    """Post what is unanswered; a purchase that Connectif does not answer for is held for the next runs.

    `others`, where no export told, finds those that are there under another form of their id.
    Held ones are written down last, so that a retry after an outage offers them again.
    """
    progress = Progress(log, "purchases", sum(1 for _ in _unanswered(source, answers)))
    busy: list[PurchaseOutcome] = []

    def post(purchase: StagedPurchase) -> Answer:
        if run.state.is_erased(purchase["body"]["contactEmail"]):  # since the orders were mapped
            answer = _ERASED
        elif others is not None and others.have(purchase):
            answer = _TRACKED_OTHERWISE
        else:
            answer = poster.post(
                purchase["body"], contact=purchase["contact"], fire_workflows=_may_fire(run, purchase)
            )
        if answer.private:  # first: what is recorded is not asked again
            run.state.keep_vendor_texts(run.pipeline, dict.fromkeys(_names(purchase), answer.private))
        run.state.record_purchases(run.run_key, [to_record(purchase, answer, run.state)])
        return answer

    known = {one.purchase_id for one in unanswered_before(run)}
    watch = OutageWatch(run.connectif.check, known=lambda purchase: purchase["purchase_id"] in known)
    unanswered = _marked(run, _unanswered(source, dict(answers)))
    for purchase, answer in watch.in_parallel(post, unanswered, workers=WORKERS):
        if isinstance(answer, Unanswered):
            log.warning("purchase %s is held: %s", purchase["purchase_id"], answer)
            busy.append(to_record(purchase, _BUSY, run.state))
        answers[purchase["purchase_id"]] = _BUSY if isinstance(answer, Unanswered) else answer
        progress.add()
    run.state.record_purchases(run.run_key, busy)
    log.info("%s", progress.line())


def _marked(run: SyncRun, purchases: Iterable[StagedPurchase]) -> Iterator[StagedPurchase]:
    """The purchases, each after a mark that it is being posted (decision 0032).

    As many as there are threads share a transaction: more would be looked up in vain after a restart.
    """
    for batch in in_batches(purchases, WORKERS):
        erased = ErasedPeople(run.state)
        going = [one for one in batch if one["body"]["contactEmail"] not in erased]
        run.state.mark_posts(run.run_key, purchases_to_post(going, run.state))
        yield from batch


def _names(purchase: StagedPurchase) -> list[str]:
    """Under which a person may look for the purchase."""
    return [purchase["purchase_id"], *purchase["order_ids"]]


def _may_fire(run: SyncRun, purchase: StagedPurchase) -> bool:
    age = run.now() - datetime.fromisoformat(purchase["happened"])
    return not run.backfill and age <= timedelta(hours=run.settings.purchases.no_workflows_after_hours)
