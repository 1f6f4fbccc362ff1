"""Windows of time, `[start, end)` in UTC, their arithmetic, and the text forms of an instant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import tzinfo

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""The start of the coverage of a full load, which reads all records."""


def as_utc(instant: datetime) -> datetime:
    """The same instant as a plain `datetime` in UTC, also for pendulum's; `ValueError` for a naive one."""
    if instant.utcoffset() is None:
        raise ValueError("an instant needs an offset")
    utc = instant.astimezone(UTC)
    return datetime.combine(utc.date(), utc.time(), UTC)


def utc_text(instant: datetime) -> str:
    """An instant for people, to the second: `2026-11-22T06:00:00Z`. A run's parameters accept this form."""
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def local_text(instant: datetime, zone: tzinfo) -> str:
    """An instant on the clock of `zone`, for people: `2026-11-24 09:30`. Name the zone near it."""
    return f"{instant.astimezone(zone):%Y-%m-%d %H:%M}"


def utc_milliseconds(instant: datetime) -> str:
    """An instant for both vendors: `2026-11-22T06:00:00.000Z`."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, order=True)
class Window:
    """The time from `start` up to, but without, `end`; both in UTC. `ValueError` if naive or empty."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", as_utc(self.start))
        object.__setattr__(self, "end", as_utc(self.end))
        if self.start >= self.end:
            raise ValueError(f"a window must end after it starts: {self}")

    def __str__(self) -> str:
        return f"{utc_text(self.start)} to {utc_text(self.end)}"

    def in_zone(self, zone: tzinfo) -> str:
        """`2026-11-23 03:00 to 2026-11-24 03:00 America/Sao_Paulo`."""
        return f"{local_text(self.start, zone)} to {local_text(self.end, zone)} {zone}"

    def __contains__(self, instant: datetime) -> bool:
        return self.start <= instant < self.end

    def widened(self, overlap: timedelta) -> Window:
        """The window with a start that is `overlap` earlier, to read records that the source indexed late."""
        return Window(self.start - overlap, self.end)

    def until(self, instant: datetime) -> Window | None:
        """The part before `instant`, or None: future time is never covered."""
        return Window(self.start, min(self.end, instant)) if self.start < instant else None

    def to_json(self) -> dict[str, str]:
        """`{"start": "2026-11-22T06:00:00+00:00", "end": …}`"""
        return {"start": self.start.isoformat(), "end": self.end.isoformat()}

    @classmethod
    def from_json(cls, value: Mapping[str, str]) -> Self:
        return cls(datetime.fromisoformat(value["start"]), datetime.fromisoformat(value["end"]))


def merged(windows: Iterable[Window]) -> list[Window]:
    """The same time in as few sorted windows as possible; adjacent windows become one."""
    result: list[Window] = []
    for window in sorted(windows):
        if result and window.start <= result[-1].end:
            result[-1] = Window(result[-1].start, max(result[-1].end, window.end))
        else:
            result.append(window)
    return result


def subtracted(whole: Iterable[Window], taken: Iterable[Window]) -> list[Window]:
    """The time of `whole` that is not in `taken`, sorted."""
    result = merged(whole)
    for hole in merged(taken):
        result = [rest for window in result for rest in _without(window, hole)]
    return result


def _without(window: Window, hole: Window) -> list[Window]:
    edges = [(window.start, min(window.end, hole.start)), (max(window.start, hole.end), window.end)]
    return [Window(start, end) for start, end in edges if start < end]
