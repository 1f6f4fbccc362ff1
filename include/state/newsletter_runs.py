"""What a newsletter run has taken and begun: its retry takes the same events and counts the same."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from include.state.newsletter import Newsletter
from include.state.newsletter_claims import KEPT_FOR_A_RETRY, first_documents
from include.state.subscription_changes import PendingEvent
from include.state.tables import pending_event, taken_event
from include.values.wording import plural

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

log = logging.getLogger(__name__)

_UNREADABLE_PAUSE = timedelta(days=1)


class NewsletterRuns(Newsletter):
    """The newsletter's part of the store, with the memory that a retry needs. It is kept for some days."""

    def take_due(
        self, run_key: str, now: datetime, limit: int = 500, *, min_attempts: int | None = None
    ) -> list[PendingEvent]:
        """As `due_pending`; a retry of the run gets the events that its first attempt got."""
        if taken := self.taken_by(run_key):
            return taken
        rows = self._due_rows(now, limit, min_attempts)
        due = self._opened(rows)
        if unreadable := {row.person for row in rows} - {event.person for event in due}:
            self._postpone_unreadable(unreadable, now + _UNREADABLE_PAUSE)
        if due:
            self._remember_taken(run_key, due)
        return due

    def _postpone_unreadable(self, people: Collection[str], not_before: datetime) -> None:
        number = plural(len(people), "subscription change")
        log.error("sync_state: %s cannot be decrypted and will wait: a process had another hash_key", number)
        of_people = pending_event.c.shop_id == self._database.shop_id, pending_event.c.person.in_(people)
        with self._database.write() as connection:
            connection.execute(sa.update(pending_event).where(*of_people).values(not_before=not_before))

    def count_documents(self, run_key: str, documents: Mapping[str, int]) -> dict[str, int]:
        """How many documents the run writes, by person who is claimed. Where an interrupted attempt of the
        run began to write, its number stays: some of them may say what is wanted since.
        """
        if not documents:
            return {}
        with self._database.write() as connection:
            return first_documents(self._database, connection, run_key, documents)

    def taken_by(self, run_key: str) -> list[PendingEvent]:
        """The events that an earlier attempt of the run took."""
        query = (
            sa.select(taken_event)
            .where(taken_event.c.shop_id == self._database.shop_id, taken_event.c.run_key == run_key)
            .order_by(taken_event.c.not_before, taken_event.c.person)
        )
        with self._database.read() as connection:
            return self._opened(connection.execute(query))

    def _remember_taken(self, run_key: str, events: Sequence[PendingEvent]) -> None:
        now = self._database.clock()
        shared = {"shop_id": self._database.shop_id, "run_key": run_key, "taken_at": now}
        rows = [
            {
                **shared,
                **event.change._asdict(),
                "person": event.person,
                "sealed_email": self._people.sealed(event.email),
                "not_before": event.not_before,
                "attempts": event.attempts,
            }
            for event in events
        ]
        with self._database.write() as connection:
            connection.execute(self._database.insert(taken_event).on_conflict_do_nothing(), rows)
            connection.execute(sa.delete(taken_event).where(taken_event.c.taken_at < now - KEPT_FOR_A_RETRY))
