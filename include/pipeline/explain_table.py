"""The table of an explanation: the same fields in VTEX, in the last run and in Connectif, side by side."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from include.pipeline.explain_values import DAY_TEXT, FieldFormat, is_absent
from include.pipeline.explanation import Row, RowGroup

NOT_KEPT = "not kept"
ONLY_AT_CONNECTIF = "Only at Connectif"
_NEXT_WORD = re.compile(r"(?<=[a-z])(?=[A-Z0-9])")


@dataclass(frozen=True)
class Sides:
    """A record as it would be sent `now`, as it is `there` at Connectif, and as it was `sent` last.

    None: the record is not there, or was never sent. If only some fields of the last values are `kept`, the
    others are shown as not kept.
    """

    now: Mapping[str, Any]
    there: Mapping[str, Any] | None
    sent: Mapping[str, Any] | None = None
    kept: Collection[str] | None = None

    def lost(self, name: str) -> bool:
        """Whether the field was probably sent, but its value is not kept."""
        is_kept = self.kept is None or name in self.kept
        return self.sent is not None and not is_kept and name in self.now


def compare_fields(fields: FieldFormat, sides: Sides) -> tuple[Row, ...]:
    """A row for each field that any side has."""
    names = dict.fromkeys([*sides.now, *(sides.sent or {}), *(sides.there or {})])
    rows = (_row(fields, name, sides) for name in names)
    return tuple(row for row in rows if (row.now, row.sent, row.there) != (None, None, None))


def _row(fields: FieldFormat, name: str, sides: Sides) -> Row:
    is_lost = sides.lost(name)
    return Row(
        field_words(name),
        fields.text(name, sides.now.get(name)),
        NOT_KEPT if is_lost else fields.text(name, (sides.sent or {}).get(name)),
        fields.text(name, (sides.there or {}).get(name)),
        sent_differs=not is_lost and _differs(name, sides.now, sides.sent),
        there_differs=_differs(name, sides.now, sides.there),
        personal=fields.is_personal(name),
    )


def _differs(name: str, now: Mapping[str, Any], other: Mapping[str, Any] | None) -> bool:
    """Whether the field would be sent, and the other side has the record with another value."""
    if other is None or is_absent(now.get(name)):
        return False
    return bool(normalized(now[name]) != normalized(other.get(name)))


def group_rows(title: str, rows: Iterable[Row]) -> tuple[RowGroup, ...]:
    """The fields that the sync sends, and in a second group those that only Connectif has."""
    rows = tuple(rows)
    ours = tuple(row for row in rows if (row.now, row.sent) != (None, None))
    others = tuple(row for row in rows if row not in ours)
    groups = (RowGroup(title, ours), RowGroup(ONLY_AT_CONNECTIF, others))
    return tuple(group for group in groups if group.rows)


def differing_fields(groups: Iterable[RowGroup]) -> list[str]:
    """The names of the fields that have another value at Connectif; of a line with its number."""
    return [
        f"{group.title.lower()} {row.label}" if group.title.startswith("Line ") else row.label
        for group in groups
        for row in group.rows
        if row.there_differs
    ]


def field_words(name: str) -> str:
    """`unitPriceWithoutVAT` → `unit price without VAT`, `_mobilePhone` → `mobile phone`."""
    words = _NEXT_WORD.sub(" ", name.lstrip("_")).replace("Url", "URL").split(" ")
    return " ".join(word if len(word) > 1 and word.isupper() else word.lower() for word in words)


def normalized(value: Any) -> Any:
    """A comparable value: rounded numbers, sorted lists, dates without time, None for a blank."""
    if is_absent(value) or value in ("", []):
        return None
    if isinstance(value, list):
        return sorted(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value).strip()
    try:
        return round(float(text), 2)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text).isoformat()[:10] if DAY_TEXT.match(text) else text
    except ValueError:
        return text
