"""What an order sold: its items with their money, after the changes that VTEX made to them.

    {"items": [{"id": "18", "quantity": 3, "price": 199, "listPrice": 199, "sellingPrice": 59,
                "unitMultiplier": 0.3, "priceDefinition": {"total": 179}}],
     "totals": [{"id": "Items", "value": 179}, {"id": "Discounts", "value": 0}, {"id": "Change", "value": 0}],
     "changesAttachment": {"changesData": [{"itemsAdded": [], "itemsRemoved": [
         {"id": "18", "name": "Rice", "quantity": 1, "price": 199, "unitMultiplier": "0.3"}]}]}}

All money is in cents. `sellingPrice` holds `unitMultiplier` already; `price` and `listPrice` are for one
measurement unit (vtex-apps/order-placed #166 and #170, vtex/faststore #2311; read 2026-11-28). The line's own
total is `priceDefinition.total`, which for discounted Chain orders forgets the discount (VTEX known issue
663203). `changesAttachment` names what was added and removed; in VTEX's published sample v502556llux-01 the
items are still the ones before the change, while other orders list what is left. In each doubt the order's
`totals` decide.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from include.products.categories import product_categories
from include.purchases.type_checks import is_readable_item
from include.values.money import MOST_CENTS, cents_of_cents, decimal_of, round_half_up
from include.values.shapes import Json, name, record, records, values
from include.values.weighed import multiplier_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_OWN_PRICES = ("sellingPrice", "listPrice", "price")
_MOST_CHOICES = 8
"""So many items with two totals are tried in every combination; more of them all one way or all the other."""


@dataclass(frozen=True)
class SoldItem:
    """An item of the order as Connectif's line needs it. `total` may be negative (VTEX known issue 867838:
    a nominal discount on a small `unitMultiplier`); `item` is VTEX's, without `productId` where nothing tells
    the product."""

    item: Json
    quantity: int
    unit: int
    total: int


@dataclass(frozen=True)
class _Change:
    """One entry of `changesData`: SKU, quantity and item of what went and what came."""

    removed: tuple[Json, ...]
    added: tuple[Json, ...]


def sold_items(order: Json, catalogue: Mapping[str, Json]) -> list[SoldItem]:
    """The items that the customer bought in the end; those with nothing left of their quantity are gone, and
    those that cannot be read (`is_readable_item`).

    `catalogue` holds, by SKU id, what the catalogue says of SKUs that a change added, as members of an item.
    """
    listed = [_as_sold(item) for item in _named(order.get("items"))]
    changes = _changes(order)
    states = [_applied(listed, changes[first:], catalogue) for first in range(len(changes) + 1)]
    expected = _items_total(order)
    if len(states) == 1:
        return _priced(listed, expected)

    def contradiction(state: tuple[list[SoldItem], int]) -> tuple[int, int]:
        """How far the money is off beyond rounding, then how many changes do not fit the list."""
        items = _priced(state[0], expected)
        away = 0 if expected is None else abs(sum(item.total for item in items) - expected)
        return max(0, away - sum(item.quantity for item in items)), state[1]

    return _priced(min(states, key=contradiction)[0], expected)  # the first of equals: all changes applied


def quantity_of(item: Json) -> int:
    """The whole units of an item; 0 when it has none."""
    return int(decimal_of(item.get("quantity")) or 0)


def unit_cents(item: Json) -> int:
    """What one unit in the cart costs: the selling price, else the price for its measure, cut off as VTEX
    does it (see `weighed`)."""
    selling = cents_of_cents(item.get("sellingPrice"))
    return max(0, selling if selling is not None else int(_measured(item, item.get("price")) or 0))


def list_cents(item: Json, unit: int) -> int | None:
    """What one unit costs by the list, at least `unit`. A list price that does not exceed the price is no
    discount, whatever rounding makes of the two."""
    listed, price = cents_of_cents(item.get("listPrice")), cents_of_cents(item.get("price"))
    if listed is None:
        return None
    if price is not None and listed <= price:
        return unit
    return max(unit, round_half_up(_measured(item, listed) or Decimal(0)))


def _measured(item: Json, price: object) -> Decimal | None:
    """A price for one measurement unit → for one unit in the cart, in exact cents."""
    cents = cents_of_cents(price)
    return None if cents is None else min(cents * _multiplier(item), Decimal(MOST_CENTS))


def _multiplier(item: Json) -> Decimal:
    return multiplier_of(item.get("unitMultiplier"))


def _as_sold(item: Json) -> SoldItem:
    quantity, unit, defined = quantity_of(item), unit_cents(item), _definition_cents(item)
    return SoldItem(item, quantity, unit, _multiplied(item, quantity) if defined is None else defined)


def _definition_cents(item: Json) -> int | None:
    definition = item.get("priceDefinition") or item.get("priceDefinitions")  # VTEX's schema has both
    return cents_of_cents(record(definition).get("total"))


def _multiplied(item: Json, quantity: int) -> int:
    selling = cents_of_cents(item.get("sellingPrice"))
    each = (
        Decimal(selling) if selling is not None else (decimal_of(item.get("price")) or 0) * _multiplier(item)
    )
    return round_half_up(max(min(each * quantity, Decimal(MOST_CENTS)), Decimal(-MOST_CENTS)))


def _items_total(order: Json) -> int | None:
    """What the order's totals say that its items come to; None when they do not say."""
    totals = {
        name(total.get("id")): cents_of_cents(total.get("value")) for total in records(order.get("totals"))
    }
    if totals.get("Items") is None:
        return None
    return sum(totals.get(part) or 0 for part in ("Items", "Discounts", "Change"))


