"""Results of purchases as rows of the state store, and back."""

from __future__ import annotations

from include.outcomes import Reason
from include.purchases.posting import PurchaseResult
from include.purchases.staged import PurchaseHead
from include.state import PurchaseOutcome, StateStore, StoredPurchase


def outcome_to_store(purchase: PurchaseHead, result: PurchaseResult, state: StateStore) -> PurchaseOutcome:
    """The result as a row of the state store.

    The row names the buyer by a hash, so that an erasure finds it; the row of an erased person has no hash.
    """
    email = None if result.reason is Reason.ERASED else purchase.email
    return PurchaseOutcome(
        purchase.purchase_id,
        result.outcome,
        result.reason,
        result.detail,
        list(purchase.order_ids),
        purchase.happened,
        state.hashed(email) if email is not None else None,
        result.lines_left_out,
    )


def recorded_result(stored: StoredPurchase) -> PurchaseResult:
    """The result that an earlier attempt of this run recorded.

    A row with a reason may be a sent purchase that a later attempt repeated, so the reason decides.
    """
    outcome = stored.reason.outcome if stored.reason else stored.outcome
    left_out = 0 if stored.reason else stored.lines_left_out
    return PurchaseResult(outcome, stored.reason, stored.detail, left_out)
