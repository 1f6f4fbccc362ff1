"""Builds filters in the part of Master Data's filter language that the sync uses.

Source: VTEX, querying documents in Master Data v1 (read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime


def instant(moment: datetime) -> str:
    """Format an instant as UTC with milliseconds: `2026-11-23T04:00:00.000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def between(field: str, start: datetime, end: datetime) -> str:
    """Match dates in a window.

    VTEX does not document whether the bounds match. So overlap the windows and drop duplicates.
    """
    return f"({field} between {instant(start)} AND {instant(end)})"


def outside(field: str, start: datetime, end: datetime) -> str:
    """Match the dates that `between` does not match: missing ones, 0001-01-01, or in the next year."""
    return f"({field} is null) OR ({field}<{instant(start)}) OR ({field}>{instant(end)})"


def any_of(field: str, values: Iterable[str]) -> str:
    """Match the documents of many values, so that one call finds all of them."""
    return " OR ".join(f"({field}={value})" for value in values)
