"""The scrolls of an account that have not ended: ten slots, and which documents each is about."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import uuid4

from sandbox.core.clock import Clock
from sandbox.vtex.errors import message
from sandbox.vtex.knobs import VtexKnobs


def _new_token() -> str:
    return uuid4().hex.upper()


@dataclass
class Scroll:
    """What the first call settles: `rows`, the page's `size`, how a row is `printed`; `next`: its place."""

    rows: array[int] = field(repr=False)
    size: int
    printed: str
    used: datetime
    token: str = field(default_factory=_new_token)
    next: int = 0

    def take(self, now: datetime) -> array[int]:
        """The rows of the next page; empty at the end."""
        taken = self.rows[self.next : self.next + self.size]
        self.used, self.next = now, self.next + len(taken)
        return taken


class Scrolls:
    """Not thread-safe: used under the database's lock."""

    def __init__(self, clock: Clock, knobs: VtexKnobs) -> None:
        self._clock, self._knobs = clock, knobs
        self._open: dict[str, Scroll] = {}

    def __len__(self) -> int:
        return len(self._open)

    def clear(self) -> None:
        self._open.clear()

    def check_slot(self) -> None:
        """400 when all are taken."""
        self._end_idle()
        if len(self._open) >= self._knobs.scroll_slots:
            raise message(400, f"Maximum simultaneous scrolls rate exceeded ({self._knobs.scroll_slots})")

    def begin(self, rows: Iterable[int], size: int, printed: str) -> Scroll:
        """A scroll of its own token, in a slot that `check_slot` has found."""
        scroll = Scroll(array("q", rows), size, printed, self._clock.now())
        self._open[scroll.token] = scroll
        return scroll

    def find(self, token: str) -> Scroll:
        """400 for a token that nobody has, or that nobody has used long enough."""
        self._end_idle()
        if token not in self._open:
            raise message(400, f"Operation not found for this token: '{token}'")
        return self._open[token]

    def end(self, scroll: Scroll) -> None:
        del self._open[scroll.token]

    def _end_idle(self) -> None:
        """There is no close call: a scroll ends when nobody has asked for a page long enough."""
        limit = self._clock.now() - timedelta(seconds=self._knobs.scroll_idle_seconds)
        for scroll in [scroll for scroll in self._open.values() if scroll.used < limit]:
            self.end(scroll)
