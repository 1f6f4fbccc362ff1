"""Choose the offer of a product that gives its price, stock and picture.

    {"itemId": "18", "unitMultiplier": 1.0, "images": [{"imageUrl": "…"}],
     "sellers": [{"sellerId": "1", "sellerDefault": true, "commertialOffer": {
         "IsAvailable": true, "Price": 42.1, "ListPrice": 50, "AvailableQuantity": 16}}]}

Without stock VTEX answers `IsAvailable: false` and prices of 0, which do not count as prices. Answers before
2022 have no `IsAvailable` (lojaprojetoverao, 2019): absent does not mean false. A value of a wrong type is
neither: it is unknown whether the product can be bought.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.values.money import ONE, cents_of_units, decimal_of, multiplier_of, unit_price, unit_price_cents
from include.values.shapes import Json, name, record, records

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from decimal import Decimal


@dataclass(frozen=True)
class Offer:
    """One SKU as one seller sells it now.

    `units` is None if the quantity is absent or unreadable. `rank` orders offers: cheapest, then default
    seller, then lowest SKU.
    """

    item: Json
    terms: Json
    unit_cents: int
    original_cents: int
    units: int | None
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


def buyable_offers(items: Sequence[Json], *, per_unit: bool) -> Iterator[Offer]:
    """The offers that are available at a price above 0 cents.

    Prices are for a unit in the cart (`per_unit`), or for a measurement unit, as in VTEX's answer.
    """
    for item in items:
        multiplier = multiplier_of(item.get("unitMultiplier")) if per_unit else ONE
        for seller in records(item.get("sellers")):
            offer = _offer(item, seller, multiplier)
            if offer is not None:
                yield offer


def _offer(item: Json, seller: Json, multiplier: Decimal) -> Offer | None:
    terms = record(seller.get("commertialOffer"))
    price, cents = terms.get("Price"), unit_price_cents(terms.get("Price"), multiplier)
    if not is_available(terms) or cents is None or cents <= 0:
        return None
    quantity = decimal_of(terms.get("AvailableQuantity"))
    return Offer(
        item=item,
        terms=terms,
        unit_cents=cents,
        original_cents=_original_cents(terms, multiplier, cents),
        units=None if quantity is None else max(0, int(quantity)),
        rank=(
            unit_price(price, multiplier),
            seller.get("sellerDefault") is not True,
            sku_order(name(item.get("itemId"))),
            name(seller.get("sellerId")),
        ),
    )


def _original_cents(terms: Json, multiplier: Decimal, unit_cents: int) -> int:
    """The list price, but at least the unit price. If the list price does not exceed the price there is no
    discount, also after rounding."""
    listed, price = decimal_of(terms.get("ListPrice")), decimal_of(terms.get("Price"))
    if listed is None or (price is not None and listed <= price):
        return unit_cents
    return max(unit_cents, cents_of_units(unit_price(listed, multiplier)) or 0)


def is_available(terms: Json) -> bool | None:
    """Whether an offer can be bought: by its flag, or by its quantity if there is no flag; None if the value
    is unreadable."""
    flag, quantity = terms.get("IsAvailable"), terms.get("AvailableQuantity")
    if flag is not None:
        return flag if isinstance(flag, bool) else None
    number = decimal_of(quantity)
    return None if quantity is not None and number is None else bool(number and number > 0)


def has_unreadable_offer(item: object) -> bool:
    """Whether a SKU or one of its offers has a wrong type in its price or availability."""
    if not isinstance(item, dict):
        return True
    sellers = item.get("sellers")
    return sellers is not None and (not isinstance(sellers, list) or any(map(_is_unreadable, sellers)))


def _is_unreadable(seller: object) -> bool:
    terms = seller.get("commertialOffer") if isinstance(seller, dict) else seller
    if terms is None:
        return False
    return not isinstance(terms, dict) or is_available(terms) is None or _has_unreadable_price(terms)


def _has_unreadable_price(terms: Json) -> bool:
    return is_available(terms) is True and _is_unreadable_amount(terms.get("Price"))


def _is_unreadable_amount(amount: object) -> bool:
    return amount is not None and decimal_of(amount) is None


def has_unreadable_amount(offer: Offer, field: str) -> bool:
    """Whether an amount of this offer has a wrong type."""
    return _is_unreadable_amount(offer.terms.get(field))


def used_offer_fields(seller: object) -> object:
    """The fields of a seller that this module reads. Values of a wrong type stay as they are."""
    if not isinstance(seller, dict):
        return seller
    terms = seller.get("commertialOffer")
    used = {field: terms[field] for field in _TERMS if field in terms} if isinstance(terms, dict) else terms
    return {field: seller[field] for field in _SELLER if field in seller} | {"commertialOffer": used}


_TERMS = ("IsAvailable", "Price", "ListPrice", "AvailableQuantity")
_SELLER = ("sellerId", "sellerDefault")


def best_offer(available: Sequence[Offer]) -> Offer | None:
    """The offer whose price is sent; None means out of stock."""
    return min(available, key=lambda offer: offer.rank, default=None)


def units_in_stock(available: Sequence[Offer]) -> int | None:
    """The sum over the SKUs of the largest quantity that one seller offers; None if no offer has a quantity.

    The quantity only shows that there is stock: it is from a simulation, and VTEX shows unlimited stock as a
    round number.
    """
    best: dict[str, int] = {}
    for offer in available:
        if offer.units is not None:
            sku = name(offer.item.get("itemId"))
            best[sku] = max(best.get(sku, 0), offer.units)
    return sum(best.values()) if best or not available else None


def picture_of(offer: Offer | None, items: Sequence[Json]) -> object:
    """The address of the first picture of the offer's SKU, as VTEX wrote it. Without an offer it is from the
    lowest SKU that has a picture."""
    if offer is not None:
        return _first_picture(offer.item)
    return next(filter(None, map(_first_picture, items)), None)


def _first_picture(item: Json) -> object:
    pictures = records(item.get("images"))
    return pictures[0].get("imageUrl") if pictures else None
