"""The newsletter ledger: the newest subscription change of each person, and the pending events."""

from __future__ import annotations

from datetime import UTC, datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa

from include.batching import in_batches
from include.errors import ConfigurationError
from include.state.database import Part
from include.state.newsletter_claims import remember_claims
from include.state.subscription_changes import PendingEvent, SubscriptionChange, SubscriptionState
from include.state.tables import pending_event, taken_event
from include.state.tables import subscription as change
from include.state.tables import subscription_in_flight as writing

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from sqlalchemy.dialects import postgresql, sqlite


_PERSONS_PER_QUERY = 500
DUE_AT_ONCE = datetime(2000, 1, 1, tzinfo=UTC)
"""When a kept event is due. The clocks of the api-server and the worker may differ."""


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
        return {
            row.person: SubscriptionState(SubscriptionChange(row.instant, row.unsubscribed), row.applied_at)
            for row in self._rows_of(connection, change, people)
        }

    def _open_writes(
        self, connection: sa.Connection, people: Iterable[str]
    ) -> dict[str, list[SubscriptionChange]]:
        found: dict[str, list[SubscriptionChange]] = {}
        for row in self._rows_of(connection, writing, people):
            found.setdefault(row.person, []).append(SubscriptionChange(row.instant, row.unsubscribed))
        return found

    def _rows_of(
        self, connection: sa.Connection, table: sa.Table, people: Iterable[str]
    ) -> Iterator[sa.Row[Any]]:
        of_shop = table.c.shop_id == self._database.shop_id
        for persons in in_batches(people, _PERSONS_PER_QUERY):
            yield from connection.execute(sa.select(table).where(of_shop, table.c.person.in_(persons)))

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

    def keep(self, changes: Mapping[str, SubscriptionChange]) -> set[str]:
        """Keep changes, by address, for the next run. Returns the addresses whose change waits now.

        For the others a newer change waits already. A repeated change is due again, and keeps its attempts.
        """
        if not changes:
            return set()
        with self._database.write() as connection:
            self._upsert_kept(connection, changes)
            people = {self._people.hashed(email): one for email, one in changes.items()}
            newer = {
                row.person
                for row in self._rows_of(connection, pending_event, people)
                if SubscriptionChange(row.instant, row.unsubscribed) != people[row.person]
            }
        return {email for email in changes if self._people.hashed(email) not in newer}

    def receive(self, unsubscribed: Mapping[str, bool]) -> None:
        """Keep the changes that arrive now, by address, for the next run.

        The database's clock dates them: those of the api-servers may differ, and then the newest change of a
        person would not win.
        """
        with self._database.write() as connection:
            now = self._database.now(connection)
            changes = {email: SubscriptionChange(now, is_no) for email, is_no in unsubscribed.items()}
            self._upsert_kept(connection, changes)

    def _upsert_kept(self, connection: sa.Connection, changes: Mapping[str, SubscriptionChange]) -> None:
        """Write the rows sorted by person, as `_save` does."""
        rows = [self._pending_row(email, one, DUE_AT_ONCE, attempts=0) for email, one in changes.items()]
        insert = self._database.insert(pending_event)
        new, old = insert.excluded, pending_event.c
        is_repeated = (new.instant == old.instant) & (new.unsubscribed == old.unsubscribed)
        statement = _upsert_pending(
            insert,
            attempts=sa.case((is_repeated, old.attempts), else_=new.attempts),
            waiting_since=sa.case((is_repeated, old.waiting_since), else_=new.waiting_since),
        )
        connection.execute(statement, sorted(rows, key=itemgetter("person")))

    def add_pending(
        self, email: str, subscribed: bool, instant: datetime, not_before: datetime, attempts: int
    ) -> None:
        """Keep an event for later. A person has one pending event, the one with the newest change."""
        row = self._pending_row(email, SubscriptionChange(instant, not subscribed), not_before, attempts)
        insert = self._database.insert(pending_event).values(row)
        with self._database.write() as connection:
            connection.execute(_upsert_pending(insert, attempts=insert.excluded.attempts))

    def _pending_row(
        self, email: str, one: SubscriptionChange, not_before: datetime, attempts: int
    ) -> dict[str, Any]:
        return {
            "shop_id": self._database.shop_id,
            "person": self._people.hashed(email),
            "sealed_email": self._people.sealed(email),
            **one._asdict(),
            "not_before": not_before,
            "attempts": attempts,
            "waiting_since": self._database.clock(),
        }

    def due_pending(
        self, now: datetime, limit: int = 500, *, min_attempts: int | None = None
    ) -> list[PendingEvent]:
        """Return the pending events that are due, the oldest first.

        With `min_attempts`, also return the events with at least this number of attempts, due or not.
        """
        return self._opened(self._due_rows(now, limit, min_attempts))

    def _due_rows(self, now: datetime, limit: int, min_attempts: int | None) -> Sequence[sa.Row[Any]]:
        due = pending_event.c.not_before <= now
        if min_attempts is not None:
            due |= pending_event.c.attempts >= min_attempts
        query = (
            sa.select(pending_event)
            .where(pending_event.c.shop_id == self._database.shop_id, due)
            .order_by(pending_event.c.not_before, pending_event.c.instant, pending_event.c.person)
            .limit(limit)
        )
        with self._database.read() as connection:
            return connection.execute(query).all()

    def next_due(self, until: datetime) -> datetime | None:
        """When the next pending event is due, if it is by then; a kept one is due since long ago."""
        query = sa.select(sa.func.min(pending_event.c.not_before)).where(
            pending_event.c.shop_id == self._database.shop_id, pending_event.c.not_before <= until
        )
        with self._database.read() as connection:
            return cast("datetime | None", connection.execute(query).scalar())

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

    def _opened(self, rows: Iterable[sa.Row[Any]]) -> list[PendingEvent]:
        """The events; ConfigurationError if no address can be decrypted.

        If some can, one process had a wrong key for the others: they delay no event.
        """
        events, wrong_key = list[PendingEvent](), None
        for row in rows:
            try:
                events.append(self._to_pending(row))
            except ConfigurationError as error:
                wrong_key = error
        if wrong_key and not events:
            raise wrong_key
        return events

    def _to_pending(self, row: sa.Row[Any]) -> PendingEvent:
        return PendingEvent(
            email=self._people.opened(row.sealed_email),
            person=row.person,
            change=SubscriptionChange(row.instant, row.unsubscribed),
            not_before=row.not_before,
            attempts=row.attempts,
        )

    def forget(self, people: Collection[str]) -> None:
        """Remove all events of these people, also those that a run took: they were erased."""
        with self._database.write() as connection:
            for table in (pending_event, taken_event):
                for persons in in_batches(sorted(people), _PERSONS_PER_QUERY):
                    connection.execute(
                        sa.delete(table).where(
                            table.c.shop_id == self._database.shop_id, table.c.person.in_(persons)
                        )
                    )

    def drop_pending(self, events: Sequence[PendingEvent]) -> None:
        """Remove pending events, but not a newer change that the same person made meanwhile."""
        if not events:
            return
        waiting = sa.tuple_(pending_event.c.instant, pending_event.c.unsubscribed)
        statement = sa.delete(pending_event).where(
            pending_event.c.shop_id == self._database.shop_id,
            pending_event.c.person == sa.bindparam("of_person"),
            waiting
            <= sa.tuple_(
                sa.bindparam("to_instant", type_=pending_event.c.instant.type),
                sa.bindparam("to_unsubscribed", type_=pending_event.c.unsubscribed.type),
            ),
        )
        last = [
            {"of_person": person, "to_instant": change.instant, "to_unsubscribed": change.unsubscribed}
            for person, change in sorted((one.person, one.change) for one in events)
        ]
        with self._database.write() as connection:
            connection.execute(statement, last)


def _upsert_pending(
    insert: postgresql.Insert | sqlite.Insert, **values: sa.ColumnElement[Any]
) -> postgresql.Insert | sqlite.Insert:
    """The newer change of a person replaces the waiting one, with these values besides."""
    new, old = insert.excluded, pending_event.c
    return insert.on_conflict_do_update(
        index_elements=["shop_id", "person"],
        set_={name: new[name] for name in ("sealed_email", "instant", "unsubscribed", "not_before")} | values,
        where=sa.tuple_(new.instant, new.unsubscribed) >= sa.tuple_(old.instant, old.unsubscribed),
    )
