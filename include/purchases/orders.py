"""Classify VTEX's orders: which are purchases of the shop, and which orders form one purchase.

    {"orderId": "1172452900788-01", "orderGroup": "1172452900788", "origin": "Marketplace", "affiliateId": "",
     "salesChannel": "1", "status": "handling", "isCompleted": true,
     "creationDate": "2026-11-22T20:09:43.899958+00:00", "authorizedDate": null,
     "sellers": [{"id": "1"}], "items": […]}

All fields come from the order's detail, because the order list shows stale or empty statuses.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
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
"""Our mark on an order that VTEX did not answer for: the `ORDER` itself, of which nothing else is known, or
its `GROUP`, which may have more parts. It is not a state of the order: later runs read the order again."""
ORDER, GROUP = "order", "group"

UNPAID = "not paid"

CANCELED = frozenset({"cancel", "canceled", "request-cancel", "cancellation-requested", "replaced"})
SOLD_HERE = frozenset({"Marketplace", "Chain"})


@dataclass(frozen=True)
class PurchaseRules:
    """The shop's settings. `purchase_id_source` is `order_group` or `order_id`, `product_id_source` is
    `product` or `sku`, `purchase_when` is `placed` or `paid`. An empty set of channels, statuses or sellers
    means all.

    `currency` is the shop's ISO code. If it is empty, orders of all currencies count.
    """

    shop_domain: str
    purchase_id_source: str = "order_group"
    product_id_source: str = "product"
    purchase_when: str = "placed"
    sales_channels: frozenset[str] = frozenset()
    statuses: frozenset[str] = frozenset()
    sellers: frozenset[str] = frozenset()
    currency: str = ""


def classify_orders(orders: Iterable[Json], rules: PurchaseRules) -> tuple[pd.DataFrame, list[Json]]:
    """The outcomes (key: order id) of the orders that are no purchase, and the other orders.

    If an order occurs twice, the last one counts. An order with an unknown status counts as a purchase.
    ContractError for an order without `orderId`.
    """
    by_id = {key_of(order, "orderId"): order for order in orders}
    results = {key: _classify(order, rules) for key, order in by_id.items()}
    for key in _gifts_of_canceled(by_id, results, rules):
        results[key] = Reason.ORDER_CANCELED, "the parts with a price are canceled"
    refused = ((key, *outcome) for key, outcome in results.items() if outcome is not None)
    return outcome_rows_of(refused), [order for key, order in by_id.items() if results[key] is None]


def _gifts_of_canceled(
    orders: dict[str, Json], results: dict[str, tuple[Reason, str] | None], rules: PurchaseRules
) -> list[str]:
    """The orders of value 0 (gifts of a second seller) in purchases whose parts with a price are all canceled
    (VTEX known issue 679598)."""
    canceled: dict[str, bool] = {}
    for key, order in orders.items():
        group, reason = purchase_id(order, rules), (results[key] or (None, ""))[0]
        if value_cents(order) > 0 or reason is Reason.TARGET_BUSY or UNANSWERED in order:
            canceled[group] = canceled.get(group, True) and reason is Reason.ORDER_CANCELED
    refused = {group for group, all_are in canceled.items() if all_are}
    return [
        key
        for key, order in orders.items()
        if results[key] is None and value_cents(order) <= 0 and purchase_id(order, rules) in refused
    ]


def value_cents(order: Json) -> int:
    """The order's `value` with shipping, tax and discounts; if it is missing, the sum of its `totals`."""
    value = cents_of_cents(order.get("value"))
    if value is not None:
        return value
    return sum(cents_of_cents(total.get("value")) or 0 for total in records(order.get("totals")))


def purchase_id(order: Json, rules: PurchaseRules) -> str:
    """The id that the shop's web tag reports: the order group, or the order's own id."""
    own = key_of(order, "orderId")
    return own if rules.purchase_id_source == "order_id" else name(order.get("orderGroup")) or own


def earliest_instants(orders: Iterable[Json], rules: PurchaseRules) -> dict[str, datetime]:
    """Purchase id → when it happened: the earliest creation of its orders (with `paid`: authorization).

    Canceled orders count too, so that a purchase stays in its window. A purchase without a date is left out.
    """
    earliest: dict[str, datetime] = {}
    for order in orders:
        moment = instant(order.get("authorizedDate" if rules.purchase_when == "paid" else "creationDate"))
        if moment is not None:
            key = purchase_id(order, rules)
            earliest[key] = min(moment, earliest.get(key, moment))
    return earliest


def incomplete_purchases(orders: Iterable[Json], rules: PurchaseRules) -> dict[str, tuple[Reason, str]]:
    """Purchases that are incomplete, by id, and their reason. If posted now, they would stay incomplete.

    A part that lacks only its payment has its own reason: no address or vendor is at fault, and
    `order_excluded` would be final for the paid parts.
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
    """Why the order is excluded (sold elsewhere, not paid yet, a setting); empty if it is not.

    `reconcile_match` applies the same rules to the few fields of the order list.
    """
    paid = rules.purchase_when != "paid" or instant(order.get("authorizedDate")) is not None
    obstacles = (
        ("origin", name(order.get("origin")) not in SOLD_HERE),
        ("affiliate", bool(name(order.get("affiliateId")))),
        ("sales channel", _not_among(rules.sales_channels, {name(order.get("salesChannel"))})),
        ("status", _not_among(rules.statuses, {name(order.get("status"))})),
        ("seller", _not_among(rules.sellers, _sellers(order))),
        ("currency", bool(rules.currency) and currency_of(order) not in {"", rules.currency.upper()}),
        (UNPAID, not paid),  # last, because the other obstacles are permanent
    )
    return next((word for word, applies in obstacles if applies), "")


def currency_of(order: Json) -> str:
    """The ISO code of the order's currency; empty if the order has none."""
    return name(record(order.get("storePreferencesData")).get("currencyCode")).upper()


def _not_among(wanted: frozenset[str], found: set[str]) -> bool:
    return bool(wanted) and wanted.isdisjoint(found)


def _sellers(order: Json) -> set[str]:
    named = {name(seller.get("id")) for seller in records(order.get("sellers"))}
    return named | {name(item.get("seller")) for item in records(order.get("items"))}


_PART = re.compile(r"^(.+)-(\d{2})$")


def group_of(order_id: str) -> str:
    """The order group, from VTEX's form of ids; an id of another form is its own group."""
    match = _PART.match(order_id)
    return match[1] if match else order_id


def missing_parts(order_ids: Iterable[str]) -> set[str]:
    """The ids of missing parts: a part must exist if a part with a higher number is among the ids."""
    numbers: dict[str, set[int]] = defaultdict(set)
    for order_id in order_ids:
        if match := _PART.match(order_id):
            numbers[match[1]].add(int(match[2]))
    return {
        f"{group}-{number:02}"
        for group, parts in numbers.items()
        for number in range(1, max(parts))
        if number not in parts
    }
