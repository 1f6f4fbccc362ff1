"""Which orders of VTEX are purchases of the shop, and which orders are one purchase.

    {"orderId": "1172452900788-01", "orderGroup": "1172452900788", "origin": "Marketplace", "affiliateId": "",
     "salesChannel": "1", "status": "handling", "isCompleted": true,
     "creationDate": "2026-11-22T20:09:43.899958+00:00", "authorizedDate": null,
     "sellers": [{"id": "1"}], "items": […]}

All of it is read from the order's detail: the order list shows stale or empty statuses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.outcomes import Reason
from include.purchases.type_checks import unreadable_field
from include.values.instants import instant
from include.values.mapped import outcome_rows_of
from include.values.money import cents_of_cents
from include.values.shapes import Json, key_of, name, record, records

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    import pandas as pd

UNANSWERED = "unanswered"
"""A mark of ours on an order: VTEX did not answer for the `ORDER` itself, of which nothing else is known, or
for its `GROUP`, which may have more parts. It is no state of the order: it is asked for again."""
ORDER, GROUP = "order", "group"

UNPAID = "not paid"

CANCELED = frozenset({"cancel", "canceled", "request-cancel", "cancellation-requested", "replaced"})
SOLD_HERE = frozenset({"Marketplace", "Chain"})


@dataclass(frozen=True)
class PurchaseRules:
    """What a shop has set. `purchase_id_source` is `order_group` or `order_id`, `product_id_source` `product`
    or `sku`, `purchase_when` `placed` or `paid`; an empty set of channels, statuses or sellers means all.
    `currency` is the shop's ISO code, empty where it is not known: then no order is in another one."""

    shop_domain: str
    purchase_id_source: str = "order_group"
    product_id_source: str = "product"
    purchase_when: str = "placed"
    sales_channels: frozenset[str] = frozenset()
    statuses: frozenset[str] = frozenset()
    sellers: frozenset[str] = frozenset()
    currency: str = ""


def classify_orders(orders: Iterable[Json], rules: PurchaseRules) -> tuple[pd.DataFrame, list[Json]]:
    """The outcomes (key: order id) of the orders that are no purchase, and the orders that go on.

    An order that comes twice counts once, as read last. A status that nobody knows yet goes on.
    ContractError for an order without `orderId`.
    """
    read = {key_of(order, "orderId"): order for order in orders}
    compared_records = {key: _classify(order, rules) for key, order in read.items()}
    for key in _gifts_left_over(read, compared_records, rules):
        compared_records[key] = Reason.ORDER_CANCELED, "the parts with a price are canceled"
    refused = ((key, *outcome) for key, outcome in compared_records.items() if outcome is not None)
    return outcome_rows_of(refused), [order for key, order in read.items() if compared_records[key] is None]


def _gifts_left_over(
    orders: dict[str, Json], compared_records: dict[str, tuple[Reason, str] | None], rules: PurchaseRules
) -> list[str]:
    """The orders worth nothing (gifts of a second seller) of purchases whose parts with a price are all
    canceled (VTEX known issue 679598)."""
    canceled: dict[str, bool] = {}
    for key, order in orders.items():
        group, reason = purchase_id(order, rules), (compared_records[key] or (None, ""))[0]
        if value_cents(order) > 0 or reason is Reason.TARGET_BUSY or UNANSWERED in order:
            canceled[group] = canceled.get(group, True) and reason is Reason.ORDER_CANCELED
    refused = {group for group, all_are in canceled.items() if all_are}
    return [
        key
        for key, order in orders.items()
        if compared_records[key] is None and value_cents(order) <= 0 and purchase_id(order, rules) in refused
    ]


def value_cents(order: Json) -> int:
    """`value`, with shipping, tax and discounts; should it be missing, the sum of the order's `totals`."""
    value = cents_of_cents(order.get("value"))
    if value is not None:
        return value
    return sum(cents_of_cents(total.get("value")) or 0 for total in records(order.get("totals")))


