"""Check the types of an order's fields: a field with a type that VTEX never uses is unreadable.

A wrong type is not an absent value. An order with an unreadable decisive field is held until a later run can
read it: otherwise a canceled order could become a purchase. An unreadable item loses its line.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from include.values.money import decimal_of
from include.values.shapes import Json, record, records
from include.values.text import text_of

_Check = Callable[[Any], bool]


def _flag(value: object) -> bool:
    return isinstance(value, bool)


def _text(value: object) -> bool:
    return text_of(value) is not None


def _number(value: object) -> bool:
    return decimal_of(value) is not None


def _object(value: object) -> bool:
    return isinstance(value, dict)


def _list(value: object) -> bool:
    return isinstance(value, list)


def _objects(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(entry, dict) for entry in value)


_ORDER: dict[str, _Check] = {
    "isCompleted": _flag,
    "creationDate": _text,
    "authorizedDate": _text,
    "orderGroup": _text,
    "origin": _text,
    "affiliateId": _text,
    "salesChannel": _text,
    "status": _text,
    "value": _number,
    "items": _list,
    "totals": _objects,
    "storePreferencesData": _object,
    "changesAttachment": _object,
}
_ITEM: dict[str, _Check] = {
    "id": _text,
    "productId": _text,
    "quantity": _number,
    "price": _number,
    "sellingPrice": _number,
    "listPrice": _number,
    "priceDefinition": _object,
    "priceDefinitions": _object,
}
_CHANGE: dict[str, _Check] = {"itemsAdded": _objects, "itemsRemoved": _objects}


def unreadable_field(order: Json) -> str:
    """The first decisive field of the order that is present and unreadable; empty if there is none.

    Changes are decisive too: they say what the customer bought in the end.
    """
    changes = record(order.get("changesAttachment"))
    return (
        _first(order, _ORDER)
        or _first_of(records(order.get("totals")), "totals", {"value": _number})
        or _first_of(
            [record(order.get("storePreferencesData"))], "storePreferencesData", {"currencyCode": _text}
        )
        or _first_of([changes], "changesAttachment", {"changesData": _objects})
        or _first_of(records(changes.get("changesData")), "changesData", _CHANGE)
    )


def is_readable_item(item: object) -> bool:
    """Whether the product, quantity and money fields of an item have the right types, if they are present."""
    return (
        isinstance(item, dict)
        and not _first(item, _ITEM)
        and not _first(record(item.get("priceDefinition")), {"total": _number})
    )


def _first(found: Json, checks: dict[str, _Check]) -> str:
    return next(
        (field for field, fits in checks.items() if found.get(field) is not None and not fits(found[field])),
        "",
    )


def _first_of(found: list[Json], where: str, checks: dict[str, _Check]) -> str:
    field = next(filter(None, (_first(one, checks) for one in found)), "")
    return field and f"{where}.{field}"
