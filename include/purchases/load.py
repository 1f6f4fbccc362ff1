"""Post the staged purchases that Connectif lacks, one by one, and record each result at once."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import chain, islice

from include.batching import in_batches
from include.connectif.limits import CALLS_PER_MINUTE
from include.outcomes import Outcome, Reason
from include.pipeline.erased_people import ErasedPeople
from include.pipeline.outage import OutageWatch, Unanswered
from include.pipeline.preview import SAMPLE, log_sample, mask
from include.pipeline.progress import Progress
from include.pipeline.run import SyncRun
from include.purchases.buyers import ensure_buyers
from include.purchases.interrupted import purchases_to_post, resolve_interrupted_posts
from include.purchases.late_parts import late_parts, note_on_late_parts
from include.purchases.load_summary import summarize_load, tracking_by_day
from include.purchases.missing_products import ensure_products
from include.purchases.order_selection import purchases_without_answer
from include.purchases.posting import Poster, PurchaseResult, outcome_to_store, recorded_result
from include.purchases.staged import (
    UNSENT,
    PurchaseHead,
    PurchaseHeads,
    StagedPurchase,
    head_of,
    staged_purchases,
)
from include.purchases.tracked import TRACKED, OtherIds, note_on_tag_ids, tracked_purchases
from include.report import StageCounts
from include.staging import Staging
from include.state import PurchaseOutcome
from include.values.wording import plural

log = logging.getLogger(__name__)

# Connectif allows a hundred calls a minute. Eight threads use them up even if each call takes five seconds.
WORKERS = 8
_TRACKED = PurchaseResult(Outcome.ALREADY_THERE, Reason.ALREADY_TRACKED)
_TRACKED_BY_OTHER_ID = PurchaseResult(
    Outcome.ALREADY_THERE, Reason.ALREADY_TRACKED, "under another form of its id"
)
_ERASED = PurchaseResult(Reason.ERASED.outcome, Reason.ERASED)
_BUSY = PurchaseResult(Reason.TARGET_BUSY.outcome, Reason.TARGET_BUSY, "Connectif did not answer for it")

Results = dict[str, PurchaseResult]


def load(run: SyncRun, target: Staging, *, source: Staging) -> StageCounts:
    """Post the purchases that Connectif lacks and that no earlier attempt of this run has posted.

    Old purchases, and all purchases of a back-fill, trigger no workflows. Each staged purchase is parsed
    twice: for its head, which stays in memory, and for its post.
    """
    if run.dry_run:
        return _dry_run(run, source)
    _record_unsent(run, source)
    staged = PurchaseHeads.read(_with_sample_in_log(run, source))
    results = {
        key: recorded_result(stored) for key, stored in run.state.purchases.of_run(run.run_key).items()
    }
    interrupted = resolve_interrupted_posts(run, staged.without(results), was_exported=target.has(TRACKED))
    results |= interrupted.results
    notes, is_exported = ([], False) if run.plan.only else _resolve_tracked(run, target, staged, results)
    log.info("%s", _forecast(run, len(staged.heads), sum(1 for _ in staged.without(results))))
    hidden = () if run.plan.only else _create_references(run, target, staged, results)
    poster = Poster(run, hidden, interrupted.in_doubt)
    _post(run, poster, source, staged, results, others=None if is_exported else OtherIds(run.connectif))
    with_other_id = sum(result == _TRACKED_BY_OTHER_ID for result in results.values())
    notes += filter(None, [note_on_tag_ids(run, with_other_id)])
    late = late_parts(run, staged.heads, results)
    counts = summarize_load(run, target, staged.heads, results, late)
    counts.notes += [*notes, *note_on_late_parts(late)]
    if not run.plan.only:  # one order says nothing about its day; a replay changes what is known of its days
        counts.tracking = tracking_by_day(run, (purchase.happened for purchase in staged.heads))
    return counts


def _with_sample_in_log(run: SyncRun, source: Staging) -> Iterator[StagedPurchase]:
    """The staged purchases. A dry run, and a run of chosen records, logs the first of them."""
    purchases = staged_purchases(source)
    if not (run.dry_run or run.plan.is_partial):
        return purchases
    sample = list(islice(purchases, SAMPLE))
    log_sample(log, map(_describe, sample), dry_run=run.dry_run)
    return chain(sample, purchases)


def _describe(purchase: StagedPurchase) -> str:
    body = purchase["body"]
    customer, lines = mask(body["contactEmail"]), len(body["products"])
    return f"purchase {body['purchaseId']} of {customer}, {lines} lines, {body['totalPrice']} in all"


def _dry_run(run: SyncRun, source: Staging) -> StageCounts:
    """Count the purchases.

    A dry run asks Connectif nothing, not even for an export, so this is the maximum.
    """
    counts, number = StageCounts(), 0
    for purchase in _with_sample_in_log(run, source):
        counts.count(Outcome.SENT, len(purchase["order_ids"]))
        if number < SAMPLE:
            counts.would_send.append(purchase["purchase_id"])
        number += 1
    log.info("dry run: %s", _forecast(run, number, number))
    return counts


def _forecast(run: SyncRun, purchases: int, missing: int) -> str:
    per_minute = CALLS_PER_MINUTE * (1 - run.settings.connectif.keep_free_percent / 100)
    minutes = plural(round(missing / per_minute), "minute")
    return (
        f"{plural(purchases, 'purchase')}, {missing:,} of them to be posted: about "
        f"{plural(missing, 'call')} to Connectif in {minutes}, at {per_minute:.0f} a minute"
    )


def _record_unsent(run: SyncRun, source: Staging) -> None:
    """Record the purchases that are not posted. The next runs retry those that are held."""
    unsent = staged_purchases(source, UNSENT)
    run.state.purchases.record(
        run.run_key,
        (outcome_to_store(head_of(purchase), _unsent_result(purchase), run.state) for purchase in unsent),
    )


def _unsent_result(purchase: StagedPurchase) -> PurchaseResult:
    reason = Reason(purchase["reason"])
    return PurchaseResult(reason.outcome, reason)


def _resolve_tracked(
    run: SyncRun, target: Staging, staged: PurchaseHeads, results: Results
) -> tuple[list[str], bool]:
    """Record the purchases that are in Connectif's export.

    Returns notes for the report, and whether there was an export.
    """
    tracked = tracked_purchases(run, target, staged.without(results))
    erased, resolved = ErasedPeople(run.state), Results()

    def recorded() -> Iterator[PurchaseOutcome]:
        for purchase in staged.without(results):
            if tracked.has(purchase):
                result = _ERASED if _is_erased(purchase, erased) else _TRACKED
                resolved[purchase.purchase_id] = result
                yield outcome_to_store(purchase, result, run.state)

    run.state.purchases.record(run.run_key, recorded())
    results |= resolved
    return ([tracked.note] if tracked.note else []), tracked.known


def _create_references(
    run: SyncRun, target: Staging, staged: PurchaseHeads, results: Results
) -> Iterable[str]:
    """Create the missing buyers and products of the purchases to post.

    Returns the products that search does not show.
    """
    erased = ErasedPeople(run.state)
    purchases = [one for one in staged.without(results) if not _is_erased(one, erased)]
    ensure_buyers(run, target, purchases)
    return ensure_products(run, target, purchases, staged.products)


def _is_erased(purchase: PurchaseHead, people: ErasedPeople) -> bool:
    return purchase.email is not None and purchase.email in people


def _post(
    run: SyncRun,
    poster: Poster,
    source: Staging,
    staged: PurchaseHeads,
    results: Results,
    *,
    others: OtherIds | None,
) -> None:
    """Post the purchases that have no result yet; one without an answer is held for the next runs.

    `others`, for runs without an export, finds purchases that Connectif has under another form of their id.
    Held purchases are recorded last, so that a retry after an outage posts them again.
    """
    progress = Progress(log, "purchases", sum(1 for _ in staged.without(results)))
    busy: list[PurchaseOutcome] = []

    def post(purchase: StagedPurchase) -> PurchaseResult:
        head = head_of(purchase)
        if run.state.erasure.is_erased(
            purchase["body"]["contactEmail"]
        ):  # erased since the orders were mapped
            result = _ERASED
        elif others is not None and others.has(head):
            result = _TRACKED_BY_OTHER_ID
        else:
            result = poster.post(
                purchase["body"], contact=head.contact, fire_workflows=_triggers_workflows(run, head)
            )
        if result.private:  # first, because a recorded purchase is not posted again
            run.state.vendor_texts.keep(run.pipeline, dict.fromkeys(_searchable_ids(head), result.private))
        run.state.purchases.record(run.run_key, [outcome_to_store(head, result, run.state)])
        return result

    known = {one.purchase_id for one in purchases_without_answer(run)}
    watch = OutageWatch(run.connectif.check, known=lambda purchase: purchase["purchase_id"] in known)
    resolved = frozenset(results)
    to_post = (one for one in staged_purchases(source) if one["purchase_id"] not in resolved)
    for purchase, result in watch.in_parallel(post, _mark_posts(run, to_post), workers=WORKERS):
        if isinstance(result, Unanswered):
            log.warning(
                "purchase %s: held (target_busy), the next runs retry it: %s", purchase["purchase_id"], result
            )
            busy.append(outcome_to_store(head_of(purchase), _BUSY, run.state))
        results[purchase["purchase_id"]] = _BUSY if isinstance(result, Unanswered) else result
        progress.add()
    run.state.purchases.record(run.run_key, busy)
    log.info("%s", progress.line())


def _mark_posts(run: SyncRun, purchases: Iterable[StagedPurchase]) -> Iterator[StagedPurchase]:
    """Yield the purchases; before that, write a mark for each that its post begins (decision 0032).

    One transaction marks as many purchases as there are threads. With more, a restart would look up purchases
    that were never posted.
    """
    for batch in in_batches(purchases, WORKERS):
        erased = ErasedPeople(run.state)
        to_mark = [head for head in map(head_of, batch) if not _is_erased(head, erased)]
        run.state.post_marks.mark(run.run_key, purchases_to_post(to_mark, run.state))
        yield from batch


def _searchable_ids(purchase: PurchaseHead) -> list[str]:
    """The ids under which an operator may look for the purchase."""
    return [purchase.purchase_id, *purchase.order_ids]


def _triggers_workflows(run: SyncRun, purchase: PurchaseHead) -> bool:
    age = run.now() - purchase.happened
    return not run.backfill and age <= timedelta(hours=run.settings.purchases.no_workflows_after_hours)
