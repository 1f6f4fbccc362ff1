"""Exact money: whole cents inside, two decimal places outside, rounded half up, without binary arithmetic.

VTEX's catalogue and pricing use decimal units (`42.1`). Its orders use integer cents, which some routes print
as `7453.0`. A JSON decimal that a parser read as a float counts as its shortest spelling, which is the
spelling in the JSON.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal, InvalidOperation
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable


# More than a trillion units is an error, and 64 bits could not hold the percentages.
MOST_CENTS = 10**14
_WHOLE = Decimal(1)


def decimal_of(value: object) -> Decimal | None:
    """A JSON number as a Decimal; None for another type, and above MOST_CENTS."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    if isinstance(value, int):
        return Decimal(value) if abs(value) <= MOST_CENTS else None
    number = Decimal(repr(value)) if isinstance(value, float) else value
    return number if number.is_finite() and abs(number) <= MOST_CENTS else None


def decimal_of_text(text: str) -> Decimal | None:
    """A text (`"0.3"`) as a Decimal; None if it is not a number, and above MOST_CENTS."""
    try:
        return decimal_of(Decimal(text))
    except InvalidOperation:
        return None


def round_half_up(number: Decimal) -> int:
    """The whole number nearest to `number`; a half is rounded away from zero."""
    return int(number.quantize(_WHOLE, ROUND_HALF_UP))


def cents_of_units(value: object) -> int | None:
    """A decimal amount (`42.105`) → cents (4211)."""
    number = decimal_of(value)
    return None if number is None or abs(number) > MOST_CENTS // 100 else round_half_up(number.scaleb(2))


def cents_of_cents(value: object) -> int | None:
    """An amount in cents, whole or printed as `7453.0` → cents."""
    number = decimal_of(value)
    return None if number is None else round_half_up(number)


def cents_of_text(value: object) -> int | None:
    """A text of `money_texts` (`42.10`) → cents."""
    return cents_of_units(decimal_of_text(value)) if isinstance(value, str) else None


def units(cents: int) -> float:
    """Cents as a number for a JSON body: the nearest float, which is printed as the exact amount."""
    return cents / 100


def money_texts(cents: pd.Series) -> pd.Series:
    """Cents → `42.10`. No value may be negative."""
    places = (cents % 100).astype("str").str.zfill(2)
    return (cents // 100).astype("str") + "." + places


def percentage_texts(part: pd.Series, total: pd.Series) -> pd.Series:
    """The part of the total in percent, with two decimal places. The total must be above 0."""
    return money_texts((part * 20_000 + total) // (total * 2))


def without_vat(cents: Iterable[int], rate: Decimal) -> list[int]:
    """Prices without their VAT: price ÷ (1 + rate)."""
    parts, ones = rate.as_integer_ratio()
    return [(2 * price * ones + ones + parts) // (2 * (ones + parts)) for price in cents]


ONE = Decimal(1)


def multiplier_of(value: object) -> Decimal:
    """`unitMultiplier`, a number or (in changes of an order) a text; 1 if it is not above 0."""
    number = decimal_of_text(value) if isinstance(value, str) else decimal_of(value)
    return number if number is not None and number > 0 else ONE


def unit_price(price: object, multiplier: Decimal) -> Decimal | None:
    """Price of one measurement unit → exact price of a unit in the cart; None if it is not an amount."""
    number = decimal_of(price)
    return number if number is None or multiplier == ONE else decimal_of(number * multiplier)


def unit_price_cents(price: object, multiplier: Decimal) -> int | None:
    """`unit_price` in cents, truncated as in checkout."""
    each = unit_price(price, multiplier)
    if each is None or multiplier == ONE or abs(each) > MOST_CENTS // 100:
        return cents_of_units(each)
    return int(each.scaleb(2).quantize(ONE, ROUND_DOWN))
