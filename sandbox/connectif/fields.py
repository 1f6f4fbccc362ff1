"""The types of Connectif's fields, as a JSON value and as a CSV cell.

JSON is checked value by value. CSV is read column by column, because an import can have a million rows: a
reader turns a column of cells into stored values, with `BAD` for a cell of another type. Instants are stored
as text in UTC with milliseconds (`2026-11-20T14:03:11.000Z`), lists as JSON text.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, Final

BAD: Final = object()

EMAIL = re.compile(r"[^\s@,;\"<>]+@[^\s@,;\"<>]+\.[^\s@,;\".<>]{2,}")
_PHONE = re.compile(r"\+\d{6,15}")
_CSV_PHONE = re.compile(r"\+?\d{6,15}")
_CSV_INTEGER = re.compile(r"-?[1-9]\d*")
_CSV_COUNT = re.compile(r"0|-?[1-9]\d*")
_CSV_DECIMAL = re.compile(r"-?\d+(\.\d+)?")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})")


class FieldKind(StrEnum):
    """The first nine are the API's types of contact fields; the others are for products and purchases."""

    TEXT = "text"
    EMAIL = "email"
    PHONE = "phone"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"
    RADIO = "radio"
    CHECKBOX = "checkbox"
    COUNT = "count"  # an integer of a product; unlike a contact's integer it may be 0 in a file
    INSTANT = "instant"  # a date-time, also in files
    LIST = "list"
    URL = "url"


# "The fields that are of the type phone, date, integer, decimal or radio can't be empty" (360014217640).
NEVER_BLANK = frozenset(
    {
        FieldKind.EMAIL,
        FieldKind.PHONE,
        FieldKind.DATE,
        FieldKind.INTEGER,
        FieldKind.DECIMAL,
        FieldKind.RADIO,
        FieldKind.BOOLEAN,
    }
)


@dataclass(frozen=True)
class Field:
    """One field: its key at Connectif, its type, and the column of our table."""

    key: str
    kind: FieldKind
    column: str
    options: tuple[str, ...] = ()
    maximum: float | None = None
    minimum: float | None = None
    max_length: int | None = None
    default: Any = None  # the value of a field that was cleared or never written

    def json_value(self, stored: Any) -> Any:
        """The JSON value of a stored value."""
        if stored is None:
            stored = self.default
        if self.kind is FieldKind.BOOLEAN and stored is not None:
            return bool(stored)
        return json.loads(stored) if stored and self.kind in (FieldKind.LIST, FieldKind.CHECKBOX) else stored


def instant_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_instant(text: str) -> str | None:
    """The stored text of an ISO 8601 date-time with offset, or None for another text."""
    if not _INSTANT.fullmatch(text):
        return None
    try:
        return instant_text(datetime.fromisoformat(text))
    except ValueError:
        return None


def parse_day(text: str) -> str | None:
    """The stored text of a calendar day (midnight UTC), or None for another text."""
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
    """The stored values by field key, and the problems by path. Absent keys have no value."""
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
    """The stored value and "", or None and the reason of the refusal."""
    type_name, matches, store = _JSON[field.kind]
    if not matches(value):
        return None, f"must be {type_name}"
    reason = _check_bounds(field, value)
    return (None, reason) if reason else (store(value), "")


def _check_bounds(field: Field, value: Any) -> str:
    """The reason why the value is not allowed, or ""."""
    if field.kind in (FieldKind.RADIO, FieldKind.CHECKBOX):
        options = value if isinstance(value, list) else [value]
        if not set(options) <= set(field.options):
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


_JSON: dict[FieldKind, tuple[str, Callable[[Any], bool], Callable[[Any], Any]]] = {
    FieldKind.TEXT: ("a string", _is_text, _same),
    FieldKind.URL: ("a URL", _matches(re.compile(r"https?://[^\s/]+\S*")), _same),
    FieldKind.EMAIL: ("an e-mail address", _matches(EMAIL), _same),
    FieldKind.PHONE: ("a phone number in international format", _matches(_PHONE), _same),
    FieldKind.INTEGER: ("an integer", _is_integer, _same),
    FieldKind.COUNT: ("an integer", _is_integer, _same),
    FieldKind.DECIMAL: ("a number", _is_number, _same),
    FieldKind.BOOLEAN: ("a boolean", lambda value: isinstance(value, bool), int),
    FieldKind.DATE: ("an ISO 8601 date-time", _is_instant, parse_instant),
    FieldKind.INSTANT: ("an ISO 8601 date-time", _is_instant, parse_instant),
    FieldKind.RADIO: ("a string", _is_text, _same),
    FieldKind.CHECKBOX: ("an array of strings", _is_list, json.dumps),
    FieldKind.LIST: ("an array of strings", _is_list, json.dumps),
}


# --- CSV ----------------------------------------------------------------------------------------------------


def read_column(field: Field, cells: Sequence[str], *, phone_prefix: str) -> list[Any]:
    """The stored values of a column: None for a blank cell, `BAD` for a cell of another type."""
    if field.kind in (FieldKind.TEXT, FieldKind.URL):
        return [_check_length(cell, field.max_length) for cell in cells] if field.max_length else list(cells)
    if field.kind is FieldKind.PHONE:
        return _phones(cells, phone_prefix)
    if field.kind is FieldKind.RADIO:
        known = {option: option for option in field.options} | {"": None}
        return [known.get(cell, BAD) for cell in cells]
    values = _CSV[field.kind](cells)
    if field.options or field.minimum is not None or field.maximum is not None:
        return [_check_value(field, value) for value in values]
    return values


def _check_length(cell: str, length: int) -> Any:
    return cell if len(cell) <= length else BAD


def _check_value(field: Field, value: Any) -> Any:
    if value is None or value is BAD:
        return value
    plain = json.loads(value) if field.kind is FieldKind.CHECKBOX else value
    return BAD if _check_bounds(field, plain) else value


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
    """Parses each distinct cell once: days and instants repeat."""

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


_CSV: dict[FieldKind, Callable[[Iterable[str]], list[Any]]] = {
    FieldKind.EMAIL: _pattern_column(EMAIL, str),
    FieldKind.INTEGER: _pattern_column(_CSV_INTEGER, int),
    FieldKind.COUNT: _pattern_column(_CSV_COUNT, int),
    FieldKind.DECIMAL: _pattern_column(_CSV_DECIMAL, float),
    FieldKind.BOOLEAN: _booleans,
    FieldKind.DATE: _parsed_column(parse_day),
    FieldKind.INSTANT: _parsed_column(parse_instant),
    FieldKind.CHECKBOX: _lists,
    FieldKind.LIST: _lists,
}
