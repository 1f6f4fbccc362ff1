"""Master Data's filter language, as far as the sync speaks it.

Source: VTEX, querying documents in Master Data v1 (read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from include.window import utc_milliseconds


def between(field: str, start: datetime, end: datetime) -> str:
    """Whether the bounds belong to it is documented nowhere: overlap the windows and drop doubles."""
    return f"({field} between {utc_milliseconds(start)} AND {utc_milliseconds(end)})"


def outside(field: str, start: datetime, end: datetime) -> str:
    """What `between` leaves out, be its date absent, 0001-01-01 or of next year."""
    return f"({field} is null) OR ({field}<{utc_milliseconds(start)}) OR ({field}>{utc_milliseconds(end)})"


def any_of(field: str, values: Iterable[str]) -> str:
    """One filter that finds the documents of many values: one call instead of one for each."""
    return " OR ".join(f"({field}={value})" for value in values)
