"""Late parts: orders that VTEX listed after their purchase was sent. The purchase at Connectif lacks them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from include.outcomes import Outcome
from include.pipeline.run import SyncRun
from include.purchases.posting import PurchaseResult
from include.purchases.staged import PurchaseHead

LATE = "VTEX listed it after its purchase was sent; the purchase lacks it"
_NAMED = 20

LateParts = dict[str, list[str]]
"""Purchase id → the orders that it lacks."""


def late_parts(
    run: SyncRun, purchases: Iterable[PurchaseHead], results: Mapping[str, PurchaseResult]
) -> LateParts:
    """The missing orders of purchases that an earlier run sent.

    The shop's web tag reports the whole cart, so purchases from the tag lack no order.
    """
    split = {
        purchase.purchase_id: purchase.order_ids
        for purchase in purchases
        if len(purchase.order_ids) > 1 and results[purchase.purchase_id].outcome is Outcome.ALREADY_THERE
    }
    sent = {
        key: stored.order_ids
        for key, stored in run.state.purchases.recorded(split).items()
        if stored.outcome is Outcome.SENT
    }
    missing = {key: [one for one in split[key] if one not in order_ids] for key, order_ids in sent.items()}
    return {key: order_ids for key, order_ids in sorted(missing.items()) if order_ids}


def note_on_late_parts(late: LateParts) -> list[str]:
    """The report's note: a purchase at Connectif cannot be changed, only deleted and sent again."""
    if not late:
        return []
    named = ", ".join(f"{key} ({', '.join(order_ids)})" for key, order_ids in list(late.items())[:_NAMED])
    more = f" and {len(late) - _NAMED} more" if len(late) > _NAMED else ""
    return [
        f"purchases without a part of their checkout, because VTEX listed the part too late: {named}{more}. "
        "Delete each purchase at Connectif, then run it alone: parameter only with the order's id"
    ]
