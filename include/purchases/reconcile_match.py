"""Purchases of both sides by their ids, as columns: no HTTP, no clock, no log.

Ours is the order list (ORDER_COLUMNS, one row an order), theirs the export (`row`, `id`, `at`, one row for
each id that an activity names).
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
    """An entry of VTEX's list as ORDER_COLUMNS; what it says of the customer stays behind.

    `left_out` says what keeps the order out for good (where it was sold). The list's status may be old: one
    that would keep the order out makes it `doubtful`, and its detail is read.
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
    channel, origin = name(entry.get("salesChannel")), name(entry.get("origin"))
    if origin and origin not in SOLD_HERE:
        return "origin"
    if name(entry.get("affiliateId")):
        return "affiliate"
    return "sales channel" if rules.sales_channels and channel and channel not in rules.sales_channels else ""


def checkouts(orders: pd.DataFrame, theirs: pd.Series, *, by_group: bool) -> pd.DataFrame:
    """One row a purchase to be, indexed by its id: `began`, `there` (Connectif has that id), `otherwise` (it
    has another form of it), `left_out` (empty as soon as one part is not), `doubtful`, `orders` (a list).

    `theirs` are all ids of the export.
    """
    groups = orders["order_id"].str.replace(_PART, r"\1", regex=True)
    frame = orders.assign(
        checkout=groups if by_group else orders["order_id"],
        other=(orders["order_id"] if by_group else groups).isin(theirs),
        going=orders["left_out"] == "",
    )
    found = frame.groupby("checkout").agg(
        began=("began", "min"),
        otherwise=("other", "any"),
        going=("going", "any"),
        left_out=("left_out", "first"),
        doubtful=("doubtful", "any"),
        orders=("order_id", list),
    )
    there = found.index.isin(theirs)
    return found.assign(
        there=there,
        otherwise=found["otherwise"] & ~there,
        left_out=found["left_out"].where(~found["going"], ""),
    ).drop(columns="going")


def only_theirs(theirs: pd.DataFrame, orders: pd.DataFrame, window: Window) -> pd.Series:
    """The ids (the first of each activity) of purchases in the window of which no id is ours in any form.

    A date that cannot be read counts as inside: the look-up at VTEX tells.
    """
    ours = pd.concat([orders["order_id"], orders["order_id"].str.replace(_PART, r"\1", regex=True)])
    known = theirs["row"][theirs["id"].isin(ours)]
    rest = theirs[~theirs["row"].isin(known)].drop_duplicates("row")
    inside = (rest["at"] >= window.start) & (rest["at"] < window.end)
    return rest.loc[inside | rest["at"].isna(), "id"].drop_duplicates().sort_values()


def cause_of_outcomes(reasons: Sequence[tuple[Reason, str]]) -> tuple[Cause, str]:
    """Why a checkout is no purchase, by the outcomes on its parts: what could be mended comes first."""
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

BUT_THERE = {Cause.CANCELED: Cause.CANCELED_SINCE, Cause.EXCLUDED: Cause.EXCLUDED_BUT_THERE}
"""What it is called that Connectif has a purchase which VTEX's orders are none of (others are the same)."""


def cause_of_missing(
    began: datetime, known: StoredPurchase | None, covered: Sequence[Window], *, young_since: datetime
) -> tuple[Cause, str]:
    """Why a purchase that could go is not there: by what we wrote down, else by what runs have covered.

    What lies after all covered time, and after `young_since`, is for the next run.
    """
    if known and known.outcome in {Outcome.SENT, Outcome.ALREADY_THERE}:
        return Cause.GONE, f"{known.outcome} in {readable(known.run_key)}"
    if known and known.outcome is Outcome.REJECTED:
        return Cause.REJECTED, ": ".join(filter(None, (str(known.reason or ""), known.detail)))
    if known and known.outcome is Outcome.HELD:
        resolved = known.reason is Reason.CONTACT_UNRESOLVED
        return Cause.HELD, "its address is known by now" if resolved else str(known.reason or "")
    if any(began in window for window in covered):
        return Cause.NEVER_SENT, ""
    young = bool(covered) and began >= max(covered[-1].end, young_since)
    return (Cause.TOO_YOUNG, "") if young else (Cause.NOT_COVERED, "")
