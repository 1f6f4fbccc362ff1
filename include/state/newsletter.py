"""The newsletter ledger: the last subscription change applied for each person, and the events that wait for theirs."""

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


_ASKED_AT_ONCE = 500


class Newsletter(Part):
    """The ledger decides, not the order of runs: a replayed, late or concurrent run changes nothing.

    Whoever applies a subscription change claims it first and records it afterwards: a process that dies in between leaves a
    claim, so that the next one knows that VTEX may say anything. Around the writing itself it also begins and
    ends: a greater subscription change replaces a claim, but not the knowledge that a lesser one may still get to VTEX.
    """

    def subscription_state(self, people: Iterable[str]) -> dict[str, SubscriptionState]:
        """What the ledger says, by person (`StateStore.hashed`); who never wished is absent."""
        with self._database.read() as connection:
            return self._subscription_state(connection, people)

    def claim(
        self, changes: Mapping[str, SubscriptionChange], run_key: str = ""
    ) -> dict[str, SubscriptionState]:
        """Write down, by person, what is going to be applied; a greater subscription change that stands is left alone.

        Returns what stood before, and what is on its way. Claims come one after the other: of two at once,
        the later one sees the earlier one. With a `run_key` the retry of a run that was interrupted after
        its claim is told what stood before the run.
        """
        with self._database.write() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.text(f"LOCK TABLE {change.name} IN SHARE ROW EXCLUSIVE MODE"))
            before = self._subscription_state(connection, changes)
            on_their_way = self._on_their_way(connection, changes)
            self._save(connection, changes, applied_at=None)
            if run_key:
                before = remember_claims(self._database, connection, run_key, changes, before)
        return {
            person: one._replace(on_their_way=frozenset(on_their_way.get(person, ())))
            for person, one in before.items()
        }

    def begin_writing(self, changes: Mapping[str, SubscriptionChange], writer: str) -> None:
        """Write down that VTEX may say this from now on. A retry is the same `writer` as its first try."""
        shared = {"shop_id": self._database.shop_id, "writer": writer}
        rows = [{**shared, "person": person, **changes[person]._asdict()} for person in sorted(changes)]
        if rows:
            with self._database.write() as connection:
                connection.execute(self._database.insert(writing).on_conflict_do_nothing(), rows)

    def end_writing(self, people: Iterable[str], writer: str) -> None:
        """Nothing of this writer is on its way any more to these people, and VTEX has what stands."""
        ours = writing.c.shop_id == self._database.shop_id, writing.c.writer == writer
        with self._database.write() as connection:
            for persons in in_batches(sorted(people), _ASKED_AT_ONCE):
                connection.execute(sa.delete(writing).where(*ours, writing.c.person.in_(persons)))

    def record_applied(self, changes: Mapping[str, SubscriptionChange]) -> None:
        """Write down what was applied, where no greater subscription change stands."""
        if not changes:
            return
        with self._database.write() as connection:
            self._save(connection, changes, applied_at=self._database.clock())

    def greater(self, changes: Mapping[str, SubscriptionChange]) -> dict[str, SubscriptionChange]:
        """The people for whom a greater subscription change stands by now, with it: where it came while ours was on its way,
        VTEX may have got them in the wrong order.
        """
        subscription_state = self.subscription_state(changes)
        return {
            person: one.change for person, one in subscription_state.items() if one.change > changes[person]
        }

    def _subscription_state(
        self, connection: sa.Connection, people: Iterable[str]
    ) -> dict[str, SubscriptionState]:
        found: dict[str, SubscriptionState] = {}
        for persons in in_batches(people, _ASKED_AT_ONCE):
            query = sa.select(change).where(
                change.c.shop_id == self._database.shop_id, change.c.person.in_(persons)
            )
            for row in connection.execute(query):
                found[row.person] = SubscriptionState(
                    SubscriptionChange(row.instant, row.unsubscribed), row.applied_at
                )
        return found

    def _on_their_way(
        self, connection: sa.Connection, people: Iterable[str]
    ) -> dict[str, list[SubscriptionChange]]:
        found: dict[str, list[SubscriptionChange]] = {}
        for persons in in_batches(people, _ASKED_AT_ONCE):
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
        """Sorted, so that two processes never wait for each other's rows crosswise."""
        if not changes:
            return
        insert = self._database.insert(change)
        new, old = insert.excluded, change.c
        ours, theirs = sa.tuple_(new.instant, new.unsubscribed), sa.tuple_(old.instant, old.unsubscribed)
        statement = insert.on_conflict_do_update(
            index_elements=["shop_id", "person"],
            set_={name: new[name] for name in ("instant", "unsubscribed", "applied_at")},
            where=ours > theirs if applied_at is None else ours >= theirs,
        )
        shared = {"shop_id": self._database.shop_id, "applied_at": applied_at}
        connection.execute(
            statement,
            [{**shared, "person": person, **changes[person]._asdict()} for person in sorted(changes)],
        )

    def add_pending(
        self, email: str, subscribed: bool, instant: datetime, not_before: datetime, attempts: int
    ) -> None:
        """Keep an event for later. A person has one waiting event, the one with the greatest subscription change."""
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
        self, now: datetime, limit: int = 500, *, looked_up: int | None = None
    ) -> list[PendingEvent]:
        """Waiting events whose time has come, the longest due first; with `looked_up` also those that were
        looked up so often already, whatever their time.
        """
        due = pending_event.c.not_before <= now
        if looked_up is not None:
            due |= pending_event.c.attempts >= looked_up
        query = (
            sa.select(pending_event)
            .where(pending_event.c.shop_id == self._database.shop_id, due)
            .order_by(pending_event.c.not_before, pending_event.c.person)
            .limit(limit)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [self._pending(row) for row in rows]

    def waiting_event(self, person: str) -> PendingEvent | None:
        """The event that waits for this person, due or not."""
        query = sa.select(pending_event).where(
            pending_event.c.shop_id == self._database.shop_id, pending_event.c.person == person
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return None if row is None else self._pending(row)

    def unsubscriptions_under_way(self, since: datetime) -> set[str]:
        """People who have unsubscribed as far as is known here, while VTEX, read at `since`, may not say so:
        the event waits, is being applied, or was applied later. A later subscription overrides it.
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

    def _pending(self, row: sa.Row[Any]) -> PendingEvent:
        return PendingEvent(
            email=self._people.opened(row.sealed_email),
            person=row.person,
            change=SubscriptionChange(row.instant, row.unsubscribed),
            not_before=row.not_before,
            attempts=row.attempts,
        )

    def drop_pending(self, event: PendingEvent) -> None:
        """Remove a waiting event, but not a greater subscription change that came for the same person meanwhile."""
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
