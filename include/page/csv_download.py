"""CSV files for spreadsheets: UTF-8 with a byte order mark, without a cell that a spreadsheet calculates."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from include.page.rendering import short_key
from include.run_name import readable
from include.state import FoundRecord

Row = Sequence[object]

RECORD_COLUMNS = (
    "pipeline",
    "key",
    "outcome",
    "reason",
    "meaning",
    "detail",
    "attempts",
    "first seen",
    "last seen",
    "run",
)
_BYTE_ORDER_MARK = "\ufeff"
_FORMULA = re.compile(r"(?:^|(?<=[;|\t\r\n]))(?=[\s\"]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r])")
_ADDRESS = re.compile(r"\S+@\S+")


def csv_file(columns: Row, batches: Iterable[Iterable[Row]]) -> Iterator[bytes]:
    """The file in pieces, one for the header and one for each batch: it is never in memory as a whole."""
    yield (_BYTE_ORDER_MARK + _lines([columns])).encode()
    for batch in batches:
        yield _lines(batch).encode()


def record_rows(records: Iterable[FoundRecord], zone: ZoneInfo) -> Iterator[Row]:
    """The rows of records, in RECORD_COLUMNS. A person's hash is cut: the file identifies no one."""
    for pipeline, one in records:
        yield (
            pipeline,
            short_key(one.key),
            one.outcome,
            one.reason or "",
            one.reason.meaning if one.reason else "",
            one.detail,
            one.attempts,
            _instant(one.first_seen, zone),
            _instant(one.last_seen, zone),
            readable(one.run_key),
        )


def safe_cell(value: object) -> str:
    """The text of a cell. A text that a spreadsheet would calculate gets an apostrophe in front.

    Spreadsheets calculate a text that begins with `=`, `+`, `-`, `@` (also in full width), a tab or a
    carriage return, and a spreadsheet whose language separates cells by another character than a comma sees
    more beginnings (OWASP, CSV Injection, read 2026-11-29). Our numbers are never negative, so `-5` is an id.
    An e-mail address should never be here; it is left out.
    """
    text = _ADDRESS.sub("(address left out)", str(value))
    return _FORMULA.sub("'", text)


def _lines(rows: Iterable[Row]) -> str:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([safe_cell(cell) for cell in row] for row in rows)
    return text.getvalue()


def _instant(instant: datetime, zone: ZoneInfo) -> str:
    return instant.astimezone(zone).isoformat(timespec="seconds")
