"""The lines of a purchase, from the items of its orders.

    {"id": "18", "productId": "6", "name": "Glass", "quantity": 2, "sellingPrice": 990, "listPrice": 1990,
     "unitMultiplier": 1.0, "priceDefinition": {"total": 1980}, "imageUrl": "…", "detailUrl": "/glass/p",
     "additionalInfo": {"brandName": "Acme", "categoriesIds": "/1/9/",
                        "categories": [{"id": 9, "name": "Glasses"}, {"id": 1, "name": "Kitchen"}]}}

`order_items` computes what each item cost.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from include.outcomes import Drop
from include.products.categories import line_categories
from include.purchases.order_items import list_cents, sold_items
from include.purchases.type_checks import is_readable_item
from include.values.links import page_url, picture_url
from include.values.money import units
from include.values.shapes import Json, name, record, values
from include.values.text import text_of, tidy_one

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from include.purchases.orders import PurchaseRules


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
