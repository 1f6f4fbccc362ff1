"""The accounts of the load: what became of each order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from include.outcomes import Drop, Outcome, Reason
from include.pipeline.replay import keep_sent_replays
from include.pipeline.run import SyncRun, count_outcomes, keep_outcomes
from include.purchases.late_parts import LATE, LateParts
from include.purchases.posting import Answer
from include.report import StageCounts
from include.staging import Staging
from include.values.mapped import outcome_rows_of


def summarize_load(
    run: SyncRun,
    target: Staging,
    purchases: Iterable[dict[str, Any]],
    answers: Mapping[str, Answer],
    late: LateParts,
) -> StageCounts:
    """Count the orders by the answers to their purchases, and keep outcomes on those not plainly sent."""
    counts, compared_records, sent = StageCounts(), list[tuple[str, Reason, str]](), list[str]()
    for purchase in purchases:
        answer = answers[purchase["purchase_id"]]
        counts.written += answer.outcome is Outcome.SENT
        counts.drops[Drop.LINE_WITHOUT_PRICE] += answer.lines_left_out
        if answer.reason is None:
            counts.count(answer.outcome, len(purchase["order_ids"]))
            sent += purchase["order_ids"]
        else:
            lacks = late.get(purchase["purchase_id"], ())
            compared_records += [
                (order_id, answer.reason, LATE if order_id in lacks else answer.detail)
                for order_id in purchase["order_ids"]
            ]
    outcomes = outcome_rows_of(compared_records)
    keep_outcomes(target, "answers", outcomes)
    keep_sent_replays(run, target, sent)
    count_outcomes(counts, outcomes)
    return counts
