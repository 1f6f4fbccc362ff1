"""From columns of `CL` documents to the texts of one contact field, and the values that are left out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from math import isnan
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.outcomes import Drop
from include.values.email import problems, tidy_addresses
from include.values.instants import calendar_dates
from include.values.money import decimal_of
from include.values.names import tidy_names
from include.values.phones import e164
from include.values.text import NOTHING, arrow_texts, tidy, tidy_one, unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import tzinfo

    import pandas as pd

_FIRST_BIRTH_DATE = "1900-01-01"
_FIRST_DATE = "0001-01-01"


@dataclass(frozen=True)
class ContactRules:
    """What the values of a customer depend on, apart from the document.

    With a `birth_date_zone`, instants become dates there (see `local_dates`).
    """

    country: str
    today: date
    birth_date_zone: tzinfo | None = None


@dataclass(frozen=True)
class FieldValues:
    """One text per document, null where the field is absent; and masks of the values that are left out."""

    texts: Any
    drops: tuple[tuple[Drop, Any], ...] = ()


def read_email(columns: Sequence[pd.Series], _: ContactRules) -> FieldValues:
    """Tidied addresses. A bad one rejects the record, so there are no drops."""
    return FieldValues(tidy_addresses(arrow_texts(columns[0])))


def read_name(columns: Sequence[pd.Series], _: ContactRules) -> FieldValues:
    return FieldValues(
        tidy_names(arrow_texts(columns[0])), ((Drop.FIELD_UNREADABLE, unreadable(columns[0])),)
    )


def read_phone(columns: Sequence[pd.Series], rules: ContactRules) -> FieldValues:
    """The first valid number of the columns. Drops: there is none, although a column holds a text or a value
    that is no text."""
    size = len(columns[0])
    numbers = pa.nulls(size, pa.large_string())
    has_text = np.zeros(size, dtype=bool)
    has_unreadable = np.zeros(size, dtype=bool)
    for column in columns:
        texts = tidy(arrow_texts(column))
        has_unreadable |= unreadable(column)
        has_text |= pc.is_valid(texts).to_numpy(zero_copy_only=False)
        wanted = pc.and_(pc.is_null(numbers), pc.is_valid(texts))
        if pc.any(wanted).as_py():
            numbers = pc.replace_with_mask(numbers, wanted, e164(texts.filter(wanted), rules.country))
    missing = pc.is_null(numbers).to_numpy(zero_copy_only=False)
    return FieldValues(
        numbers,
        ((Drop.PHONE_INVALID, has_text & missing), (Drop.FIELD_UNREADABLE, has_unreadable & missing)),
    )


def read_birth_date(columns: Sequence[pd.Series], rules: ContactRules) -> FieldValues:
    texts = tidy(arrow_texts(columns[0]))
    dates = calendar_dates(texts, first=_FIRST_BIRTH_DATE, last=rules.today, zone=rules.birth_date_zone)
    invalid = pc.and_(pc.is_valid(texts), pc.is_null(dates)).to_numpy(zero_copy_only=False)
    return FieldValues(
        dates, ((Drop.BIRTH_DATE_INVALID, invalid), (Drop.FIELD_UNREADABLE, unreadable(columns[0])))
    )


def read_extra(columns: Sequence[pd.Series], rules: ContactRules, kind: str) -> FieldValues:
    """A column as texts of an extra field of this kind; null where the value is not of it."""
    texts = EXTRA_KINDS[kind](columns[0], rules.country)
    return FieldValues(texts, tuple(_extra_drops(columns[0], texts, kind)))


def _extra_drops(column: pd.Series, texts: Any, kind: str) -> list[tuple[Drop, Any]]:
    unusable = pc.is_null(texts).to_numpy(zero_copy_only=False)
    given = np.fromiter(map(_is_given, column), bool, len(column))
    if kind not in _DROPS:
        return [(Drop.FIELD_UNREADABLE, unusable & given)]
    has_text = pc.is_valid(tidy(arrow_texts(column))).to_numpy(zero_copy_only=False)
    return [(_DROPS[kind], unusable & has_text), (Drop.FIELD_UNREADABLE, unusable & given & ~has_text)]


def _is_given(value: object) -> bool:
    """Whether a JSON value says anything: no null, no blank text, no empty list of choices."""
    if isinstance(value, str):
        return tidy_one(value) is not None
    if isinstance(value, list):
        return bool(value)
    return isinstance(value, dict | bool | int) or (isinstance(value, float) and not isnan(value))


def _text(values: pd.Series, _: str) -> Any:
    return tidy(arrow_texts(values))


def _email(values: pd.Series, _: str) -> Any:
    emails = tidy_addresses(arrow_texts(values))
    return pc.if_else(pc.is_null(problems(emails)), emails, NOTHING)


def _phone(values: pd.Series, country: str) -> Any:
    return e164(tidy(arrow_texts(values)), country)


def _date(values: pd.Series, _: str) -> Any:
    return calendar_dates(tidy(arrow_texts(values)), first=_FIRST_DATE, last=date.max)


def _each(read: Callable[[object], str | None]) -> Callable[[pd.Series, str], Any]:
    return lambda values, _: pa.array([read(value) for value in values], pa.large_string())


def _number(value: object) -> Decimal | None:
    try:
        return decimal_of(Decimal(value.strip()) if isinstance(value, str) else value)
    except InvalidOperation:
        return None


def _integer(value: object) -> str | None:
    """A whole number without leading zeros, which Connectif refuses."""
    number = _number(value)
    return None if number is None or number != int(number) else str(int(number))


def _decimal(value: object) -> str | None:
    number = _number(value)
    return None if number is None else format(number, "f")


def _boolean(value: object) -> str | None:
    word = str(value).strip().lower() if isinstance(value, bool | str) else ""
    return word if word in ("true", "false") else None


def _checkbox(value: object) -> str | None:
    options = map(tidy_one, value if isinstance(value, list) else [value])
    return "|".join(option.replace("|", "/") for option in options if option) or None


EXTRA_KINDS: dict[str, Callable[[pd.Series, str], Any]] = {
    "text": _text,
    "radio": _text,
    "email": _email,
    "phone": _phone,
    "date": _date,
    "integer": _each(_integer),
    "decimal": _each(_decimal),
    "boolean": _each(_boolean),
    "checkbox": _each(_checkbox),
}
"""Types of Connectif contact fields, and what reads them."""
_DROPS = {"phone": Drop.PHONE_INVALID, "date": Drop.DATE_INVALID}
"""The code that counts unusable texts; other unusable values are `field_unreadable`."""
