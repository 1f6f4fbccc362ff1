"""The newsletter ledger: the newest subscription change of each person, and the pending events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from include.batching import in_batches
from include.state.database import Part
from include.state.newsletter_claims import remember_claims
from include.state.subscription_changes import PendingEvent, SubscriptionChange, SubscriptionState
from include.state.tables import pending_event
from include.state.tables import subscription as change
from include.state.tables import subscription_in_flight as writing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime


_PERSONS_PER_QUERY = 500


class Newsletter(Part):
    """The ledger decides, not the order of runs: a replayed, late or concurrent run changes nothing.

    A run claims a change first and records it as applied afterwards. If the process dies in between, the
    claim stays, so that the next run does not rely on VTEX's value. A run also calls `begin_writing` and
    `end_writing` around the call to VTEX. A newer change replaces a claim, but not this mark: the older
    change may still reach VTEX.
    """

    def subscription_state(self, people: Iterable[str]) -> dict[str, SubscriptionState]:
        """Return the state of each person (`StateStore.hashed`); a person without a change is absent."""
        with self._database.read() as connection:
            return self._subscription_state(connection, people)

    def claim(
        self, changes: Mapping[str, SubscriptionChange], run_key: str = ""
    ) -> dict[str, SubscriptionState]:
        """Record, by person, the changes that will be applied; keep a newer change of the ledger.

        Returns the state before the claim, with the open writes. Claims run one after the other: of two
        concurrent claims, the second one sees the first one. With a `run_key`, the retry of a run that was
        interrupted after its claim gets the state before the run.
        """
        with self._database.write() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.text(f"LOCK TABLE {change.name} IN SHARE ROW EXCLUSIVE MODE"))
            before = self._subscription_state(connection, changes)
            open_writes = self._open_writes(connection, changes)
            self._save(connection, changes, applied_at=None)
            if run_key:
                before = remember_claims(self._database, connection, run_key, changes, before)
        return {
            person: one._replace(open_writes=frozenset(open_writes.get(person, ())))
            for person, one in before.items()
        }

    def begin_writing(self, changes: Mapping[str, SubscriptionChange], writer: str) -> None:
        """Record that VTEX may have these changes from now on. A retry has the `writer` of its first try."""
        shared = {"shop_id": self._database.shop_id, "writer": writer}
        rows = [{**shared, "person": person, **changes[person]._asdict()} for person in sorted(changes)]
        if rows:
            with self._database.write() as connection:
                connection.execute(self._database.insert(writing).on_conflict_do_nothing(), rows)

    def end_writing(self, people: Iterable[str], writer: str) -> None:
        """Remove the marks of this writer for these people: VTEX now has the newest change."""
        of_writer = writing.c.shop_id == self._database.shop_id, writing.c.writer == writer
        with self._database.write() as connection:
            for persons in in_batches(sorted(people), _PERSONS_PER_QUERY):
                connection.execute(sa.delete(writing).where(*of_writer, writing.c.person.in_(persons)))

    def record_applied(self, changes: Mapping[str, SubscriptionChange]) -> None:
        """Record the changes as applied, except where the ledger has a newer one."""
        if not changes:
            return
        with self._database.write() as connection:
            self._save(connection, changes, applied_at=self._database.clock())

    def find_newer(self, changes: Mapping[str, SubscriptionChange]) -> dict[str, SubscriptionChange]:
        """Return, by person, the newer changes that the ledger has by now.

        If a newer change came while ours was being written, VTEX may have received both in the wrong order.
        """
        current = self.subscription_state(changes)
        return {person: one.change for person, one in current.items() if one.change > changes[person]}

    def _subscription_state(
        self, connection: sa.Connection, people: Iterable[str]
    ) -> dict[str, SubscriptionState]:
        found: dict[str, SubscriptionState] = {}
        for persons in in_batches(people, _PERSONS_PER_QUERY):
            query = sa.select(change).where(
                change.c.shop_id == self._database.shop_id, change.c.person.in_(persons)
            )
            for row in connection.execute(query):
                found[row.person] = SubscriptionState(
                    SubscriptionChange(row.instant, row.unsubscribed), row.applied_at
                )
        return found

    def _open_writes(
        self, connection: sa.Connection, people: Iterable[str]
    ) -> dict[str, list[SubscriptionChange]]:
        found: dict[str, list[SubscriptionChange]] = {}
        for persons in in_batches(people, _PERSONS_PER_QUERY):
            query = sa.select(writing).where(
                writing.c.shop_id == self._database.shop_id, writing.c.person.in_(persons)
            )
            for row in connection.execute(query):
                found.setdefault(row.person, []).append(SubscriptionChange(row.instant, row.unsubscribed))
        return found

    def _save(
        self,
        connection: sa.Connection,
        changes: Mapping[str, SubscriptionChange],
        *,
        applied_at: datetime | None,
    ) -> None:
        """Write the rows sorted by person, so that two processes cannot deadlock on each other's rows."""
        if not changes:
            return
        insert = self._database.insert(change)
        new, old = insert.excluded, change.c
        new_change = sa.tuple_(new.instant, new.unsubscribed)
        old_change = sa.tuple_(old.instant, old.unsubscribed)
        statement = insert.on_conflict_do_update(
            index_elements=["shop_id", "person"],
            set_={name: new[name] for name in ("instant", "unsubscribed", "applied_at")},
            where=new_change > old_change if applied_at is None else new_change >= old_change,
        )
        shared = {"shop_id": self._database.shop_id, "applied_at": applied_at}
        connection.execute(
            statement,
            [{**shared, "person": person, **changes[person]._asdict()} for person in sorted(changes)],
        )

    def add_pending(
        self, email: str, subscribed: bool, instant: datetime, not_before: datetime, attempts: int
    ) -> None:
        """Keep an event for later. A person has one pending event, the one with the newest change."""
        insert = self._database.insert(pending_event).values(
            shop_id=self._database.shop_id,
            person=self._people.hashed(email),
            sealed_email=self._people.sealed(email),
            instant=instant,
            unsubscribed=not subscribed,
            not_before=not_before,
            attempts=attempts,
            waiting_since=self._database.clock(),
        )
        new, old = insert.excluded, pending_event.c
        changing = ("sealed_email", "instant", "unsubscribed", "not_before", "attempts")
        statement = insert.on_conflict_do_update(
            index_elements=["shop_id", "person"],
            set_={name: new[name] for name in changing},
            where=sa.tuple_(new.instant, new.unsubscribed) >= sa.tuple_(old.instant, old.unsubscribed),
        )
        with self._database.write() as connection:
            connection.execute(statement)

    def due_pending(
        self, now: datetime, limit: int = 500, *, min_attempts: int | None = None
    ) -> list[PendingEvent]:
        """Return the pending events that are due, the oldest first.

        With `min_attempts`, also return the events with at least this number of attempts, due or not.
        """
        due = pending_event.c.not_before <= now
        if min_attempts is not None:
            due |= pending_event.c.attempts >= min_attempts
        query = (
            sa.select(pending_event)
            .where(pending_event.c.shop_id == self._database.shop_id, due)
            .order_by(pending_event.c.not_before, pending_event.c.person)
            .limit(limit)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [self._to_pending(row) for row in rows]

    def find_pending(self, person: str) -> PendingEvent | None:
        """Return the pending event of this person, due or not."""
        query = sa.select(pending_event).where(
            pending_event.c.shop_id == self._database.shop_id, pending_event.c.person == person
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return None if row is None else self._to_pending(row)

    def unsubscriptions_under_way(self, since: datetime) -> set[str]:
        """Return the people who unsubscribed, while VTEX, read at `since`, may still say subscribed.

        Their event is pending, or a run applies it now, or a run applied it after `since`. A later
        subscription overrides the unsubscription.
        """
        known = (change.c.shop_id == pending_event.c.shop_id) & (change.c.person == pending_event.c.person)
        overridden = ~change.c.unsubscribed & (change.c.instant > pending_event.c.instant)
        waiting = (
            sa.select(pending_event.c.person)
            .outerjoin(change, known)
            .where(
                pending_event.c.shop_id == self._database.shop_id,
                pending_event.c.unsubscribed,
                change.c.person.is_(None) | ~overridden,
            )
        )
        claimed = sa.select(change.c.person).where(
            change.c.shop_id == self._database.shop_id,
            change.c.unsubscribed,
            change.c.applied_at.is_(None) | (change.c.applied_at >= since),
        )
        with self._database.read() as connection:
            return set(connection.execute(waiting.union(claimed)).scalars())

    def _to_pending(self, row: sa.Row[Any]) -> PendingEvent:
        return PendingEvent(
            email=self._people.opened(row.sealed_email),
            person=row.person,
            change=SubscriptionChange(row.instant, row.unsubscribed),
            not_before=row.not_before,
            attempts=row.attempts,
        )

    def drop_pending(self, event: PendingEvent) -> None:
        """Remove a pending event, but not a newer change that the same person made meanwhile."""
        statement = sa.delete(pending_event).where(
            pending_event.c.shop_id == self._database.shop_id,
            pending_event.c.person == event.person,
            sa.tuple_(pending_event.c.instant, pending_event.c.unsubscribed)
            <= sa.tuple_(
                sa.literal(event.change.instant, pending_event.c.instant.type),
                sa.literal(event.change.unsubscribed),
            ),
        )
        with self._database.write() as connection:
            connection.execute(statement)
