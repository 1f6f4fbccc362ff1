"""The accounts of the load: what became of each order, and how many purchases the web tag had missed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from include.mapping.result import verdicts_of
from include.outcomes import Drop, Outcome, Reason
from include.report import StageCounts, Tracking
from include.staging import Staging
from include.sync.purchases.posting import Answer
from include.sync.replay import keep_sent_at_last
from include.sync.run import SyncRun, count_verdicts, keep_verdicts


def tally(
    run: SyncRun,
    target: Staging,
    purchases: Iterable[dict[str, Any]],
    answers: Mapping[str, Answer],
    added_before: Collection[str],
) -> StageCounts:
    """Count the orders by the answers to their purchases, keep verdicts on those not plainly sent, and the
    purchases by day. `added_before` are those that Connectif has from us: not the tag's merit."""
    counts, judged, sent = StageCounts(), list[tuple[str, Reason, str]](), list[str]()
    zone = ZoneInfo(run.settings.schedule.time_zone)
    for purchase in purchases:
        answer = answers[purchase["purchase_id"]]
        counts.written += answer.outcome is Outcome.SENT
        counts.drops[Drop.LINE_WITHOUT_PRICE] += answer.lines_left_out
        if answer.reason is None:
            counts.count(answer.outcome, len(purchase["order_ids"]))
            sent += purchase["order_ids"]
        else:
            judged += [(order_id, answer.reason, answer.detail) for order_id in purchase["order_ids"]]
        if run.plan.is_partial:
            continue  # chosen purchases say nothing about a day
        day = f"{datetime.fromisoformat(purchase['happened']).astimezone(zone):%Y-%m-%d}"
        met = _met(answer, purchase["purchase_id"] in added_before)
        counts.tracking[day] = counts.tracking.get(day, Tracking()) + met
    verdicts = verdicts_of(judged)
    keep_verdicts(target, "answers", verdicts)
    keep_sent_at_last(run, target, sent)
    count_verdicts(counts, verdicts)
    return counts


def _met(answer: Answer, added_before: bool) -> Tracking:
    """A purchase that Connectif has neither from the tag nor from us (rejected) is nobody's."""
    if answer.outcome is Outcome.SENT or (answer.outcome is Outcome.ALREADY_THERE and added_before):
        return Tracking(added=1)
    return Tracking(tracked=1) if answer.outcome is Outcome.ALREADY_THERE else Tracking()
