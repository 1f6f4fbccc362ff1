"""How an explanation shows values: on one line, without addresses, and by the clock of the shop."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from include.pipeline.preview import mask
from include.values.instants import instant
from include.window import local_text

_ADDRESS = re.compile(r"[^\s\"'<>,;:()\[\]{}|]+@[^\s\"'<>,;:()\[\]{}|]+")
DAY_TEXT = re.compile(r"\d{4}-\d\d-\d\d")
_LONGEST = 300


@dataclass(frozen=True)
class FieldFormat:
    """How the fields of a kind of record are shown.

    `instants` are fields with a time, `days` are fields whose time has no meaning.
    """

    zone: ZoneInfo
    instants: frozenset[str] = frozenset()
    days: frozenset[str] = frozenset()
    is_personal: Callable[[str], bool] = lambda _: False

    def text(self, name: str, value: Any) -> str | None:
        """The value of a field on one line; None for an absent value."""
        if is_absent(value):
            return None
        if name in self.instants and (at := instant(value)):
            return local_text(at, self.zone)
        is_day = name in self.days and DAY_TEXT.match(str(value))
        return is_day[0] if is_day else format_value(value)


def is_absent(value: Any) -> bool:
    """Whether a JSON value or a cell of a frame is missing. A blank text is not missing."""
    return value is None or value != value  # noqa: PLR0124 - NaN


def without_addresses(text: str) -> str:
    """`ana@example.com has bought` → `a…(15) has bought`."""
    return _ADDRESS.sub(lambda found: mask(found[0]), text)


def format_value(value: Any) -> str:
    """A value on one line: addresses are masked, and a long text is cut."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.2f}" if round(value, 2) == value else str(value)
    if isinstance(value, list | tuple):
        return ", ".join(map(format_value, value)) or "blank"
    text = without_addresses(" ".join(str(value).split()))
    return (text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…") or "blank"
