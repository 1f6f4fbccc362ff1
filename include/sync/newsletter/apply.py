"""Applies wishes to VTEX, a batch at a time: ledger, look-up, patches, ledger."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from include.batching import in_batches
from include.errors import TemporaryError
from include.outcomes import OUTCOME_OF, Outcome, Reason
from include.report import StageCounts
from include.rest.parallel import in_parallel
from include.rest.transport import RequestRefused
from include.store import OutcomeRow, PendingEvent, Standing, Store, Wish
from include.sync.erased import ErasedPeople
from include.sync.newsletter.documents import FIELDS, WITH_CHANGE, documents_of
from include.sync.newsletter.events import Event, read_event
from include.vtex import limits
from include.vtex.client import VtexClient

PATCHES_AT_ONCE = 8
LOOK_UPS = 3
"""Of an unknown person: at once, a little later, and by the daily run (or a day later, if none comes)."""
TRIES_SOON = 144
"""So often, for a day, an event that VTEX fails to take is tried again soon; then daily, until it works."""

Document = dict[str, Any]


@dataclass(frozen=True)
class NewsletterRules:
    """How far ahead an event may be dated, and when an unknown person is looked up again."""

    future_tolerance: timedelta
    unknown_retry: timedelta


@dataclass(frozen=True)
class _Task:
    """An event to be applied; `touched`: what VTEX's index says about this person may be outdated."""

    event: Event
    person: str
    touched: bool


