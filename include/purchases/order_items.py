"""The items that an order sold, with their prices, after the changes that VTEX made.

    {"items": [{"id": "18", "quantity": 3, "price": 199, "listPrice": 199, "sellingPrice": 59,
                "unitMultiplier": 0.3, "priceDefinition": {"total": 179}}],
     "totals": [{"id": "Items", "value": 179}, {"id": "Discounts", "value": 0}, {"id": "Change", "value": 0}],
     "changesAttachment": {"changesData": [{"itemsAdded": [], "itemsRemoved": [
         {"id": "18", "name": "Rice", "quantity": 1, "price": 199, "unitMultiplier": "0.3"}]}]}}

All money is in cents. `sellingPrice` includes `unitMultiplier`; `price` and `listPrice` are for one
measurement unit (vtex-apps/order-placed #166 and #170, vtex/faststore #2311; read 2026-11-28). The total of a
line is `priceDefinition.total`; for discounted Chain orders it omits the discount (VTEX known issue 663203).
`changesAttachment` lists the added and removed items. In VTEX's published sample v502556llux-01, `items` are
those before the change; other orders list the items after it. If in doubt, the order's `totals` decide.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from include.products.categories import product_categories
from include.purchases.type_checks import is_readable_item
from include.values.money import MOST_CENTS, cents_of_cents, decimal_of, multiplier_of, round_half_up
from include.values.shapes import Json, name, record, records, values

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_OWN_PRICES = ("sellingPrice", "listPrice", "price")
_MOST_CHOICES = 8
"""Up to this many items with two totals are tried in all combinations.

With more, all items use the same total.
"""


@dataclass(frozen=True)
class SoldItem:
    """An item of the order with the values for Connectif's line.

    `total` may be negative (VTEX known issue 867838: a nominal discount on a small `unitMultiplier`). `item`
    is VTEX's; it has no `productId` if the product is unknown.
    """

    item: Json
    quantity: int
    unit: int
    total: int


@dataclass(frozen=True)
class _Change:
    """One entry of `changesData`: the removed and the added items."""

    removed: tuple[Json, ...]
    added: tuple[Json, ...]


def sold_items(order: Json, catalogue: Mapping[str, Json]) -> list[SoldItem]:
    """The items that the customer bought after all changes, without removed and unreadable items.

    `catalogue` has, by SKU id, the `catalogue_item` of SKUs that a change added.
    """
    listed = [_sold_item(item) for item in _readable_items(order.get("items"))]
    changes = _changes(order)
    states = [_apply_changes(listed, changes[first:], catalogue) for first in range(len(changes) + 1)]
    expected = _items_total(order)
    if len(states) == 1:
        return _choose_totals(listed, expected)

    def contradiction(state: tuple[list[SoldItem], int]) -> tuple[int, int]:
        """The difference of the money beyond rounding, then the number of changes that do not fit."""
        items = _choose_totals(state[0], expected)
        away = 0 if expected is None else abs(sum(item.total for item in items) - expected)
        return max(0, away - sum(item.quantity for item in items)), state[1]

    return _choose_totals(
        min(states, key=contradiction)[0], expected
    )  # if several are equal, the first: all changes applied


def quantity_of(item: Json) -> int:
    """The whole units of an item; 0 if it has no quantity."""
    return int(decimal_of(item.get("quantity")) or 0)


def unit_cents(item: Json) -> int:
    """The price of one unit in the cart: the selling price, else the price of its measure.

    Fractions of a cent are cut off, as VTEX does (see `weighed`).
    """
    selling = cents_of_cents(item.get("sellingPrice"))
    return max(0, selling if selling is not None else int(_unit_price(item, item.get("price")) or 0))


def list_cents(item: Json, unit: int) -> int | None:
    """The list price of one unit, at least `unit`; None without a list price.

    A list price that does not exceed the price is no discount, also if rounding makes it larger.
    """
    listed, price = cents_of_cents(item.get("listPrice")), cents_of_cents(item.get("price"))
    if listed is None:
        return None
    if price is not None and listed <= price:
        return unit
    return max(unit, round_half_up(_unit_price(item, listed) or Decimal(0)))


def _unit_price(item: Json, price: object) -> Decimal | None:
    """The price of one measurement unit → the price of one unit in the cart, in exact cents."""
    cents = cents_of_cents(price)
    return (
        None if cents is None else min(cents * multiplier_of(item.get("unitMultiplier")), Decimal(MOST_CENTS))
    )


def _sold_item(item: Json) -> SoldItem:
    quantity, unit, defined = quantity_of(item), unit_cents(item), _definition_cents(item)
    return SoldItem(item, quantity, unit, _total_cents(item, quantity) if defined is None else defined)


def _definition_cents(item: Json) -> int | None:
    definition = item.get("priceDefinition") or item.get("priceDefinitions")  # VTEX's schema has both
    return cents_of_cents(record(definition).get("total"))


def _total_cents(item: Json, quantity: int) -> int:
    selling = cents_of_cents(item.get("sellingPrice"))
    multiplier = multiplier_of(item.get("unitMultiplier"))
    each = Decimal(selling) if selling is not None else (decimal_of(item.get("price")) or 0) * multiplier
    return round_half_up(max(min(each * quantity, Decimal(MOST_CENTS)), Decimal(-MOST_CENTS)))


def _items_total(order: Json) -> int | None:
    """The total of all items from the order's totals; None if they have no `Items`."""
    totals = {
        name(total.get("id")): cents_of_cents(total.get("value")) for total in records(order.get("totals"))
    }
    if totals.get("Items") is None:
        return None
    return sum(totals.get(part) or 0 for part in ("Items", "Discounts", "Change"))


