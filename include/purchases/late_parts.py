"""Parts of a checkout that VTEX listed after its purchase was sent: at Connectif they are missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from include.outcomes import Outcome
from include.pipeline.run import SyncRun
from include.purchases.posting import Answer

LATE = "listed after its purchase was sent, which lacks it"
_NAMED = 20

LateParts = dict[str, list[str]]
"""Purchase id → the orders that it lacks."""


def late_parts(run: SyncRun, purchases: Iterable[dict[str, Any]], answers: Mapping[str, Answer]) -> LateParts:
    """Of purchases that Connectif has from a run of ours: the orders that they were not made of.

    What the shop's web tag reported is the whole cart, and lacks nothing.
    """
    split = {
        purchase["purchase_id"]: purchase["order_ids"]
        for purchase in purchases
        if len(purchase["order_ids"]) > 1
        and answers[purchase["purchase_id"]].outcome is Outcome.ALREADY_THERE
    }
    sent = {
        key: stored.order_ids
        for key, stored in run.state.recorded_purchases(split).items()
        if stored.outcome is Outcome.SENT
    }
    lacking = {key: [one for one in split[key] if one not in order_ids] for key, order_ids in sent.items()}
    return {key: order_ids for key, order_ids in sorted(lacking.items()) if order_ids}


def note_on(late: LateParts) -> list[str]:
    """What the report says of them: a purchase at Connectif cannot be changed, only deleted and sent anew."""
    if not late:
        return []
    named = ", ".join(f"{key} ({', '.join(order_ids)})" for key, order_ids in list(late.items())[:_NAMED])
    more = f" and {len(late) - _NAMED} more" if len(late) > _NAMED else ""
    return [
        f"purchases that lack a part of their checkout, which VTEX listed after they were sent: {named}{more}"
        ". Delete each at Connectif, then run it alone with only and the order's id"
    ]
