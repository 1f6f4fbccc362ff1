"""What the store is told of a purchase's answer, and how it tells an earlier attempt's."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from include.outcomes import OUTCOME_OF, Reason
from include.purchases.posting import Answer
from include.state import PurchaseOutcome, StateStore, StoredPurchase


def to_record(purchase: dict[str, Any], answer: Answer, state: StateStore) -> PurchaseOutcome:
    """The answer for the store. The person is named by a hash, so that an erasure finds the row, except
    where the person is erased already.
    """
    known = answer.reason is not Reason.ERASED and "body" in purchase
    return PurchaseOutcome(
        purchase["purchase_id"],
        answer.outcome,
        answer.reason,
        answer.detail,
        purchase["order_ids"],
        datetime.fromisoformat(purchase["happened"]),
        state.hashed(purchase["body"]["contactEmail"]) if known else None,
        answer.lines_left_out,
    )


def recorded_answer(stored: StoredPurchase) -> Answer:
    """What an earlier attempt of this run was answered (a sent purchase may have been met again)."""
    outcome = OUTCOME_OF[stored.reason] if stored.reason else stored.outcome
    left_out = 0 if stored.reason else stored.lines_left_out
    return Answer(outcome, stored.reason, stored.detail, left_out)