def _choose_totals(items: list[SoldItem], expected: int | None) -> list[SoldItem]:
    """The items, with the totals that fit the order's own totals best."""
    doubtful = [place for place, item in enumerate(items) if _has_two_totals(item)]
    if not doubtful or expected is None:
        return items
    certain = sum(
        (_of_definition(item) for place, item in enumerate(items) if place not in doubtful), _Sum(0, 0)
    )
    chosen = min(
        _choices([_alternatives(items[place]) for place in doubtful]),
        key=lambda sums: sum(sums, certain).distance(expected),
    )
    totals = {place: one.cents for place, one in zip(doubtful, chosen, strict=True)}
    return [replace(item, total=totals.get(place, item.total)) for place, item in enumerate(items)]


class _Sum(NamedTuple):
    """Cents, and how many cents more the exact sum may be: VTEX cuts selling prices to whole cents."""

    cents: int
    cut_off: int

    def __add__(self, other: _Sum) -> _Sum:  # type: ignore[override]
        return _Sum(self.cents + other.cents, self.cut_off + other.cut_off)

    def distance(self, expected: int) -> int:
        return max(self.cents - expected, expected - self.cents - self.cut_off, 0)


def _of_definition(item: SoldItem) -> _Sum:
    return _Sum(item.total, 0 if _definition_cents(item.item) is not None else item.quantity)


def _alternatives(item: SoldItem) -> tuple[_Sum, _Sum]:
    """The total of the definition and that of the selling price, the more likely one first.

    A definition with the full price omits the discount if the selling price is lower.
    """
    defined, selling = _Sum(item.total, 0), _Sum(_selling_total(item), item.quantity)
    full = (_unit_price(item.item, item.item.get("price")) or Decimal(0)) * item.quantity
    omits_discount = abs(item.total - full) <= item.quantity and selling.cents < item.total
    return (selling, defined) if omits_discount else (defined, selling)


def _has_two_totals(item: SoldItem) -> bool:
    """Whether the two totals differ by more than one cent per unit."""
    return abs(item.total - _selling_total(item)) > item.quantity


def _selling_total(item: SoldItem) -> int:
    return _total_cents(item.item, item.quantity)


def _choices(pairs: list[tuple[_Sum, _Sum]]) -> Iterable[tuple[_Sum, ...]]:
    return product(*pairs) if len(pairs) <= _MOST_CHOICES else zip(*pairs, strict=True)


def _changes(order: Json) -> list[_Change]:
    data = values(record(order.get("changesAttachment")).get("changesData"))
    return [
        _Change(_readable_items(change.get("itemsRemoved")), _readable_items(change.get("itemsAdded")))
        for change in records(data)
    ]


