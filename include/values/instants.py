"""Convert columns of instants and calendar dates from VTEX's texts.

VTEX writes up to seven fractional digits, and `Z` or an offset (`2023-04-25T17:28:27.7753548Z`). Dates of the
catalogue have no zone and count as UTC. This module reads no clock and no local time zone.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from include.values.text import NOTHING, arrow_texts, change_where, join_texts, word

if TYPE_CHECKING:
    from datetime import date, tzinfo

# The years are limited to those that 64 bits of nanoseconds can hold.
_INSTANT = r"^(?:1[7-9]|2[01])\d\d-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?$"
_UTC_NS = pa.timestamp("ns", "UTC")
_DATE = r"^\d{4}-\d\d-\d\d(?:[T ].*)?$"
_DATE_LENGTH = 10


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MIDNIGHT_UTC = r"^.{10}[T ]00:00(?::00(?:\.0+)?)?(?:Z|[+-]00:?00)?$"


def local_dates(values: Any, zone: tzinfo) -> Any:
    """Instants with a time of day → their date in the zone, with the offset of that day.

    Other texts stay as written. So do dates without a time or at 00:00 UTC, because VTEX stores plain dates
    like this.
    """
    timed = pc.and_(
        pc.greater(pc.utf8_length(values), _DATE_LENGTH),
        pc.invert(pc.match_substring_regex(values, _MIDNIGHT_UTC)),
    )
    return change_where(values, timed, lambda some: _dates_in(some, zone))


def _dates_in(values: Any, zone: tzinfo) -> Any:
    """Convert each different instant once, because many people share a birthday."""
    asked = values.dictionary_encode()
    whole = nanoseconds(asked.dictionary).to_pylist()
    dates = [None if ns is None else _date_in(ns // 10**9, zone) for ns in whole]
    found = pc.coalesce(pa.array(dates, pa.large_string()), asked.dictionary)
    return found.take(asked.indices)


def _date_in(seconds: int, zone: tzinfo) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).astimezone(zone).date().isoformat()


def nanoseconds(values: Any) -> Any:
    """Texts → int64 nanoseconds since 1970 UTC, exact to all digits; null if the text is not an instant."""
    shaped = pc.if_else(pc.match_substring_regex(values, _INSTANT), values, NOTHING)
    dates = pc.equal(pc.binary_length(shaped), _DATE_LENGTH)
    timed = change_where(shaped, dates, lambda some: join_texts(some, word("T00:00:00Z")))
    zoned = change_where(
        timed,
        pc.invert(pc.match_substring_regex(timed, r"(?:Z|[+-]\d\d:?\d\d)$")),
        lambda some: join_texts(some, word("Z")),
    )
    return _cast(zoned).cast(pa.int64())


def _cast(values: Any) -> Any:
    try:
        return values.cast(_UTC_NS)
    except pa.ArrowInvalid:  # a text such as month 13: convert one by one to keep the others
        return pa.concat_arrays([_cast_one(values.slice(i, 1)) for i in range(len(values))])


def _cast_one(value: Any) -> Any:
    try:
        return value.cast(_UTC_NS)
    except pa.ArrowInvalid:
        return pa.nulls(1, _UTC_NS)


def iso_texts(values: pd.Series) -> pd.Series:
    """Instants in Connectif's form: UTC, ISO 8601, `Z`, milliseconds; NA if the text is not an instant."""
    whole = pc.fill_null(nanoseconds(arrow_texts(values)), np.iinfo(np.int64).min).to_numpy()
    stamps = pd.Series(whole, index=values.index).astype("datetime64[ns]").dt.floor("ms")
    return stamps.dt.strftime("%Y-%m-%dT%H:%M:%S.%f").str.slice(0, 23).add("Z").astype("str")


def instant(value: object) -> datetime | None:
    """One instant of a JSON record as an aware UTC time (microseconds); None if it is not an instant."""
    return _instant(value) if isinstance(value, str) else None


@lru_cache(maxsize=4_096)  # each step converts an order's dates again
def _instant(value: str) -> datetime | None:
    whole = nanoseconds(pa.array([value], pa.large_string()))[0].as_py()
    return (
        None
        if whole is None
        else datetime.fromtimestamp(whole // 10**9, UTC).replace(microsecond=whole % 10**9 // 1000)
    )


def calendar_dates(values: Any, *, first: str, last: date, zone: tzinfo | None = None) -> Any:
    """Texts that begin with a date → the date as written, `YYYY-MM-DD`; with a `zone`, see `local_dates`.

    Null if there is no date, it is not in the calendar, or it is outside `first`…`last`.
    """
    written = pc.utf8_slice_codeunits(values if zone is None else local_dates(values, zone), 0, _DATE_LENGTH)
    inside = pc.and_(
        pc.match_substring_regex(values, _DATE),
        pc.and_(pc.greater_equal(written, first), pc.less_equal(written, last.isoformat())),
    )
    kept = pc.if_else(inside, written, NOTHING)
    days = pd.to_datetime(pd.Series(kept.to_pandas(), dtype="str"), format="%Y-%m-%d", errors="coerce")
    return pc.if_else(pa.array(days.notna().to_numpy()), kept, NOTHING)
