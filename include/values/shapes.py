"""Reading decoded JSON whose shape the vendor promises but does not keep: a wrong type counts as absent."""

from __future__ import annotations

from typing import Any

from include.errors import ContractError
from include.values.text import text_of

Json = dict[str, Any]


def record(value: object) -> Json:
    """The JSON object, or an empty one."""
    return value if isinstance(value, dict) else {}


def records(value: object) -> list[Json]:
    """The JSON objects of a list."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def values(value: object) -> list[Any]:
    """The JSON list, or an empty one."""
    return value if isinstance(value, list) else []


def name(value: object) -> str:
    """An id or a word: its text without outer spaces, empty when there is none."""
    return (text_of(value) or "").strip()


def key_of(source: Json, field: str) -> str:
    """The id that a record cannot be without; ContractError when it is."""
    key = name(source.get(field))
    if not key:
        raise ContractError(f"VTEX answered a record without {field!r}: nothing can be said about it.")
    return key