def _readable_items(items: object) -> tuple[Json, ...]:
    return tuple(item for item in records(items) if is_readable_item(item) and quantity_of(item) >= 1)


def catalogue_item(product: Json, sku: str) -> Json:
    """An order's item for the SKU, from the product in catalogue search."""
    item = next((one for one in records(product.get("items")) if name(one.get("itemId")) == sku), {})
    link = name(product.get("linkText"))
    paths, ids = (list(map(name, values(product.get(field)))) for field in ("categories", "categoriesIds"))
    return {
        "id": sku,
        "productId": product.get("productId"),
        "name": item.get("nameComplete") or product.get("productName"),
        "detailUrl": f"/{link}/p" if link else None,
        "imageUrl": next((image.get("imageUrl") for image in records(item.get("images"))), None),
        "unitMultiplier": item.get("unitMultiplier"),
        "additionalInfo": {
            "brandName": product.get("brand"),
            **_category_members(product_categories(paths, ids)[:1]),
        },
    }


def _category_members(paths: list[str]) -> Json:
    """The category members of an order's item, from a path of `product_categories`."""
    names = paths[0].split("/") if paths else []
    named = [{"id": str(level), "name": word} for level, word in enumerate(names)]
    return {"categoriesIds": "/".join(entry["id"] for entry in named), "categories": named}


def added_skus(order: Json) -> set[str]:
    """The SKUs that changes added and that are not among the order's own items."""
    listed = {name(item.get("id")) for item in records(order.get("items"))}
    added = {name(item.get("id")) for change in _changes(order) for item in change.added}
    return {sku for sku in added - listed if sku}


def _apply_changes(
    items: list[SoldItem], changes: list[_Change], catalogue: Mapping[str, Json]
) -> tuple[list[SoldItem], int]:
    """The items after the changes, and the number of changes that do not fit.

    A change does not fit if it removes an item that is missing, or adds an item that is already there.
    """
    known = {**catalogue, **{name(sold.item.get("id")): sold.item for sold in items}}
    unfit = 0
    for change in changes:
        for removed in change.removed:
            items, missing = _remove_units(items, removed)
            unfit += missing > 0
        for added in change.added:
            sku = name(added.get("id"))
            unfit += any(
                name(sold.item.get("id")) == sku and sold.quantity == quantity_of(added) for sold in items
            )
            items = [*items, _added_item(added, known.get(sku, {}))]
    return items, unfit


def _remove_units(items: list[SoldItem], removed: Json) -> tuple[list[SoldItem], int]:
    """The items without the removed units, and the number of removed units that were missing.

    If a SKU occurs twice (bought and as a gift), the item with the removed price is reduced first.
    """
    sku, quantity = name(removed.get("id")), quantity_of(removed)
    of_sku = [place for place, sold in enumerate(items) if name(sold.item.get("id")) == sku]
    left = list(items)
    for place in sorted(of_sku, key=lambda place: not _has_price(items[place].item, removed.get("price"))):
        units = min(quantity, left[place].quantity)
        quantity -= units
        left[place] = _reduce(left[place], units)
    return [sold for sold in left if sold.quantity], quantity


def _reduce(sold: SoldItem, units: int) -> SoldItem:
    rest = sold.quantity - units
    return replace(sold, quantity=rest, total=round_half_up(Decimal(sold.total) * rest / sold.quantity))


def _has_price(item: Json, price: object) -> bool:
    cents = cents_of_cents(price)
    return cents is not None and cents in {cents_of_cents(item.get(own)) for own in ("price", "sellingPrice")}


def _added_item(added: Json, known: Json) -> SoldItem:
    """An added item with the known data of its SKU.

    If the known item has the same price, its prices are used. Else the added price is used, which is for one
    measurement unit, like an item's `price`.
    """
    item = {"name": added.get("name"), **known, "id": added.get("id"), "quantity": added.get("quantity")}
    own_prices = () if _has_price(known, added.get("price")) else _OWN_PRICES
    item = {field: value for field, value in item.items() if field not in {"priceDefinition", *own_prices}}
    if "sellingPrice" not in item:
        item["price"] = added.get("price")
        item["unitMultiplier"] = added.get("unitMultiplier") or known.get("unitMultiplier")
    return _sold_item(item)
