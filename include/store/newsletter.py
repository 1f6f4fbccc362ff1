"""The newsletter ledger: the last wish applied for each person, and the events that wait for theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from include.batching import in_batches
from include.store.database import Part
from include.store.tables import pending_event, wish, writing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime


_ASKED_AT_ONCE = 500


class Wish(NamedTuple):
    """When somebody wished, and what. The later wish is greater; at the same instant, `unsubscribed` is."""

    instant: datetime
    unsubscribed: bool


class PendingEvent(NamedTuple):
    """An event whose person VTEX did not know yet. Its repr has no address."""

    email: str
    person: str
    wish: Wish
    not_before: datetime
    attempts: int

    def __repr__(self) -> str:
        return f"PendingEvent(person={self.person[:8]}…, wish={self.wish}, attempts={self.attempts})"


class Standing(NamedTuple):
    """The greatest wish that somebody began to apply. `applied_at` is None until that was finished.

    `on_their_way` are wishes, lesser ones too, whose writing began and did not end: a process is at it or
    died.
    """

    wish: Wish
    applied_at: datetime | None
    on_their_way: frozenset[Wish] = frozenset()

    def settles(self, *wishes: Wish) -> bool:
        """Whether nothing is left to do for these: a greater one stands, or the greatest of them was applied.

        Not where one of them was on its way when its process died: VTEX may have got it after what stands.
        """
        greatest = max(wishes)
        stands = greatest < self.wish or (greatest == self.wish and self.applied_at is not None)
        return stands and self.on_their_way.isdisjoint(wishes)


class Newsletter(Part):
    """The ledger decides, not the order of runs: a replayed, late or concurrent run changes nothing.

    Whoever applies a wish claims it first and records it afterwards: a process that dies in between leaves a
    claim, so that the next one knows that VTEX may say anything. Around the writing itself it also begins and
    ends: a greater wish replaces a claim, but not the knowledge that a lesser one may still get to VTEX.
    """

    def standing(self, people: Iterable[str]) -> dict[str, Standing]:
        """What the ledger says, by person (`Store.hashed`); who never wished is absent."""
        with self._database.read() as connection:
            return self._standing(connection, people)

    def claim(self, wishes: Mapping[str, Wish]) -> dict[str, Standing]:
        """Write down, by person, what is going to be applied; a greater wish that stands is left alone.

        Returns what stood before, and what is on its way. Claims come one after the other: of two at once,
        the later one sees the earlier one.
        """
        with self._database.write() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.text(f"LOCK TABLE {wish.name} IN SHARE ROW EXCLUSIVE MODE"))
            before = self._standing(connection, wishes)
            on_their_way = self._on_their_way(connection, wishes)
            self._save(connection, wishes, applied_at=None)
        return {
            person: one._replace(on_their_way=frozenset(on_their_way.get(person, ())))
            for person, one in before.items()
        }

    def begin_writing(self, wishes: Mapping[str, Wish], writer: str) -> None:
        """Write down that VTEX may say this from now on. A retry is the same `writer` as its first try."""
        shared = {"pair_id": self._database.pair_id, "writer": writer}
        rows = [{**shared, "person": person, **wishes[person]._asdict()} for person in sorted(wishes)]
        if rows:
            with self._database.write() as connection:
                connection.execute(self._database.insert(writing).on_conflict_do_nothing(), rows)

    def end_writing(self, people: Iterable[str], writer: str) -> None:
        """Nothing of this writer is on its way any more to these people, and VTEX has what stands."""
        ours = writing.c.pair_id == self._database.pair_id, writing.c.writer == writer
        with self._database.write() as connection:
            for persons in in_batches(sorted(people), _ASKED_AT_ONCE):
                connection.execute(sa.delete(writing).where(*ours, writing.c.person.in_(persons)))

    def record_applied(self, wishes: Mapping[str, Wish]) -> None:
        """Write down what was applied, where no greater wish stands."""
        if not wishes:
            return
        with self._database.write() as connection:
            self._save(connection, wishes, applied_at=self._database.clock())

    def greater(self, wishes: Mapping[str, Wish]) -> dict[str, Wish]:
        """The people for whom a greater wish stands by now, with it: where it came while ours was on its way,
        VTEX may have got them in the wrong order.
        """
        standing = self.standing(wishes)
        return {person: one.wish for person, one in standing.items() if one.wish > wishes[person]}

    def _standing(self, connection: sa.Connection, people: Iterable[str]) -> dict[str, Standing]:
        found: dict[str, Standing] = {}
        for persons in in_batches(people, _ASKED_AT_ONCE):
            query = sa.select(wish).where(
                wish.c.pair_id == self._database.pair_id, wish.c.person.in_(persons)
            )
            for row in connection.execute(query):
                found[row.person] = Standing(Wish(row.instant, row.unsubscribed), row.applied_at)
        return found

    def _on_their_way(self, connection: sa.Connection, people: Iterable[str]) -> dict[str, list[Wish]]:
        found: dict[str, list[Wish]] = {}
        for persons in in_batches(people, _ASKED_AT_ONCE):
            query = sa.select(writing).where(
                writing.c.pair_id == self._database.pair_id, writing.c.person.in_(persons)
            )
            for row in connection.execute(query):
                found.setdefault(row.person, []).append(Wish(row.instant, row.unsubscribed))
        return found

    def _save(
        self, connection: sa.Connection, wishes: Mapping[str, Wish], *, applied_at: datetime | None
    ) -> None:
        """Sorted, so that two processes never wait for each other's rows crosswise."""
        if not wishes:
            return
        insert = self._database.insert(wish)
        new, old = insert.excluded, wish.c
        ours, theirs = sa.tuple_(new.instant, new.unsubscribed), sa.tuple_(old.instant, old.unsubscribed)
        statement = insert.on_conflict_do_update(
            index_elements=["pair_id", "person"],
            set_={name: new[name] for name in ("instant", "unsubscribed", "applied_at")},
            where=ours > theirs if applied_at is None else ours >= theirs,
        )
        shared = {"pair_id": self._database.pair_id, "applied_at": applied_at}
        connection.execute(
            statement, [{**shared, "person": person, **wishes[person]._asdict()} for person in sorted(wishes)]
        )

    def add_pending(
        self, email: str, subscribed: bool, instant: datetime, not_before: datetime, attempts: int
    ) -> None:
        """Keep an event for later. A person has one waiting event, the one with the greatest wish."""
        insert = self._database.insert(pending_event).values(
            pair_id=self._database.pair_id,
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
            index_elements=["pair_id", "person"],
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
            .where(pending_event.c.pair_id == self._database.pair_id, due)
            .order_by(pending_event.c.not_before, pending_event.c.person)
            .limit(limit)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [self._pending(row) for row in rows]

    def waiting_event(self, person: str) -> PendingEvent | None:
        """The event that waits for this person, due or not."""
        query = sa.select(pending_event).where(
            pending_event.c.pair_id == self._database.pair_id, pending_event.c.person == person
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return None if row is None else self._pending(row)

    def unsubscriptions_under_way(self, since: datetime) -> set[str]:
        """People who have unsubscribed as far as is known here, while VTEX, read at `since`, may not say so:
        the event waits, is being applied, or was applied later. A later subscription overrides it.
        """
        known = (wish.c.pair_id == pending_event.c.pair_id) & (wish.c.person == pending_event.c.person)
        overridden = ~wish.c.unsubscribed & (wish.c.instant > pending_event.c.instant)
        waiting = (
            sa.select(pending_event.c.person)
            .outerjoin(wish, known)
            .where(
                pending_event.c.pair_id == self._database.pair_id,
                pending_event.c.unsubscribed,
                wish.c.person.is_(None) | ~overridden,
            )
        )
        claimed = sa.select(wish.c.person).where(
            wish.c.pair_id == self._database.pair_id,
            wish.c.unsubscribed,
            wish.c.applied_at.is_(None) | (wish.c.applied_at >= since),
        )
        with self._database.read() as connection:
            return set(connection.execute(waiting.union(claimed)).scalars())

    def _pending(self, row: sa.Row[Any]) -> PendingEvent:
        return PendingEvent(
            email=self._people.opened(row.sealed_email),
            person=row.person,
            wish=Wish(row.instant, row.unsubscribed),
            not_before=row.not_before,
            attempts=row.attempts,
        )

    def drop_pending(self, event: PendingEvent) -> None:
        """Remove a waiting event, but not a greater wish that came for the same person meanwhile."""
        statement = sa.delete(pending_event).where(
            pending_event.c.pair_id == self._database.pair_id,
            pending_event.c.person == event.person,
            sa.tuple_(pending_event.c.instant, pending_event.c.unsubscribed)
            <= sa.tuple_(
                sa.literal(event.wish.instant, pending_event.c.instant.type),
                sa.literal(event.wish.unsubscribed),
            ),
        )
        with self._database.write() as connection:
            connection.execute(statement)
