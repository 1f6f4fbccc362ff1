"""The lines of a purchase from the items of its orders.

    {"id": "18", "productId": "6", "name": "Glass", "quantity": 2, "sellingPrice": 990, "listPrice": 1990,
     "unitMultiplier": 1.0, "priceDefinition": {"total": 1980}, "imageUrl": "…", "detailUrl": "/glass/p",
     "additionalInfo": {"brandName": "Acme", "categoriesIds": "/1/9/",
                        "categories": [{"id": 9, "name": "Glasses"}, {"id": 1, "name": "Kitchen"}]}}

Money is in cents. `sellingPrice` times `quantity` is not the line's total: rounding and units sold by weight
are in `priceDefinition`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from include.mapping.links import page_url, picture_url
from include.mapping.money import MOST_CENTS, cents_of_cents, exact, units, whole
from include.mapping.shapes import Json, name, record, records
from include.mapping.text import tidy_one

if TYPE_CHECKING:
    from collections.abc import Iterable

    from include.mapping.orders import PurchaseRules


def lines_of(orders: Iterable[Json], rules: PurchaseRules) -> list[Json]:
    """The lines as Connectif takes them, one for each (product, unit price); gifts are lines of price 0.

    An item without product id or with nothing left of its quantity is gone.
    """
    merged: dict[tuple[str, int], tuple[Json, int, int]] = {}
    for item in (item for order in orders for item in records(order.get("items"))):
        product, quantity = _product_id(item, rules), _quantity(item)
        if not product or quantity < 1:
            continue
        unit = _unit_cents(item)
        line, sold, paid = merged.get((product, unit), (_line(product, unit, item, rules), 0, 0))
        merged[product, unit] = line, sold + quantity, paid + _total_cents(item, unit, quantity)
    return [{**line, "quantity": sold, "price": units(paid)} for line, sold, paid in merged.values()]


def _product_id(item: Json, rules: PurchaseRules) -> str:
    return name(item.get("id" if rules.product_id_source == "sku" else "productId"))


def _quantity(item: Json) -> int:
    return int(exact(item.get("quantity")) or 0)


def _unit_cents(item: Json) -> int:
    offered = (cents_of_cents(item.get(field)) for field in ("sellingPrice", "price"))
    return max(0, next((cents for cents in offered if cents is not None), 0))


def _total_cents(item: Json, unit: int, quantity: int) -> int:
    total = cents_of_cents(record(item.get("priceDefinition")).get("total"))
    if total is not None:
        return total
    multiplier = exact(item.get("unitMultiplier")) or Decimal(1)
    product = unit * quantity * (multiplier if multiplier > 0 else Decimal(1))
    return whole(min(product, Decimal(MOST_CENTS)))


def _line(product: str, unit: int, item: Json, rules: PurchaseRules) -> Json:
    more = record(item.get("additionalInfo"))
    listed = cents_of_cents(item.get("listPrice"))
    line: dict[str, Any] = {
        "productId": product,
        "name": tidy_one(item.get("name")) or product,
        "productDetailUrl": page_url(rules.shop_domain, item.get("detailUrl")),
        "imageUrl": picture_url(item.get("imageUrl")),
        "brand": tidy_one(more.get("brandName")),
        "categories": _categories(more),
        "unitPrice": units(unit),
        "unitPriceOriginal": None if listed is None else units(max(listed, unit)),
    }
    return {field: value for field, value in line.items() if value is not None and value != []}


def _categories(more: Json) -> list[str]:
    """The path of the item's category, as for products: VTEX gives names in any order and the path by ids.
    When an id has no name, each name stands alone."""
    named = {name(entry.get("id")): tidy_one(entry.get("name")) for entry in records(more.get("categories"))}
    names = {key: text.replace("|", "/").strip("/") for key, text in named.items() if text}
    path = [key for key in name(more.get("categoriesIds")).split("/") if key]
    if path and all(names.get(key) for key in path):
        return ["/".join(names[key] for key in path)]
    return list(dict.fromkeys(filter(None, names.values())))
