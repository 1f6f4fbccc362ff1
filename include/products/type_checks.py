"""Find the fields of a product with an unexpected type, and the columns that are left out because of them.

A specification with the name of a field (`"brand": ["Acme"]`) replaces it in the answer. Search writes
specifications as further keys of the product, each a list of texts, and a JSON parser keeps the last of two
equal keys (in VTEX's answers they come after `categories` and before `description` and `items`; read
2026-11-28). The value of the field is then unknown, which is not the same as blank: if an import leaves out a
column, Connectif keeps its value.
"""

from __future__ import annotations

from types import NoneType
from typing import TYPE_CHECKING

from include.products.offers import has_unreadable_amount, has_unreadable_offer
from include.values.shapes import Json, values
from include.values.text import text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.products.offers import Offer

Unreadable = dict[str, tuple[str, ...]]
"""VTEX's field → the columns that it fills."""

_TEXTS = {"brand": "brand", "description": "description", "releaseDate": "publishedAt"}
_PICTURE = ("imageUrl", "thumbnailUrl")
_STOCK = ("availability", "inStockUnits")


def is_text(value: object) -> bool:
    """Whether the value is a text or absent."""
    return value is None or isinstance(value, str) or text_of(value) is not None


def unreadable_fields(
    product: Json,
    items: Sequence[object],
    available: Sequence[Offer],
    picture: object,
    custom_fields: Sequence[str],
) -> Unreadable:
    """The unreadable fields of a record. `items` are its SKUs as VTEX answered them; `picture` is the chosen
    address.

    If one offer can be bought, price and availability are known, also if other offers are unreadable.
    """
    texts = {field: (column,) for field, column in _TEXTS.items() if not is_text(product.get(field))}
    texts |= {
        source: (f"customField{number}",)
        for number, source in enumerate(custom_fields, start=1)
        if not is_text(product.get(source))
    }
    return texts | _lists(product) | _offers(items, available) | _pictures(items, picture)


def _lists(product: Json) -> Unreadable:
    is_map = isinstance(product.get("productClusters"), dict | NoneType)
    found: Unreadable = {} if is_map else {"productClusters": ("tags",)}
    return found if _has_paths(product) else {**found, "categories": ("categories",)}


def _has_paths(product: Json) -> bool:
    paths = product.get("categories")
    if not isinstance(paths, list) or not paths:
        return paths is None or isinstance(paths, list)
    return not is_specification(product, "categories") and any(isinstance(path, str) for path in paths)


def is_specification(product: Json, field: str) -> bool:
    """Whether a specification, which is also a list of texts, replaces a list of paths (`/1/2/`).

    A path has a name: a specification may have the value `/`.
    """
    return field in values(product.get("allSpecifications")) and not any(
        isinstance(path, str) and path.startswith("/") and path.strip("/").strip()
        for path in values(product.get(field))
    )


def _offers(items: Sequence[object], available: Sequence[Offer]) -> Unreadable:
    found: Unreadable = {}
    if any(map(has_unreadable_offer, items)):
        found["sellers"] = () if available else _STOCK
    for field, columns in (("ListPrice", ()), ("AvailableQuantity", _STOCK[1:])):
        if any(has_unreadable_amount(offer, field) for offer in available):
            found[field] = columns
    return found


def _pictures(items: Sequence[object], picture: object) -> Unreadable:
    if picture is not None:
        return {} if is_text(picture) else {"imageUrl": _PICTURE}
    has_lists = all(
        isinstance(item, dict) and isinstance(item.get("images"), list | NoneType) for item in items
    )
    return {} if has_lists else {"images": _PICTURE}
