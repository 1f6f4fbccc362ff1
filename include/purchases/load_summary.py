"""The summary of a load: the outcome of each order, and the tracking loss of each day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from include.outcomes import Drop, Outcome, PipelineName, Reason
from include.pipeline.replay import keep_sent_replays
from include.pipeline.run import SyncRun, count_outcomes, keep_outcomes
from include.purchases.late_parts import LATE, LateParts
from include.purchases.posting import PurchaseResult
from include.purchases.staged import PurchaseHead
from include.report import StageCounts, Tracking
from include.staging import Staging
from include.values.mapped import outcome_rows_of
from include.window import Window, subtracted


def summarize_load(
    run: SyncRun,
    target: Staging,
    purchases: Iterable[PurchaseHead],
    results: Mapping[str, PurchaseResult],
    late: LateParts,
) -> StageCounts:
    """Count the orders by the results of their purchases, and stage the outcomes that have a reason."""
    counts, rows, sent = StageCounts(), list[tuple[str, Reason, str]](), list[str]()
    for purchase in purchases:
        result = results[purchase.purchase_id]
        counts.written += result.outcome is Outcome.SENT
        counts.drops[Drop.LINE_WITHOUT_PRICE] += result.lines_left_out
        if result.reason is None:
            counts.count(result.outcome, len(purchase.order_ids))
            sent += purchase.order_ids
        else:
            missing = late.get(purchase.purchase_id, ())
            rows += [
                (order_id, result.reason, LATE if order_id in missing else result.detail)
                for order_id in purchase.order_ids
            ]
    outcomes = outcome_rows_of(rows)
    keep_outcomes(target, "answers", outcomes)
    keep_sent_replays(run, target, sent)
    count_outcomes(counts, outcomes)
    return counts


def tracking_by_day(run: SyncRun, happened: Iterable[datetime]) -> dict[str, Tracking]:
    """The tracking loss: of each day, how many purchases the shop's web tag reported, and how many it missed.

    Days are those of the shop's time zone. A run from 04:00 to 04:00 completes one day and starts the next,
    so each day counts the purchases of all runs so far. A purchase that we sent stays ours if a later run
    reads it again. A purchase that Connectif does not have (rejected, held) is unknown.
    """
    zone = run.settings.schedule.zone
    covered = run.state.progress.covered(PipelineName.PURCHASES) + (
        [run.plan.window] if run.plan.window else []
    )
    days = {day: _bounds(day, zone) for day in sorted({at.astimezone(zone).date() for at in happened})}
    by_day: dict[str, Tracking] = {}
    for day, bounds in days.items():
        purchases = run.state.purchases.count_by_outcome(bounds)
        by_day[f"{day}"] = Tracking(
            tracked=purchases[Outcome.ALREADY_THERE],
            added=purchases[Outcome.SENT],
            unknown=purchases[Outcome.REJECTED] + purchases[Outcome.HELD],
            whole=not subtracted([bounds], covered),
        )
    return by_day


def _bounds(day: date, zone: ZoneInfo) -> Window:
    """From midnight to midnight, which can be 23 to 25 hours."""
    start, end = (datetime.combine(one, time(), zone) for one in (day, day + timedelta(days=1)))
    return Window(start, end)
