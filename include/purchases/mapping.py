"""Orders of VTEX → purchases of Connectif, as the bodies of `POST /purchases/`.

The orders of one order group (a cart split by seller) are one purchase: it has all lines and the sum of the
totals, without canceled parts. Connectif cannot update a purchase, so the first post must be right. An item
of an order:

    {"id": "18", "productId": "6", "name": "Glass", "quantity": 2, "sellingPrice": 990, "listPrice": 1990,
     "unitMultiplier": 1.0, "priceDefinition": {"total": 1980}, "imageUrl": "…", "detailUrl": "/glass/p",
     "additionalInfo": {"brandName": "Acme", "categoriesIds": "/1/9/",
                        "categories": [{"id": 9, "name": "Glasses"}, {"id": 1, "name": "Kitchen"}]}}
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from include.outcomes import Drop, Reason
from include.products.categories import line_categories
from include.purchases.order_items import list_cents, sold_items
from include.purchases.orders import (
    PurchaseRules,
    classify_orders,
    earliest_instants,
    incomplete_purchases,
    purchase_id,
    value_cents,
)
from include.purchases.type_checks import is_readable_item
from include.values.email import email_problem, tidy_email, without_soft_alias
from include.values.instants import instant
from include.values.links import page_url, picture_url
from include.values.mapped import outcome_rows_of
from include.values.money import units
from include.values.shapes import Json, key_of, name, record, records, values
from include.values.text import text_of, tidy_one
from include.window import utc_milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

__all__ = [
    "MappedPurchases",
    "Purchase",
    "PurchaseRules",
    "classify_orders",
    "earliest_instants",
    "map_purchases",
    "payment_method",
    "profile_id",
    "purchase_id",
    "sales_channel",
]


@dataclass(frozen=True)
class Purchase:
    """One purchase to send.

    `happened` is the earliest creation of its orders. `contact_from_order` needs the `orders`. `drops` counts
    the lines and fields that were left out. Orders and body hold personal data, so the repr omits them.
    """

    purchase_id: str
    order_ids: tuple[str, ...]
    happened: datetime
    body: Json = field(repr=False)
    orders: tuple[Json, ...] = field(repr=False)
    drops: Counter[Drop] = field(default_factory=Counter)


@dataclass(frozen=True)
class MappedPurchases:
    """Each order belongs to one purchase (`order_ids`) or has one outcome (key: order id)."""

    purchases: tuple[Purchase, ...]
    outcomes: pd.DataFrame = field(repr=False)


def profile_id(order: Json) -> str:
    """The customer's id (`CL.userId`); empty if the order has none (marketplaces, some guests)."""
    return name(record(order.get("clientProfileData")).get("userProfileId"))


def map_purchases(
    orders: Sequence[Json],
    rules: PurchaseRules,
    emails: Mapping[str, str],
    catalogue: Mapping[str, Json] | None = None,
) -> MappedPurchases:
    """Details of whole order groups → purchases, and the outcomes of all other orders.

    `emails` maps a `profile_id` to the real address. An order's own address counts only if it is no alias.
    `catalogue` maps a SKU id to the `catalogue_item` of an item that a change added. `orders` must include
    the orders that `classify_orders` refuses: such an order can show that a purchase is incomplete.
    """
    refused, accepted = classify_orders(orders, rules)
    incomplete = incomplete_purchases(orders, rules)
    addresses = _addresses(accepted, emails)
    happened = earliest_instants(orders, PurchaseRules(rules.shop_domain, rules.purchase_id_source))
    purchases: list[Purchase] = []
    rows: list[tuple[str, Reason, str]] = []
    for key, parts in _groups(accepted, rules).items():
        ids = tuple(key_of(part, "orderId") for part in parts)
        lines, drops = lines_of(parts, rules, catalogue or {})
        address = next((addresses[order_id] for order_id in ids if order_id in addresses), None)
        if key in incomplete:
            rows.extend((order_id, *incomplete[key]) for order_id in ids)
        elif not lines:
            rows.extend((order_id, Reason.NO_LINES, "") for order_id in ids)
        elif address is None:
            rows.extend((order_id, Reason.CONTACT_UNRESOLVED, "") for order_id in ids)
        else:
            body = _body(key, parts, lines, address, happened[key])
            drops[Drop.FIELD_UNREADABLE] += sum(map(_payment_is_unreadable, parts))
            purchases.append(Purchase(key, ids, happened[key], body, tuple(parts), +drops))
    outcomes = pd.concat([refused, outcome_rows_of(rows)], ignore_index=True) if rows else refused
    return MappedPurchases(tuple(purchases), outcomes)


def _groups(orders: Iterable[Json], rules: PurchaseRules) -> dict[str, list[Json]]:
    """The orders of each purchase, earliest first."""
    groups: dict[str, list[Json]] = {}
    for order in sorted(orders, key=lambda order: (instant(order["creationDate"]), key_of(order, "orderId"))):
        groups.setdefault(purchase_id(order, rules), []).append(order)
    return groups


def _addresses(orders: list[Json], emails: Mapping[str, str]) -> dict[str, str]:
    """Order id → the customer's real address, if it is known."""
    ids = [key_of(order, "orderId") for order in orders]
    found: dict[str, str] = {}
    known = [emails.get(profile_id(order)) for order in orders]
    own = [record(order.get("clientProfileData")).get("email") for order in orders]
    for candidates in (
        tidy_email(pd.Series(known, index=ids, dtype=object)),
        without_soft_alias(tidy_email(pd.Series(own, index=ids, dtype=object))),
    ):
        for order_id, address in candidates[email_problem(candidates).isna()].items():
            found.setdefault(str(order_id), address)
    return found


