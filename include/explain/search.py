"""What kind of record somebody asks for, and who explains it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from include.errors import ConfigurationError
from include.explain.answer import Explanation, Kind
from include.explain.customers import explain_customer
from include.explain.desk import Desk
from include.explain.orders import explain_order
from include.explain.products import explain_product

LONGEST = 254
_EXPLAINS: dict[Kind, Callable[[Desk, str], Explanation]] = {
    Kind.CUSTOMER: explain_customer,
    Kind.PRODUCT: explain_product,
    Kind.ORDER: explain_order,
}
_DOCUMENT = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ORDER = re.compile(r".*-\d{2}")


def explain(desk: Desk, record: str, *, among: Collection[Kind] = tuple(Kind)) -> Explanation:
    """The record by its e-mail, document id, product id, order id or order group, as a kind `among` these.

    It is looked for as what its form says first; ConfigurationError for what can be none of these.
    """
    record = record.strip()
    if not record or len(record) > LONGEST or any(c.isspace() or not c.isprintable() for c in record):
        raise ConfigurationError(
            "explain: give one e-mail, customer document id, product id or order id, without spaces"
        )
    kinds = tuple(among) if len(among) == 1 else [kind for kind in kinds_of(record) if kind in among]
    if not kinds:
        raise ConfigurationError(
            "explain: by its form this is of a kind that was not asked for, or may not be"
        )
    tried = []
    for kind in kinds:
        tried.append(_EXPLAINS[kind](desk, record))
        if tried[-1].is_known:
            return tried[-1]
    return tried[0]


def kinds_of(record: str) -> tuple[Kind, ...]:
    """The kinds that a record may be, the likeliest first: VTEX numbers products, and order groups as well,
    with more digits."""
    if "@" in record or _DOCUMENT.fullmatch(record):
        return (Kind.CUSTOMER,)
    if record.isdecimal():
        return (Kind.ORDER, Kind.PRODUCT) if len(record) > 9 else (Kind.PRODUCT, Kind.ORDER)
    if _ORDER.fullmatch(record):
        return (Kind.ORDER, Kind.CUSTOMER)
    return (Kind.ORDER, Kind.CUSTOMER, Kind.PRODUCT)
