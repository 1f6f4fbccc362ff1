"""Further contact fields that a shop has set up at Connectif, filled from fields of its `CL` documents."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from math import isnan
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from include.errors import ConfigurationError
from include.outcomes import Drop
from include.values.email import problems, tidy_addresses
from include.values.instants import calendar_dates
from include.values.money import exact
from include.values.phones import e164
from include.values.text import NOTHING, arrow_texts, tidy, tidy_one

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

# Connectif: reference of contact fields (read 2026-11-23)
_FIELD_ID = re.compile(r"[A-Za-z][A-Za-z0-9_\[\]-]{0,149}")


@dataclass(frozen=True)
class ExtraField:
    """`source`, a field of the document, fills `target`, the id of a Connectif contact field of type `kind`.

    ConfigurationError for an id or a type that Connectif does not have.
    """

    source: str
    target: str
    kind: str

    def __post_init__(self) -> None:
        if self.kind not in _READERS:
            raise ConfigurationError(f"{self.kind!r} is no type of a contact field: {', '.join(_READERS)}.")
        if not _FIELD_ID.fullmatch(self.target) or self.target == "id":
            raise ConfigurationError(
                f"{self.target!r} cannot be the id of a Connectif contact field of yours."
            )

    def read(self, values: pd.Series, country: str) -> Any:
        """The column as texts of the import file; null where there is no value of this type."""
        return _READERS[self.kind](values, country)

    @property
    def drop(self) -> Drop | None:
        """The code that counts unusable texts; other unusable values are `field_unreadable`."""
        return {"phone": Drop.PHONE_INVALID, "date": Drop.DATE_INVALID}.get(self.kind)


def is_given(value: object) -> bool:
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
    return calendar_dates(tidy(arrow_texts(values)), first="0001-01-01", last=date.max)


def _each(read: Callable[[object], str | None]) -> Callable[[pd.Series, str], Any]:
    return lambda values, _: pa.array([read(value) for value in values], pa.large_string())


def _number(value: object) -> Decimal | None:
    try:
        return exact(Decimal(value.strip()) if isinstance(value, str) else value)
    except InvalidOperation:
        return None


def _integer(value: object) -> str | None:
    """Connectif takes no integer that begins with 0."""
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


_READERS: dict[str, Callable[[pd.Series, str], Any]] = {
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
