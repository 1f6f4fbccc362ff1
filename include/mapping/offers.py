"""Which offer of a product counts: its price, its stock, its picture.

    {"itemId": "18", "images": [{"imageUrl": "…"}], "sellers": [{"sellerId": "1", "sellerDefault": true,
     "commertialOffer": {"IsAvailable": true, "Price": 42.1, "ListPrice": 50, "AvailableQuantity": 16}}]}

Without stock VTEX answers `IsAvailable: false` and prices of 0, which are no prices.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from include.mapping.money import cents_of_units, exact
from include.mapping.shapes import Json, name, record, records

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Offer:
    """One SKU as one seller sells it now. `rank` orders the offers: cheapest, default seller, lowest SKU."""

    item: Json
    unit_cents: int
    original_cents: int
    units: int
    rank: tuple[object, ...]


def sku_order(sku_id: str) -> tuple[int, int, str]:
    """A sort key of SKU ids: whole numbers by size, then anything else by text."""
    if sku_id.isascii() and sku_id.isdigit():
        digits = sku_id.lstrip("0")
        return 0, len(digits), digits
    return 1, 0, sku_id


def skus(product: Json) -> list[Json]:
    """The product's SKUs that have an id, by ascending id."""
    items = [item for item in records(product.get("items")) if name(item.get("itemId"))]
    return sorted(items, key=lambda item: sku_order(name(item["itemId"])))


def offers(items: list[Json]) -> Iterator[Offer]:
    """The available offers: `IsAvailable` and a price that is not 0 once rounded to cents."""
    for item in items:
        for seller in records(item.get("sellers")):
            offer = _offer(item, seller)
            if offer is not None:
                yield offer


def _offer(item: Json, seller: Json) -> Offer | None:
    terms = record(seller.get("commertialOffer"))
    price, unit = exact(terms.get("Price")), cents_of_units(terms.get("Price"))
    if terms.get("IsAvailable") is not True or price is None or unit is None or unit <= 0:
        return None
    return Offer(
        item=item,
        unit_cents=unit,
        original_cents=max(unit, cents_of_units(terms.get("ListPrice")) or 0),
        units=_units(terms.get("AvailableQuantity")),
        rank=(
            price,
            seller.get("sellerDefault") is not True,
            sku_order(name(item.get("itemId"))),
            name(seller.get("sellerId")),
        ),
    )


def essential_offer(seller: Json) -> Json:
    """Of a seller of a SKU what is read here."""
    terms = record(seller.get("commertialOffer"))
    used = {field: terms[field] for field in _TERMS if field in terms}
    return {field: seller[field] for field in _SELLER if field in seller} | {"commertialOffer": used}


_TERMS = ("IsAvailable", "Price", "ListPrice", "AvailableQuantity")
_SELLER = ("sellerId", "sellerDefault")


def _units(quantity: object) -> int:
    return max(0, int(exact(quantity) or Decimal(0)))


def chosen(available: list[Offer]) -> Offer | None:
    """The offer whose price is shown; None means out of stock."""
    return min(available, key=lambda offer: offer.rank, default=None)


def units_in_stock(available: list[Offer]) -> int:
    """Over the SKUs the largest quantity that one seller offers. It is a simulation's number, good as a sign
    of stock: VTEX shows unlimited stock as a round figure."""
    best: dict[str, int] = {}
    for offer in available:
        sku = name(offer.item.get("itemId"))
        best[sku] = max(best.get(sku, 0), offer.units)
    return sum(best.values())


def first_picture(item: Json) -> object:
    """The address of the SKU's first picture, as VTEX wrote it."""
    pictures = records(item.get("images"))
    return pictures[0].get("imageUrl") if pictures else None
