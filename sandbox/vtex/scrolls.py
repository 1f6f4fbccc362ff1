"""The open scrolls of the account: at most ten, each with its documents."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import uuid4

from sandbox.core.clock import Clock
from sandbox.vtex.errors import message_error
from sandbox.vtex.knobs import VtexKnobs


def _new_token() -> str:
    return uuid4().hex.upper()


@dataclass
class Scroll:
    """The first call fixes the `rows`, the page's `size` and the SQL `expression` that prints a row.

    `next` is the position of the next page.
    """

    rows: "array[int]" = field(repr=False)
    size: int
    expression: str
    used_at: datetime
    token: str = field(default_factory=_new_token)
    next: int = 0

    def take(self, now: datetime) -> "array[int]":
        """The rows of the next page; empty at the end."""
        page = self.rows[self.next : self.next + self.size]
        self.used_at, self.next = now, self.next + len(page)
        return page


class Scrolls:
    """Not thread-safe: the caller holds the database's lock."""

    def __init__(self, clock: Clock, knobs: VtexKnobs) -> None:
        self._clock, self._knobs = clock, knobs
        self._open: dict[str, Scroll] = {}

    def __len__(self) -> int:
        return len(self._open)

    def clear(self) -> None:
        self._open.clear()

    def check_slot(self) -> None:
        """Raises 400 if all slots are in use."""
        self._close_idle()
        if len(self._open) >= self._knobs.scroll_slots:
            raise message_error(
                400, f"Maximum simultaneous scrolls rate exceeded ({self._knobs.scroll_slots})"
            )

    def open(self, rows: Iterable[int], size: int, expression: str) -> Scroll:
        """Opens a scroll with a new token. Call `check_slot` first."""
        scroll = Scroll(array("q", rows), size, expression, self._clock.now())
        self._open[scroll.token] = scroll
        return scroll

    def find(self, token: str) -> Scroll:
        """Raises 400 for a token that is unknown or has expired."""
        self._close_idle()
        if token not in self._open:
            raise message_error(400, f"Operation not found for this token: '{token}'")
        return self._open[token]

    def close(self, scroll: Scroll) -> None:
        del self._open[scroll.token]

    def _close_idle(self) -> None:
        """VTEX has no close call: a scroll expires if it is not used for some time."""
        limit = self._clock.now() - timedelta(seconds=self._knobs.scroll_idle_seconds)
        for scroll in [scroll for scroll in self._open.values() if scroll.used_at < limit]:
            self.close(scroll)