class NewsletterSync:
    """Applies events to VTEX. The ledger decides, not the order of arrival: a replay changes nothing.

    `look_again` are the events that should be tried once more after `rules.unknown_retry`; until then they
    wait in the store as well.
    """

    def __init__(self, vtex: VtexClient, store: Store, rules: NewsletterRules) -> None:
        self._vtex, self._store, self._rules = vtex, store, rules
        self.counts = StageCounts()
        self.outcomes: list[OutcomeRow] = []
        self.look_again: list[Event] = []
        self._writes_fail = False

    def apply(self, raw_events: Sequence[dict[str, Any]], now: datetime) -> None:
        """Apply a run's events, `{"email", "subscribed", "occurred_at"}` each, and those that waited.

        Raises TemporaryError when VTEX does not answer the look-up; repeating changes nothing. Events that it
        does not take are put off, so that they hold up nobody.
        """
        erased = ErasedPeople(self._store)
        waited = self._waited(self._store.due_pending(now), erased)
        self._apply_all(waited, self._read(raw_events, now, erased), now, last_chance=False)

    def settle(self, exported: Iterable[dict[str, Any]], now: datetime) -> None:
        """What the daily run does: everything that waits is tried once more, the last time for who is still
        unknown, together with what Connectif's export says, events as in `apply`.
        """
        erased = ErasedPeople(self._store)
        waiting = self._store.due_pending(now, limit=_ALL, looked_up=LOOK_UPS - 1)
        wishes = (replace(event, exported=True) for event in self._read(exported, now, erased))
        self._apply_all(self._waited(waiting, erased), wishes, now, last_chance=True)

    def _read(
        self, raw_events: Iterable[dict[str, Any]], now: datetime, erased: ErasedPeople
    ) -> Iterator[Event]:
        """Events that can be true; the others are rejected, by position."""
        for position, raw in enumerate(raw_events):
            self.counts.read += 1
            read = read_event(raw, now, self._rules.future_tolerance)
            if isinstance(read, Event) and read.email in erased:
                read = Reason.ERASED
            if isinstance(read, Event):
                yield read
            else:
                self._note(f"event {position}", read)

    def _waited(self, waiting: list[PendingEvent], erased: ErasedPeople) -> Iterator[Event]:
        """Events that wait; those of people who were erased meanwhile are let go."""
        for position, pending in enumerate(waiting):
            self.counts.read += 1
            event = Event(pending.email, pending.wish, pending)
            if pending.email in erased:
                self._done_waiting(event)
                self._note(f"waiting event {position}", Reason.ERASED)
            else:
                yield event

    def _apply_all(
        self, waited: Iterable[Event], events: Iterable[Event], now: datetime, *, last_chance: bool
    ) -> None:
        newest = self._newest_of_each(chain(waited, events))
        for batch in in_batches(newest, limits.ALTERNATIVES_PER_FILTER):
            tasks = self._open_tasks(batch, now)
            if self._writes_fail:
                self._put_off_all(tasks, now)
            elif tasks:
                self._apply(tasks, now, last_chance)

    def _newest_of_each(self, events: Iterable[Event]) -> list[Event]:
        newest: dict[str, Event] = {}
        for event in events:
            known = newest.setdefault(event.email, event)
            if known is not event:
                overridden, newest[event.email] = sorted((event, known), key=lambda e: e.wish)
                self._overridden(overridden)
        return list(newest.values())

    def _open_tasks(self, events: list[Event], now: datetime) -> list[_Task]:
        """Claims what no applied wish overrides (as it does late events, replays, cleared runs)."""
        persons = {self._store.hashed(event.email): event for event in events}
        standing = self._store.claim({person: event.wish for person, event in persons.items()})
        tasks = []
        for person, event in persons.items():
            stands = standing.get(person)
            if stands and stands.settles(event.wish):
                self._overridden(event)
            else:
                tasks.append(_Task(event, person, _touched(stands, event.wish, now)))
        return tasks

    def _overridden(self, event: Event) -> None:
        self.counts.count(Outcome.UNCHANGED)
        self._done_waiting(event)

    def _apply(self, tasks: list[_Task], now: datetime, last_chance: bool) -> None:
        fields = WITH_CHANGE if any(task.event.exported for task in tasks) else FIELDS
        found = documents_of(self._vtex, [task.event.email for task in tasks], fields)
        known = []
        for task in tasks:
            documents = found.get(task.event.email)
            if not documents:
                # Nobody is created. A new person's document may not be indexed yet.
                self._put_off(task, now, Reason.UNKNOWN_CONTACT, last_chance=last_chance)
            elif task.event.exported and _answered_since(task.event, documents):
                self._note(task.person, Reason.CHANGED_SINCE)
            else:
                known.append((task, documents))
        self._write(known, now, last_chance)

    def _write(self, known: list[tuple[_Task, list[Document]]], now: datetime, last_chance: bool) -> None:
        """Patch, record what worked, put off what did not."""
        busy: list[_Task] = []
        written: dict[_Task, int] = {}
        refused = 0
        for (task, _), result in in_parallel(self._patched, known, workers=PATCHES_AT_ONCE):
            if isinstance(result, int):
                written[task] = result
            elif isinstance(result, TemporaryError):
                busy.append(task)
            else:
                refused += 1
                detail = f"HTTP {result.status}"
                self._put_off(task, now, Reason.TARGET_REJECTED, detail, last_chance=last_chance)
        self._record(written, dict(known))
        self._put_off_all(busy, now)
        # One is an event's own trouble. Several and nothing else: VTEX takes no writes now, the rest waits.
        self._writes_fail = len(busy) > 1 and not refused and not any(written.values())

    def _patched(self, task: tuple[_Task, list[Document]]) -> int | RequestRefused | TemporaryError:
        """Write the wish to every document of the address that differs; how many that were."""
        (of, documents) = task
        wanted = of.event.subscribed
        differing = [d for d in documents if of.touched or d.get("isNewsletterOptIn") is not wanted]
        try:
            self._patch(differing, wanted)
        except (RequestRefused, TemporaryError) as error:
            return error
        return len(differing)

    def _patch(self, documents: list[Document], wanted: bool) -> None:
        for document in documents:
            self._vtex.patch_client(document["id"], {"isNewsletterOptIn": wanted})

    def _record(self, written: dict[_Task, int], documents: dict[_Task, list[Document]]) -> None:
        """Remember what was applied. Where a greater wish came meanwhile, VTEX may have got ours after it:
        that one is written again, until nothing came in between.
        """
        open_ = {task.person: task for task in written}
        wishes = {task.person: task.event.wish for task in written}
        while wishes:
            wishes = self._store.record_applied(wishes)
            for person, greater in wishes.items():
                self._patch(documents[open_[person]], not greater.unsubscribed)
        for task, patched in written.items():
            self._done_waiting(task.event)
            self.counts.written += patched
            self.counts.count(Outcome.SENT if patched else Outcome.UNCHANGED)

    def _put_off_all(self, tasks: Iterable[_Task], now: datetime) -> None:
        for task in tasks:
            self._put_off(task, now, Reason.TARGET_BUSY)

    def _put_off(
        self, task: _Task, now: datetime, reason: Reason, detail: str = "", *, last_chance: bool = False
    ) -> None:
        """Try again later; let go for `reason` when it was the last try."""
        event = task.event
        tries = 1 + (event.waiting.attempts if event.waiting else 0)
        is_busy = reason is Reason.TARGET_BUSY
        if not is_busy and (last_chance or tries >= LOOK_UPS):
            self._done_waiting(event)
            self._note(task.person, reason, detail)
            return
        soon = tries < (TRIES_SOON if is_busy else LOOK_UPS - 1)
        retry_at = now + (self._rules.unknown_retry if soon else timedelta(days=1))
        self._store.add_pending(event.email, event.subscribed, event.wish.instant, retry_at, tries)
        self._note(task.person, reason if is_busy else Reason.CONTACT_UNRESOLVED, detail)
        if soon:
            self.look_again.append(event)

    def _done_waiting(self, event: Event) -> None:
        if event.waiting:
            self._store.drop_pending(event.waiting)

    def _note(self, key: str, reason: Reason, detail: str = "") -> None:
        self.counts.count(reason)
        self.outcomes.append(OutcomeRow(key, OUTCOME_OF[reason], reason, detail))


_ALL = 1_000_000


def _touched(stands: Standing | None, wish: Wish, now: datetime) -> bool:
    """Whether VTEX's index may show what was before a write of ours that said the opposite."""
    if stands is None:
        return False
    if stands.applied_at is None:  # somebody began to write, and may have
        return True
    was_opposite = stands.wish.unsubscribed is not wish.unsubscribed
    return was_opposite and stands.applied_at > now - limits.INDEX_LAG


def _answered_since(event: Event, documents: list[Document]) -> bool:
    """Whether a subscription that is read a day later may be older than the customer's own no in the shop.

    VTEX does not say when the field was changed, only when the document was.
    """
    return event.subscribed and any(
        document.get("isNewsletterOptIn") is False and _changed_after(document, event.wish)
        for document in documents
    )


def _changed_after(document: Document, wish: Wish) -> bool:
    changed = document.get("updatedIn") or document.get("createdIn")
    return changed is not None and datetime.fromisoformat(changed) > wish.instant
