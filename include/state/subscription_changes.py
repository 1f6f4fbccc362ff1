"""A subscription change of the newsletter, what the ledger says of it, and an event that waits for its person."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime


class SubscriptionChange(NamedTuple):
    """When somebody wished, and what. The later subscription change is greater; at the same instant, `unsubscribed` is."""

    instant: datetime
    unsubscribed: bool


class PendingEvent(NamedTuple):
    """An event whose person VTEX did not know yet. Its repr has no address."""

    email: str
    person: str
    change: SubscriptionChange
    not_before: datetime
    attempts: int

    def __repr__(self) -> str:
        return f"PendingEvent(person={self.person[:8]}…, subscription change={self.change}, attempts={self.attempts})"


class SubscriptionState(NamedTuple):
    """The greatest subscription change that somebody began to apply. `applied_at` is None until that was finished.

    `on_their_way` are subscription changes, lesser ones too, whose writing began and did not end: a process is at it or
    died.
    """

    change: SubscriptionChange
    applied_at: datetime | None
    on_their_way: frozenset[SubscriptionChange] = frozenset()

    def resolves(self, *changes: SubscriptionChange) -> bool:
        """Whether nothing is left to do for these: a greater one stands, or the greatest of them was applied.

        Not where one of them was on its way when its process died: VTEX may have got it after what stands.
        """
        greatest = max(changes)
        stands = greatest < self.change or (greatest == self.change and self.applied_at is not None)
        return stands and self.on_their_way.isdisjoint(changes)
