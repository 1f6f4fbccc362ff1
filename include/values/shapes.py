"""Read decoded JSON that may not have the documented types. A value of a wrong type counts as absent."""

from __future__ import annotations

from typing import Any

from include.errors import ContractError
from include.values.text import text_of

Json = dict[str, Any]


def record(value: object) -> Json:
    """The value if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def records(value: object) -> list[Json]:
    """The JSON objects in a list."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def values(value: object) -> list[Any]:
    """The value if it is a JSON list, else an empty one."""
    return value if isinstance(value, list) else []


def name(value: object) -> str:
    """An id or a word: its text without outer spaces, empty if there is none."""
    return (text_of(value) or "").strip()


def key_of(source: Json, field: str) -> str:
    """The id of a record; ContractError if it has none."""
    key = name(source.get(field))
    if not key:
        raise ContractError(f"VTEX answered a record without {field!r}. The sync cannot identify the record.")
    return key
