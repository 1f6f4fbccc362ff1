"""A subscription change, what the ledger says of it, and an event that could not be applied yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime


class SubscriptionChange(NamedTuple):
    """When a person subscribed or unsubscribed.

    The newer change is the greater one. At the same instant, `unsubscribed` is greater.
    """

    instant: datetime
    unsubscribed: bool


class PendingEvent(NamedTuple):
    """An event that could not be applied yet: the person is unknown, or VTEX did not accept it.

    The repr shows no address.
    """

    email: str
    person: str
    change: SubscriptionChange
    not_before: datetime
    attempts: int

    def __repr__(self) -> str:
        return f"PendingEvent(person={self.person[:8]}…, change={self.change}, attempts={self.attempts})"


class SubscriptionState(NamedTuple):
    """The newest change that a run began to apply; `applied_at` is None until the run has finished.

    `open_writes` are changes, older ones too, whose writing began and did not end: a process writes them now,
    or has died.
    """

    change: SubscriptionChange
    applied_at: datetime | None
    open_writes: frozenset[SubscriptionChange] = frozenset()

    def resolves(self, *changes: SubscriptionChange) -> bool:
        """Whether nothing is left to do for `changes`: the ledger has a newer one, or the newest was applied.

        False if a process died while it wrote one of them: VTEX may have received that one last.
        """
        newest = max(changes)
        resolved = newest < self.change or (newest == self.change and self.applied_at is not None)
        return resolved and self.open_writes.isdisjoint(changes)