def _priced(items: list[SoldItem], expected: int | None) -> list[SoldItem]:
    """The items with the totals that agree best with the order's own."""
    doubtful = [place for place, item in enumerate(items) if _has_two_totals(item)]
    if not doubtful or expected is None:
        return items
    sure = sum(
        (_of_definition(item) for place, item in enumerate(items) if place not in doubtful), _Sum(0, 0)
    )
    chosen = min(
        _choices([_alternatives(items[place]) for place in doubtful]),
        key=lambda sums: sum(sums, sure).away_from(expected),
    )
    totals = {place: one.cents for place, one in zip(doubtful, chosen, strict=True)}
    return [replace(item, total=totals.get(place, item.total)) for place, item in enumerate(items)]


class _Sum(NamedTuple):
    """Cents, and by how many more the truth may be: a selling price is cut off to whole cents."""

    cents: int
    cut_off: int

    def __add__(self, other: _Sum) -> _Sum:  # type: ignore[override]
        return _Sum(self.cents + other.cents, self.cut_off + other.cut_off)

    def away_from(self, expected: int) -> int:
        return max(self.cents - expected, expected - self.cents - self.cut_off, 0)


def _of_definition(item: SoldItem) -> _Sum:
    return _Sum(item.total, 0 if _definition_cents(item.item) is not None else item.quantity)


def _alternatives(item: SoldItem) -> tuple[_Sum, _Sum]:
    """The definition's total and the selling price's, the likelier one first: a definition that is the full
    price, where the selling price is less, has forgotten the discount."""
    defined, selling = _Sum(item.total, 0), _Sum(_by_selling_price(item), item.quantity)
    full = (_measured(item.item, item.item.get("price")) or Decimal(0)) * item.quantity
    forgotten = abs(item.total - full) <= item.quantity and selling.cents < item.total
    return (selling, defined) if forgotten else (defined, selling)


def _has_two_totals(item: SoldItem) -> bool:
    """Whether definition and selling price differ by more than one cent a piece."""
    return abs(item.total - _by_selling_price(item)) > item.quantity


def _by_selling_price(item: SoldItem) -> int:
    return _multiplied(item.item, item.quantity)