def purchase_id(order: Json, rules: PurchaseRules) -> str:
    """The id that the shop's web tag reported: the order group, or the order's own id."""
    own = key_of(order, "orderId")
    return own if rules.purchase_id_source == "order_id" else name(order.get("orderGroup")) or own


def earliest_instants(orders: Iterable[Json], rules: PurchaseRules) -> dict[str, datetime]:
    """Purchase id → when it happened: the earliest creation (authorization with `paid`) of all its orders,
    canceled ones too, so that a purchase stays in its window. Without any such date it is left out."""
    earliest: dict[str, datetime] = {}
    for order in orders:
        moment = instant(order.get("authorizedDate" if rules.purchase_when == "paid" else "creationDate"))
        if moment is not None:
            key = purchase_id(order, rules)
            earliest[key] = min(moment, earliest.get(key, moment))
    return earliest


def waiting(orders: Iterable[Json], rules: PurchaseRules) -> dict[str, tuple[Reason, str]]:
    """Purchases that are not whole yet, by id, and what they wait for: posted in part they would stay so.

    A part that lacks nothing but its payment has a reason of its own: neither address nor vendor is at fault,
    and `order_excluded` would be final for the parts that are paid.
    """
    found: dict[str, tuple[Reason, str]] = {}
    for order in orders:
        if rules.purchase_when == "paid" and _classify(order, rules) == (Reason.ORDER_EXCLUDED, UNPAID):
            found.setdefault(purchase_id(order, rules), (Reason.PART_UNPAID, ""))
        if UNANSWERED in order and (order[UNANSWERED] == ORDER or rules.purchase_id_source == "order_group"):
            found[purchase_id(order, rules)] = Reason.TARGET_BUSY, "VTEX did not answer for all of its parts"
        elif field := unreadable_field(order):
            found[purchase_id(order, rules)] = Reason.TARGET_BUSY, f"a part has an unreadable {field}"
    return found


def _classify(order: Json, rules: PurchaseRules) -> tuple[Reason, str] | None:
    if order.get(UNANSWERED) == ORDER:
        return Reason.TARGET_BUSY, "VTEX did not answer for it"
    if field := unreadable_field(order):
        return Reason.TARGET_BUSY, f"VTEX answered an unreadable {field}"
    if order.get("isCompleted") is False:  # absent is not false
        return Reason.ORDER_INCOMPLETE, ""
    if instant(order.get("creationDate")) is None:
        return Reason.ORDER_INCOMPLETE, "no creation date"
    if name(order.get("status")).lower() in CANCELED:
        return Reason.ORDER_CANCELED, ""
    excluded = _excluded(order, rules)
    return (Reason.ORDER_EXCLUDED, excluded) if excluded else None


def _excluded(order: Json, rules: PurchaseRules) -> str:
    """What keeps the order out (sold elsewhere, not paid yet, a setting); empty when nothing does."""
    paid = rules.purchase_when != "paid" or instant(order.get("authorizedDate")) is not None
    obstacles = (
        ("origin", name(order.get("origin")) not in SOLD_HERE),
        ("affiliate", bool(name(order.get("affiliateId")))),
        ("sales channel", _not_among(rules.sales_channels, {name(order.get("salesChannel"))})),
        ("status", _not_among(rules.statuses, {name(order.get("status"))})),
        ("seller", _not_among(rules.sellers, _sellers(order))),
        ("currency", bool(rules.currency) and currency_of(order) not in {"", rules.currency.upper()}),
        (UNPAID, not paid),  # the last: all else stays as it is
    )
    return next((word for word, stands in obstacles if stands), "")


def currency_of(order: Json) -> str:
    """The ISO code of the order's money; empty when it does not say."""
    return name(record(order.get("storePreferencesData")).get("currencyCode")).upper()


def _not_among(wanted: frozenset[str], found: set[str]) -> bool:
    return bool(wanted) and wanted.isdisjoint(found)


def _sellers(order: Json) -> set[str]:
    named = {name(seller.get("id")) for seller in records(order.get("sellers"))}
    return named | {name(item.get("seller")) for item in records(order.get("items"))}
