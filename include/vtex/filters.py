"""Builds filters in the part of Master Data's filter language that the sync uses.

Source: VTEX, querying documents in Master Data v1 (read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from include.window import utc_milliseconds


def between(field: str, start: datetime, end: datetime) -> str:
    """Match dates in a window.

    VTEX does not document whether the bounds match. So overlap the windows and drop duplicates.
    """
    return f"({field} between {utc_milliseconds(start)} AND {utc_milliseconds(end)})"


def outside(field: str, start: datetime, end: datetime) -> str:
    """Match the dates that `between` does not match: missing ones, 0001-01-01, or in the next year."""
    return f"({field} is null) OR ({field}<{utc_milliseconds(start)}) OR ({field}>{utc_milliseconds(end)})"


def any_of(field: str, values: Iterable[str]) -> str:
    """Match the documents of many values, so that one call finds all of them."""
    return " OR ".join(f"({field}={value})" for value in values)