def _choices(pairs: list[tuple[_Sum, _Sum]]) -> Iterable[tuple[_Sum, ...]]:
    return product(*pairs) if len(pairs) <= _MOST_CHOICES else zip(*pairs, strict=True)


def _changes(order: Json) -> list[_Change]:
    data = values(record(order.get("changesAttachment")).get("changesData"))
    return [
        _Change(_named(change.get("itemsRemoved")), _named(change.get("itemsAdded")))
        for change in records(data)
    ]


def _named(items: object) -> tuple[Json, ...]:
    return tuple(item for item in records(items) if is_readable_item(item) and quantity_of(item) >= 1)


def catalogue_item(product: Json, sku: str) -> Json:
    """What an item of an order would say of a SKU, from the product as catalogue search answers it."""
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
    """A path of `product_categories` as an order's item has it."""
    names = paths[0].split("/") if paths else []
    named = [{"id": str(level), "name": word} for level, word in enumerate(names)]
    return {"categoriesIds": "/".join(entry["id"] for entry in named), "categories": named}


def added_skus(order: Json) -> set[str]:
    """The SKUs that changes added and that the order's own items do not tell."""
    listed = {name(item.get("id")) for item in records(order.get("items"))}
    added = {name(item.get("id")) for change in _changes(order) for item in change.added}
    return {sku for sku in added - listed if sku}


def _applied(
    items: list[SoldItem], changes: list[_Change], catalogue: Mapping[str, Json]
) -> tuple[list[SoldItem], int]:
    """The items after the changes, and how many of the changes do not fit: what they remove is not there, or
    what they add is there in that number."""
    known = {**catalogue, **{name(sold.item.get("id")): sold.item for sold in items}}
    unfit = 0
    for change in changes:
        for gone in change.removed:
            items, missing = _without(items, gone)
            unfit += missing > 0
        for added in change.added:
            sku = name(added.get("id"))
            unfit += any(
                name(sold.item.get("id")) == sku and sold.quantity == quantity_of(added) for sold in items
            )
            items = [*items, _added(added, known.get(sku, {}))]
    return items, unfit


def _without(items: list[SoldItem], gone: Json) -> tuple[list[SoldItem], int]:
    """The items less the removed units, each at the price of its item; and how many of them were not there.

    Of a SKU that stands there twice (bought and as a gift) the one at the removed price goes first.
    """
    sku, quantity = name(gone.get("id")), quantity_of(gone)
    of_sku = [place for place, sold in enumerate(items) if name(sold.item.get("id")) == sku]
    left = list(items)
    for place in sorted(of_sku, key=lambda place: not _costs(items[place].item, gone.get("price"))):
        taken = min(quantity, left[place].quantity)
        quantity -= taken
        left[place] = _fewer(left[place], taken)
    return [sold for sold in left if sold.quantity], quantity


def _fewer(sold: SoldItem, taken: int) -> SoldItem:
    rest = sold.quantity - taken
    return replace(sold, quantity=rest, total=round_half_up(Decimal(sold.total) * rest / sold.quantity))


def _costs(item: Json, price: object) -> bool:
    cents = cents_of_cents(price)
    return cents is not None and cents in {cents_of_cents(item.get(own)) for own in ("price", "sellingPrice")}


def _added(added: Json, known: Json) -> SoldItem:
    """An added item with what is known of its SKU: at the price of its line where that is the same, else at
    its own, which is for one measurement unit like an item's `price`."""
    item = {"name": added.get("name"), **known, "id": added.get("id"), "quantity": added.get("quantity")}
    del_own = ("priceDefinition",) if _costs(known, added.get("price")) else ("priceDefinition", *_OWN_PRICES)
    item = {field: value for field, value in item.items() if field not in del_own}
    if "sellingPrice" not in item:
        item["price"] = added.get("price")
        item["unitMultiplier"] = added.get("unitMultiplier") or known.get("unitMultiplier")
    return _as_sold(item)