def _body(key: str, parts: list[Json], lines: list[Json], address: str, happened: datetime) -> Json:
    body: dict[str, Any] = {
        "purchaseId": key,
        "cartId": _cart_id(parts) or key,
        "contactEmail": address,
        "purchaseDate": utc_milliseconds(happened),
        "paymentMethod": payment_method(parts) or None,
        "totalPrice": units(max(0, sum(map(value_cents, parts)))),
        "totalQuantity": sum(line["quantity"] for line in lines),
        "products": lines,
    }
    return {field: value for field, value in body.items() if value is not None}


def _cart_id(parts: list[Json]) -> str:
    known = (name(part.get(source)) for source in ("orderFormId", "orderGroup") for part in parts)
    return next(filter(None, known), "")


def payment_method(parts: Sequence[Json]) -> str:
    """The payment systems of a purchase's orders: `Visa`, `Visa, Pix`; empty if there is none."""
    return ", ".join(_payment_systems(parts))


def sales_channel(parts: Sequence[Json]) -> str:
    """The sales channel of a purchase: that of its first order."""
    return name(parts[0].get("salesChannel")) if parts else ""


def _payment_systems(parts: Sequence[Json]) -> list[str]:
    """The payment systems of the active transactions: an inactive one is an abandoned attempt."""
    payments = (
        payment
        for part in parts
        for transaction in records(record(part.get("paymentData")).get("transactions"))
        if transaction.get("isActive") is None or transaction.get("isActive") is True
        for payment in records(transaction.get("payments"))
    )
    return list(
        dict.fromkeys(filter(None, (tidy_one(payment.get("paymentSystemName")) for payment in payments)))
    )


def _payment_is_unreadable(order: Json) -> bool:
    """Whether a part of the payment data has a wrong type and is left out."""
    data = order.get("paymentData")
    found = record(data).get("transactions")
    transactions = records(found)
    return (
        not isinstance(data, dict | None)
        or not isinstance(found, list | None)
        or len(transactions) != len(found or [])
        or any(not isinstance(one.get("isActive"), bool | None) for one in transactions)
        or any(not isinstance(one.get("payments"), list | None) for one in transactions)
    )


def lines_of(
    orders: Iterable[Json], rules: PurchaseRules, catalogue: Mapping[str, Json]
) -> tuple[list[Json], Counter[Drop]]:
    """The lines in Connectif's form, one for each (product, unit price); a gift is a line of price 0.

    `catalogue` describes, by SKU id, the items that a change added. The drops count lines with an unknown
    product, lines with a total below 0, and unreadable fields.
    """
    merged: dict[tuple[str, int], tuple[Json, int, int]] = {}
    drops: Counter[Drop] = Counter()
    orders = list(orders)
    drops[Drop.FIELD_UNREADABLE] = sum(
        not is_readable_item(item) for order in orders for item in values(order.get("items"))
    )
    for sold in (sold for order in orders for sold in sold_items(order, catalogue)):
        product = _product_id(sold.item, rules)
        if not product:
            drops[Drop.LINE_UNKNOWN] += 1
            continue
        drops[Drop.LINE_NEGATIVE] += sold.total < 0
        drops[Drop.FIELD_UNREADABLE] += _unreadable_fields(sold.item)
        key = product, sold.unit
        line, quantity, paid = merged.get(key, (_line(product, sold.unit, sold.item, rules), 0, 0))
        merged[key] = line, quantity + sold.quantity, paid + max(0, sold.total)
    lines = [{**line, "quantity": number, "price": units(paid)} for line, number, paid in merged.values()]
    return lines, +drops


def _product_id(item: Json, rules: PurchaseRules) -> str:
    """The product id; empty for an item without a product in VTEX, because no catalogue has it."""
    return name(item.get("productId")) and name(
        item.get("id" if rules.product_id_source == "sku" else "productId")
    )


def _line(product: str, unit: int, item: Json, rules: PurchaseRules) -> Json:
    more = record(item.get("additionalInfo"))
    listed = list_cents(item, unit)
    line: dict[str, Any] = {
        "productId": product,
        "name": tidy_one(item.get("name")) or product,
        "productDetailUrl": page_url(rules.shop_domain, item.get("detailUrl")),
        "imageUrl": picture_url(item.get("imageUrl")),
        "brand": tidy_one(more.get("brandName")),
        "categories": line_categories(more),
        "unitPrice": units(unit),
        "unitPriceOriginal": None if listed is None else units(listed),
    }
    return {field: value for field, value in line.items() if value is not None and value != []}


def _unreadable_fields(item: Json) -> int:
    """How many optional fields of the line have a wrong type and are left out."""
    more = record(item.get("additionalInfo"))
    texts = (item.get("name"), item.get("detailUrl"), item.get("imageUrl"), more.get("brandName"))
    lists = (more.get("categories"),)
    objects = (item.get("additionalInfo"),)
    return (
        sum(value is not None and text_of(value) is None for value in texts)
        + sum(value is not None and not isinstance(value, list) for value in lists)
        + sum(value is not None and not isinstance(value, dict) for value in objects)
    )
