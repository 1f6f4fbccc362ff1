"""Match the purchases of both sides by their ids, as columns: no HTTP, no clock, no log.

VTEX's side is the order list (ORDER_COLUMNS, one row for each order). Connectif's side is the export (`row`,
`id`, `at`, one row for each id of an activity).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from include.outcomes import Cause, Outcome, Reason
from include.purchases.orders import CANCELED, SOLD_HERE, PurchaseRules
from include.run_name import readable
from include.state import StoredPurchase
from include.values.instants import instant
from include.values.shapes import name
from include.window import Window

_PART = r"^(.+)-\d{2}$"

ORDER_COLUMNS = ("order_id", "placed", "began", "left_out", "doubtful")


def listed_order(entry: Mapping[str, Any], date_field: str, rules: PurchaseRules) -> tuple[Any, ...]:
    """An entry of VTEX's list as ORDER_COLUMNS, without the customer's data.

    `left_out` says why the order is never sent (where it was sold). The list's status may be old: an order is
    `doubtful` if its status would exclude it, and then its detail is read.
    """
    placed = instant(entry.get("creationDate"))
    status = name(entry.get("status"))
    doubtful = (
        entry.get("orderIsComplete") is False
        or status.lower() in CANCELED
        or bool(rules.statuses and status not in rules.statuses)
    )
    return (
        str(entry["orderId"]),
        placed,
        instant(entry.get(date_field)) or placed,
        _left_out(entry, rules),
        doubtful,
    )


def _left_out(entry: Mapping[str, Any], rules: PurchaseRules) -> str:
    """The rules of `orders._excluded`, as far as an entry of the order list has their fields."""
    channel, origin = name(entry.get("salesChannel")), name(entry.get("origin"))
    if origin and origin not in SOLD_HERE:
        return "origin"
    if name(entry.get("affiliateId")):
        return "affiliate"
    return "sales channel" if rules.sales_channels and channel and channel not in rules.sales_channels else ""


def checkouts(orders: pd.DataFrame, exported_ids: pd.Series, *, by_group: bool) -> pd.DataFrame:
    """One row for each possible purchase, with its id as index.

    The columns are `began`, `there` (Connectif has this id), `otherwise` (Connectif has another form of the
    id), `left_out` (empty if one part is not left out), `doubtful` and `orders` (a list).
    """
    groups = orders["order_id"].str.replace(_PART, r"\1", regex=True)
    frame = orders.assign(
        checkout=groups if by_group else orders["order_id"],
        other=(orders["order_id"] if by_group else groups).isin(exported_ids),
        accepted=orders["left_out"] == "",
    )
    found = frame.groupby("checkout").agg(
        began=("began", "min"),
        otherwise=("other", "any"),
        accepted=("accepted", "any"),
        left_out=("left_out", "first"),
        doubtful=("doubtful", "any"),
        orders=("order_id", list),
    )
    there = found.index.isin(exported_ids)
    return found.assign(
        there=there,
        otherwise=found["otherwise"] & ~there,
        left_out=found["left_out"].where(~found["accepted"], ""),
    ).drop(columns="accepted")


def only_at_connectif(exported: pd.DataFrame, orders: pd.DataFrame, window: Window) -> pd.Series:
    """The ids (the first of each activity) of exported purchases in the window without any of our orders.

    A purchase with an unreadable date counts as inside: the look-up at VTEX decides.
    """
    own_ids = pd.concat([orders["order_id"], orders["order_id"].str.replace(_PART, r"\1", regex=True)])
    known = exported["row"][exported["id"].isin(own_ids)]
    rest = exported[~exported["row"].isin(known)].drop_duplicates("row")
    inside = (rest["at"] >= window.start) & (rest["at"] < window.end)
    return rest.loc[inside | rest["at"].isna(), "id"].drop_duplicates().sort_values()


def cause_of_outcomes(reasons: Sequence[tuple[Reason, str]]) -> tuple[Cause, str]:
    """Why a checkout is no purchase, from the outcomes of its parts. Causes to fix come first."""
    ranked = sorted(reasons, key=lambda one: _RANK.index(_BY_REASON.get(one[0], Cause.REJECTED)))
    reason, detail = ranked[0]
    cause = _BY_REASON.get(reason, Cause.REJECTED)
    if cause is Cause.EXCLUDED:
        return cause, detail or ("incomplete" if reason is Reason.ORDER_INCOMPLETE else "")
    return cause, reason.value if cause in {Cause.REJECTED, Cause.HELD} else ""


_BY_REASON = {
    Reason.CONTACT_UNRESOLVED: Cause.HELD,
    Reason.TARGET_BUSY: Cause.HELD,
    Reason.PART_UNPAID: Cause.HELD,
    Reason.ORDER_CANCELED: Cause.CANCELED,
    Reason.ORDER_EXCLUDED: Cause.EXCLUDED,
    Reason.ORDER_INCOMPLETE: Cause.EXCLUDED,
    Reason.ERASED: Cause.ERASED,
}
_RANK = [Cause.ERASED, Cause.HELD, Cause.REJECTED, Cause.EXCLUDED, Cause.CANCELED]

CAUSES_AT_CONNECTIF = {Cause.CANCELED: Cause.CANCELED_SINCE, Cause.EXCLUDED: Cause.EXCLUDED_BUT_THERE}
"""The causes to use instead if Connectif has the purchase. With any other cause the record is the same."""


def cause_of_missing(
    started: datetime, known: StoredPurchase | None, covered: Sequence[Window], *, young_since: datetime
) -> tuple[Cause, str]:
    """Why Connectif lacks a purchase that can be sent: from its recorded outcome, else from the covered time.

    A purchase after all covered time and after `young_since` belongs to the next run.
    """
    if known and known.outcome in {Outcome.SENT, Outcome.ALREADY_THERE}:
        return Cause.GONE, f"{known.outcome} in {readable(known.run_key)}"
    if known and known.outcome is Outcome.REJECTED:
        return Cause.REJECTED, ": ".join(filter(None, (str(known.reason or ""), known.detail)))
    if known and known.outcome is Outcome.HELD:
        has_address = known.reason is Reason.CONTACT_UNRESOLVED
        return Cause.HELD, "VTEX shows its address now" if has_address else str(known.reason or "")
    if any(started in window for window in covered):
        return Cause.NEVER_SENT, ""
    young = bool(covered) and started >= max(covered[-1].end, young_since)
    return (Cause.TOO_YOUNG, "") if young else (Cause.NOT_COVERED, "")
