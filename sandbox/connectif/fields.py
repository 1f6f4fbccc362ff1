"""The types of Connectif's fields, as a JSON value and as a CSV cell.

JSON is checked value by value. CSV is read a column at a time, because an import has a million rows: a reader
turns a column of cells into a column of stored values, with `BAD` wherever a cell is not of the type.
Instants are kept as text in UTC with milliseconds (`2026-11-20T14:03:11.000Z`), lists as JSON text.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

BAD: Final = object()

EMAIL = re.compile(r"[^\s@,;\"<>]+@[^\s@,;\"<>]+\.[^\s@,;\".<>]{2,}")
_PHONE = re.compile(r"\+\d{6,15}")
_CSV_PHONE = re.compile(r"\+?\d{6,15}")
_CSV_INTEGER = re.compile(r"-?[1-9]\d*")
_CSV_COUNT = re.compile(r"0|-?[1-9]\d*")
_CSV_DECIMAL = re.compile(r"-?\d+(\.\d+)?")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})")


class Kind(StrEnum):
    """Types of contact fields (the first nine, as the API names them), then of products and purchases."""

    TEXT = "text"
    EMAIL = "email"
    PHONE = "phone"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"
    RADIO = "radio"
    CHECKBOX = "checkbox"
    COUNT = "count"  # an integer of a product: unlike a contact's it may be 0 in a file
    INSTANT = "instant"  # a date-time in files too
    LIST = "list"
    URL = "url"


# "The fields that are of the type phone, date, integer, decimal or radio can't be empty" (360014217640).
NEVER_BLANK = frozenset(
    {Kind.EMAIL, Kind.PHONE, Kind.DATE, Kind.INTEGER, Kind.DECIMAL, Kind.RADIO, Kind.BOOLEAN}
)


@dataclass(frozen=True)
class Field:
    """One field: its key at Connectif, its type, and the column of our table that keeps it."""

    key: str
    kind: Kind
    column: str
    options: tuple[str, ...] = ()
    maximum: float | None = None
    minimum: float | None = None
    max_length: int | None = None
    default: Any = None  # what a field shows that is cleared or was never written

    def shown(self, stored: Any) -> Any:
        """The JSON value of a stored one."""
        if stored is None:
            stored = self.default
        if self.kind is Kind.BOOLEAN and stored is not None:
            return bool(stored)
        return json.loads(stored) if stored and self.kind in (Kind.LIST, Kind.CHECKBOX) else stored


def instant_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_instant(text: str) -> str | None:
    """An ISO 8601 date-time with offset as stored text, or None."""
    if not _INSTANT.fullmatch(text):
        return None
    try:
        return instant_text(datetime.fromisoformat(text))
    except ValueError:
        return None


def parse_day(text: str) -> str | None:
    """A calendar day as stored text (midnight UTC), or None."""
    if not _DAY.fullmatch(text):
        return None
    try:
        date.fromisoformat(text)
    except ValueError:
        return None
    return f"{text}T00:00:00.000Z"


# --- JSON ---------------------------------------------------------------------------------------------------


def read_object(
    body: Any, fields: Mapping[str, Field], *, reject_unknown: bool, reject_null: bool
) -> tuple[dict[str, Any], dict[str, str]]:
    """Stored values by field key, and the problems by path. Keys that were absent stay absent."""
    if not isinstance(body, dict):
        return {}, {"": "must be an object"}
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for key, value in body.items():
        if key not in fields:
            if reject_unknown:
                problems[key] = "unknown property"
        elif value is None and not reject_null:
            values[key] = None
        else:
            stored, reason = read_value(fields[key], value)
            if reason:
                problems[key] = reason
            values[key] = stored
    return values, problems


def read_value(field: Field, value: Any) -> tuple[Any, str]:
    """The stored value and "", or None and why it is refused."""
    wanted, matches, store = _JSON[field.kind]
    if not matches(value):
        return None, f"must be {wanted}"
    reason = _outside(field, value)
    return (None, reason) if reason else (store(value), "")


def _outside(field: Field, value: Any) -> str:
    if field.kind in (Kind.RADIO, Kind.CHECKBOX):
        chosen = value if isinstance(value, list) else [value]
        if not set(chosen) <= set(field.options):
            return f"must be one of {', '.join(field.options)}"
    if field.max_length is not None and len(value) > field.max_length:
        return f"must be at most {field.max_length} characters long"
    if field.minimum is not None and value < field.minimum:
        return f"must be at least {field.minimum:g}"
    if field.maximum is not None and value > field.maximum:
        return f"must be at most {field.maximum:g}"
    return ""


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_instant(value: Any) -> bool:
    return isinstance(value, str) and parse_instant(value) is not None


def _matches(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _same(value: Any) -> Any:
    return value


_JSON: dict[Kind, tuple[str, Callable[[Any], bool], Callable[[Any], Any]]] = {
    Kind.TEXT: ("a string", _is_text, _same),
    Kind.URL: ("a URL", _matches(re.compile(r"https?://[^\s/]+\S*")), _same),
    Kind.EMAIL: ("an e-mail address", _matches(EMAIL), _same),
    Kind.PHONE: ("a phone number in international format", _matches(_PHONE), _same),
    Kind.INTEGER: ("an integer", _is_integer, _same),
    Kind.COUNT: ("an integer", _is_integer, _same),
    Kind.DECIMAL: ("a number", _is_number, _same),
    Kind.BOOLEAN: ("a boolean", lambda value: isinstance(value, bool), int),
    Kind.DATE: ("an ISO 8601 date-time", _is_instant, parse_instant),
    Kind.INSTANT: ("an ISO 8601 date-time", _is_instant, parse_instant),
    Kind.RADIO: ("a string", _is_text, _same),
    Kind.CHECKBOX: ("an array of strings", _is_list, json.dumps),
    Kind.LIST: ("an array of strings", _is_list, json.dumps),
}


# --- CSV ----------------------------------------------------------------------------------------------------


def read_column(field: Field, cells: Sequence[str], *, phone_prefix: str) -> list[Any]:
    """Stored values of a column; None for a blank cell, `BAD` for one that is not of the type."""
    if field.kind in (Kind.TEXT, Kind.URL):
        return [_short_enough(cell, field.max_length) for cell in cells] if field.max_length else list(cells)
    if field.kind is Kind.PHONE:
        return _phones(cells, phone_prefix)
    if field.kind is Kind.RADIO:
        known = {option: option for option in field.options} | {"": None}
        return [known.get(cell, BAD) for cell in cells]
    values = _CSV[field.kind](cells)
    if field.options or field.minimum is not None or field.maximum is not None:
        return [_within(field, value) for value in values]
    return values


def _short_enough(cell: str, length: int) -> Any:
    return cell if len(cell) <= length else BAD


def _within(field: Field, value: Any) -> Any:
    if value is None or value is BAD:
        return value
    plain = json.loads(value) if field.kind is Kind.CHECKBOX else value
    return BAD if _outside(field, plain) else value


def _phones(cells: Iterable[str], prefix: str) -> list[Any]:
    match = _CSV_PHONE.fullmatch
    return [
        (cell if cell[0] == "+" else prefix + cell) if match(cell) else None if cell == "" else BAD
        for cell in cells
    ]


def _pattern_column(
    pattern: re.Pattern[str], store: Callable[[str], Any]
) -> Callable[[Iterable[str]], list[Any]]:
    match = pattern.fullmatch
    return lambda cells: [store(cell) if match(cell) else None if cell == "" else BAD for cell in cells]


def _parsed_column(parse: Callable[[str], str | None]) -> Callable[[Iterable[str]], list[Any]]:
    """Days and instants repeat, so each distinct cell is parsed once."""

    def read(cells: Iterable[str]) -> list[Any]:
        known: dict[str, Any] = {"": None}
        values = []
        for cell in cells:
            if cell not in known:
                known[cell] = parse(cell) or BAD
            values.append(known[cell])
        return values

    return read


def _booleans(cells: Iterable[str]) -> list[Any]:
    known = {"true": 1, "false": 0, "": None}
    return [known.get(cell, BAD) for cell in cells]


def _lists(cells: Iterable[str]) -> list[Any]:
    return [json.dumps(cell.split("|")) if cell else None for cell in cells]


_CSV: dict[Kind, Callable[[Iterable[str]], list[Any]]] = {
    Kind.EMAIL: _pattern_column(EMAIL, str),
    Kind.INTEGER: _pattern_column(_CSV_INTEGER, int),
    Kind.COUNT: _pattern_column(_CSV_COUNT, int),
    Kind.DECIMAL: _pattern_column(_CSV_DECIMAL, float),
    Kind.BOOLEAN: _booleans,
    Kind.DATE: _parsed_column(parse_day),
    Kind.INSTANT: _parsed_column(parse_instant),
    Kind.CHECKBOX: _lists,
    Kind.LIST: _lists,
}
