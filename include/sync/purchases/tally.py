"""The accounts of the load: what became of each order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from include.mapping.result import verdicts_of
from include.outcomes import Drop, Outcome, Reason
from include.report import StageCounts
from include.staging import Staging
from include.sync.purchases.late import LATE, LateParts
from include.sync.purchases.posting import Answer
from include.sync.replay import keep_sent_at_last
from include.sync.run import SyncRun, count_verdicts, keep_verdicts


def tally(
    run: SyncRun,
    target: Staging,
    purchases: Iterable[dict[str, Any]],
    answers: Mapping[str, Answer],
    late: LateParts,
) -> StageCounts:
    """Count the orders by the answers to their purchases, and keep verdicts on those not plainly sent."""
    counts, judged, sent = StageCounts(), list[tuple[str, Reason, str]](), list[str]()
    for purchase in purchases:
        answer = answers[purchase["purchase_id"]]
        counts.written += answer.outcome is Outcome.SENT
        counts.drops[Drop.LINE_WITHOUT_PRICE] += answer.lines_left_out
        if answer.reason is None:
            counts.count(answer.outcome, len(purchase["order_ids"]))
            sent += purchase["order_ids"]
        else:
            lacks = late.get(purchase["purchase_id"], ())
            judged += [
                (order_id, answer.reason, LATE if order_id in lacks else answer.detail)
                for order_id in purchase["order_ids"]
            ]
    verdicts = verdicts_of(judged)
    keep_verdicts(target, "answers", verdicts)
    keep_sent_at_last(run, target, sent)
    count_verdicts(counts, verdicts)
    return counts
