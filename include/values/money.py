"""Money, exactly: whole cents inside, two places outside, rounded half up, never through binary arithmetic.

VTEX's catalogue and pricing speak in decimal units (`42.1`), its orders in integer cents, which some routes
print as `7453.0`. A JSON decimal that a parser has read as a float is taken by its shortest spelling, which
is the one that stood in the JSON.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable

# Beyond a trillion units something is broken, and 64 bits would no longer hold the percentages.
MOST_CENTS = 10**14
_WHOLE = Decimal(1)


def exact(value: object) -> Decimal | None:
    """The number that a JSON value is; None for anything else, and beyond any amount of money."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    if isinstance(value, int):
        return Decimal(value) if abs(value) <= MOST_CENTS else None
    number = Decimal(repr(value)) if isinstance(value, float) else value
    return number if number.is_finite() and abs(number) <= MOST_CENTS else None


def exact_text(text: str) -> Decimal | None:
    """The number that a text spells (`"0.3"`); None for anything else, and beyond any amount of money."""
    try:
        return exact(Decimal(text))
    except InvalidOperation:
        return None


def whole(number: Decimal) -> int:
    """Rounded half up (away from zero) to a whole number."""
    return int(number.quantize(_WHOLE, ROUND_HALF_UP))


def cents_of_units(value: object) -> int | None:
    """A decimal amount (`42.105`) → cents (4211)."""
    number = exact(value)
    return None if number is None or abs(number) > MOST_CENTS // 100 else whole(number.scaleb(2))


def cents_of_cents(value: object) -> int | None:
    """An amount in cents, whole or printed as `7453.0` → cents."""
    number = exact(value)
    return None if number is None else whole(number)


def cents_of_text(value: object) -> int | None:
    """What `money_texts` wrote (`42.10`) → cents."""
    return cents_of_units(exact_text(value)) if isinstance(value, str) else None


def units(cents: int) -> float:
    """Cents as the number of a JSON body: the float nearest to the amount, which prints as that amount."""
    return cents / 100


def money_texts(cents: pd.Series) -> pd.Series:
    """Cents, none negative → `42.10`."""
    places = (cents % 100).astype("str").str.zfill(2)
    return (cents // 100).astype("str") + "." + places


def percentage_texts(part: pd.Series, total: pd.Series) -> pd.Series:
    """Part of the total in percent, with two places; the total is above 0."""
    return money_texts((part * 20_000 + total) // (total * 2))


def without_vat(cents: Iterable[int], rate: Decimal) -> list[int]:
    """Prices without the VAT that they include: price ÷ (1 + rate)."""
    parts, ones = rate.as_integer_ratio()
    return [(2 * price * ones + ones + parts) // (2 * (ones + parts)) for price in cents]
