"""The address of a list of records: its filter, its order and its page, as plain query parameters."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, Self, TypeVar
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from include.outcomes import Outcome, PipelineName, Reason
from include.state import RecordFilter, RecordOrder, Seen

_AT_SIGNS = re.compile("[@\N{FULLWIDTH COMMERCIAL AT}\N{SMALL COMMERCIAL AT}]")
_TEXT = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,300}")
_YEARS = range(2000, 2100)
_MOST_PAGES = 1_000_000
_DAY = timedelta(days=1)

ADDRESS_REFUSED = (
    "The search does not take e-mail addresses, because it puts the text into the address of the page, which "
    "logs keep. Use the box Explain one record on the status page: it keeps no address"
)

Word = TypeVar("Word", bound=StrEnum)


class WrongQuery(ValueError):
    """A parameter has a value that is not allowed. The message does not repeat the value."""


@dataclass(frozen=True)
class RecordQuery:
    """A list of records, as the reader asks for it. The names of the fields are the parameters.

    `seen_from` and `seen_until` are days of the shop's time zone, both included.
    """

    pipeline: PipelineName | None = None
    code: Reason | None = None
    outcome: Outcome | None = None
    run: str = ""
    text: str = ""
    seen: Seen = Seen.LAST
    seen_from: date | None = None
    seen_until: date | None = None
    sort: RecordOrder = RecordOrder.LAST_SEEN
    page: int = 1

    @classmethod
    def parse(cls, parameters: Mapping[str, str]) -> Self:
        """The query of these parameters; an empty value counts as absent. WrongQuery for a wrong value.

        Every value with an @ is refused: it may be an e-mail address.
        """
        given = {name: text for name in _READERS if (text := parameters.get(name, "").strip())}
        if any(map(_AT_SIGNS.search, given.values())):
            raise WrongQuery(ADDRESS_REFUSED)
        return cls(**{name: _READERS[name](text) for name, text in given.items()})

    def to_filter(self, pipelines: tuple[PipelineName, ...], zone: ZoneInfo) -> RecordFilter:
        """The filter of the state store, among the pipelines that the reader may see."""
        until = self.seen_until + _DAY if self.seen_until else None
        return RecordFilter(
            pipelines=(self.pipeline,) if self.pipeline else pipelines,
            outcome=self.outcome,
            reason=self.code,
            run=self.run,
            text=self.text,
            seen=self.seen,
            since=_start_of(self.seen_from, zone),
            until=_start_of(until, zone),
        )

    def address(self, path: str = "records", **changes: Any) -> str:
        """The relative address of this list with changes: `records?pipeline=contacts&page=2`."""
        query = replace(self, **changes)
        given = {one.name: getattr(query, one.name) for one in fields(query)}
        text = urlencode({n: str(v) for n, v in given.items() if v != getattr(type(self), n)})
        return f"{path}?{text}" if text else path

    @property
    def is_one_reason(self) -> bool:
        """Whether the list is exactly the records of one pipeline with one reason."""
        alone = RecordQuery(pipeline=self.pipeline, code=self.code, sort=self.sort, page=self.page)
        return bool(self.pipeline and self.code) and self == alone

    @property
    def has_more_filters(self) -> bool:
        """Whether a filter other than text, pipeline and code is set."""
        plain = RecordQuery(self.pipeline, self.code, text=self.text, page=self.page)
        return self != plain


def _start_of(day: date | None, zone: ZoneInfo) -> datetime | None:
    return datetime.combine(day, time(), zone).astimezone(UTC) if day else None


def _word(kind: type[Word]) -> Callable[[str], Word]:
    def read(text: str) -> Word:
        try:
            return kind(text)
        except ValueError:
            raise WrongQuery(f"There is no such {_NAMES[kind]}") from None

    return read


def _text(text: str) -> str:
    if not _TEXT.fullmatch(text):
        raise WrongQuery("The text is too long, or has characters that cannot be searched")
    return text


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise WrongQuery("A day is not readable: write it as 2026-11-23") from None
    if day.year not in _YEARS:
        raise WrongQuery(f"A day is before {_YEARS.start} or after {_YEARS.stop - 1}")
    return day


def _page(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 8 and 1 <= int(text) <= _MOST_PAGES):
        raise WrongQuery("There is no such page")
    return int(text)


_NAMES: dict[type[StrEnum], str] = {
    PipelineName: "pipeline",
    Reason: "reason code",
    Outcome: "outcome",
    Seen: "kind of time",
    RecordOrder: "order",
}
_READERS: dict[str, Callable[[str], Any]] = {
    "pipeline": _word(PipelineName),
    "code": _word(Reason),
    "outcome": _word(Outcome),
    "run": _text,
    "text": _text,
    "seen": _word(Seen),
    "seen_from": _day,
    "seen_until": _day,
    "sort": _word(RecordOrder),
    "page": _page,
}
