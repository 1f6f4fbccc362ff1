"""Applies subscription changes to VTEX, a batch at a time: ledger, look-up, patches, ledger."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from include.batching import in_batches
from include.errors import TemporaryError
from include.http.parallel import in_parallel
from include.http.transport import RequestRefused
from include.newsletter.documents import FIELDS, WITH_CHANGE, looked_up
from include.newsletter.events import Event, read_event
from include.outcomes import OUTCOME_OF, Outcome, PipelineName, Reason
from include.pipeline.erased_people import ErasedPeople
from include.report import StageCounts
from include.state import PendingEvent, RecordOutcome, StateStore, SubscriptionChange, SubscriptionState
from include.values.address import tidy_address
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
    """An event to be applied, and the `subscription change` that is written for it: its own, or a greater one that stands.

    `touched`: what VTEX's index says about this person may be outdated. `again`: the subscription change was applied, but
    VTEX may have got the event's own after it.
    """

    event: Event
    person: str
    change: SubscriptionChange
    touched: bool
    again: bool


_Known = tuple[_Task, list[Document]]
"""A task and the documents that are to be patched for it."""
_Result = int | RequestRefused | TemporaryError
"""How many documents were patched, or why not all of them."""


class NewsletterSync:
    """Applies events to VTEX. The ledger decides, not the order of arrival: a replay changes nothing.

    `look_again` are the events that should be tried once more after `rules.unknown_retry`; until then they
    wait in the store as well. `settled` are people for whom VTEX has their subscription change, or a greater one. `writer`
    names the run: its retries know by it what they left unfinished.
    """

    def __init__(self, vtex: VtexClient, state: StateStore, rules: NewsletterRules, writer: str) -> None:
        self._vtex, self._state, self._rules, self._writer = vtex, state, rules, writer
        self.counts = StageCounts()
        self.outcomes: list[RecordOutcome] = []
        self.look_again: list[Event] = []
        self.resolved: set[str] = set()
        self._writes_fail = False
        self._nobodies = 0

    def apply(self, raw_events: Sequence[dict[str, Any]], now: datetime) -> None:
        """Apply a run's events, `{"email", "subscribed", "occurred_at"}` each, and those that waited.

        Raises TemporaryError when VTEX does not answer the look-up; repeating changes nothing. Events that it
        does not take are put off, so that they hold up nobody.
        """
        waited = self._waited(self._state.due_pending(now))
        self._apply_all(chain(waited, self._read(raw_events, now)), now, last_chance=False)

    def resolve(self, exported: Iterable[dict[str, Any]], now: datetime) -> None:
        """What the daily run does: everything that waits is tried once more, the last time for who is still
        unknown, together with what Connectif's export says, events as in `apply`.
        """
        waiting = self._state.due_pending(now, limit=_ALL, looked_up=LOOK_UPS - 1)
        changes = (replace(event, exported=True) for event in self._read(exported, now))
        self._apply_all(chain(self._waited(waiting), changes), now, last_chance=True)

    def _read(self, raw_events: Iterable[dict[str, Any]], now: datetime) -> Iterator[Event]:
        """Events that can be true; the others are rejected."""
        for raw in raw_events:
            self.counts.read += 1
            read = read_event(raw, now, self._rules.future_tolerance)
            if isinstance(read, Event):
                yield read
            else:
                self._note(self._key_of(raw, read), read)

    def _key_of(self, raw: dict[str, Any], reason: Reason) -> str:
        """The person's, as for all other reasons; an event without a credible address has one of its own."""
        if reason in (Reason.IN_THE_FUTURE, Reason.INSTANT_INVALID):
            return self._state.hashed(tidy_address(raw["email"]))
        return self._key_of_nobody()

    def _key_of_nobody(self) -> str:
        """No other run has it, so that the events of many do not take each other's place in the store."""
        self._nobodies += 1
        return f"event {self._nobodies} of {self._state.hashed(self._writer)[:8]}"

    def _waited(self, waiting: list[PendingEvent]) -> Iterator[Event]:
        for pending in waiting:
            self.counts.read += 1
            yield Event(pending.email, pending.change, pending)

    def _not_erased(self, events: Iterable[Event]) -> list[Event]:
        """Events of people who are not erased; the others are let go. Asked again after each step that may
        have waited for a vendor: nobody who is erased meanwhile is written, there or here."""
        erased, kept = ErasedPeople(self._state), list[Event]()
        for event in events:
            if event.email in erased:
                self._done_waiting(event)
                self._note(self._key_of_nobody(), Reason.ERASED)
            else:
                kept.append(event)
        return kept

    def _apply_all(self, events: Iterable[Event], now: datetime, *, last_chance: bool) -> None:
        newest = self._newest_of_each(self._not_erased(events))
        for batch in in_batches(newest, limits.ALTERNATIVES_PER_FILTER):
            tasks = self._open_tasks(self._not_erased(batch), now)
            if self._writes_fail:
                self._put_off_all(tasks, now)
            elif tasks:
                self._apply(tasks, now, last_chance)

    def _newest_of_each(self, events: Iterable[Event]) -> list[Event]:
        newest: dict[str, Event] = {}
        for event in events:
            known = newest.setdefault(event.email, event)
            if known is not event:
                overridden, greater = sorted((event, known), key=lambda e: e.change)
                lesser = (*known.lesser, overridden.change)
                newest[event.email] = replace(greater, lesser=lesser)
                self._overridden(overridden)
        return list(newest.values())

    def _open_tasks(self, events: list[Event], now: datetime) -> list[_Task]:
        """Claims what no applied subscription change overrides (as it does late events, replays, cleared runs).

        One that is overridden, but was on its way when its process died, has the greater subscription change written again.
        """
        persons = {self._state.hashed(event.email): event for event in events}
        subscription_state = self._state.claim({person: event.change for person, event in persons.items()})
        tasks = []
        for person, event in persons.items():
            stands = subscription_state.get(person)
            if stands and stands.resolves(event.change, *event.lesser):
                self._overridden(event)
                self.resolved.add(person)
            else:
                tasks.append(_task(event, person, stands, now))
        return tasks

    def _overridden(self, event: Event) -> None:
        self.counts.count(Outcome.UNCHANGED)
        self._done_waiting(event)

    def _apply(self, tasks: list[_Task], now: datetime, last_chance: bool) -> None:
        fields = WITH_CHANGE if any(task.event.exported for task in tasks) else FIELDS
        found, refused = looked_up(self._vtex, [task.event.email for task in tasks], fields)
        there = {event.email for event in self._not_erased(task.event for task in tasks)}
        known: list[_Known] = []
        for task in (task for task in tasks if task.event.email in there):
            documents = found.get(task.event.email)
            if refusal := refused.get(task.event.email):
                self._put_off_refused(task, refusal, now, last_chance)
            elif not documents:
                # Nobody is created. A new person's document may not be indexed yet.
                self._put_off(task, now, Reason.UNKNOWN_CONTACT, last_chance=last_chance)
            elif task.event.exported and _answered_since(task.change, documents):
                self._note(task.person, Reason.CHANGED_SINCE)
            else:
                known.append((task, _differing(task, documents)))
        self._write(known, now, last_chance)

    def _write(self, known: list[_Known], now: datetime, last_chance: bool) -> None:
        """Write, count what worked, put off what did not."""
        busy: list[_Task] = []
        written = refused = 0
        for task, result in self._written(known).items():
            if isinstance(result, int):
                written += result
                self._done_waiting(task.event)
                self.resolved.add(task.person)
                self.counts.count(Outcome.SENT if result else Outcome.UNCHANGED)
            elif isinstance(result, TemporaryError):
                busy.append(task)
            else:
                refused += 1
                self._put_off_refused(task, result, now, last_chance)
        self.counts.written += written
        self._put_off_all(busy, now)
        # One is an event's own trouble. Several and nothing else: VTEX takes no writes now, the rest waits.
        self._writes_fail = len(busy) > 1 and not refused and not written

    def _written(self, known: list[_Known]) -> dict[_Task, _Result]:
        """Write the subscription changes and record what was applied. Where a greater one came meanwhile, VTEX may have got
        ours after it, also when ours failed half-way: that one is written again, until none came in between.
        """
        begun = [task for task, documents in known if documents]
        self._state.begin_writing({task.person: task.event.change for task in begun}, self._writer)
        ends: dict[str, tuple[_Task, _Result]] = {}
        while known:
            tried = list(in_parallel(self._patched, known, workers=PATCHES_AT_ONCE))
            ends |= {task.person: (task, result) for (task, _), result in tried}
            erased = self._state.erased_people()
            applied = (task for (task, _), result in tried if isinstance(result, int))
            self._state.record_applied(
                {task.person: task.change for task in applied if task.person not in erased}
            )
            known = self._overtaken([one for one in known if one[1]])
        self._end_writing([ends[task.person] for task in begun])
        return dict(ends.values())

    def _patched(self, known: _Known) -> _Result:
        task, documents = known
        try:
            self._patch(documents, not task.change.unsubscribed)
        except (RequestRefused, TemporaryError) as error:
            return error
        return len(documents)

    def _patch(self, documents: list[Document], wanted: bool) -> None:
        """One document that is refused does not keep the others from the subscription change."""
        refused: RequestRefused | None = None
        for document in documents:
            try:
                self._vtex.patch_client(document["id"], {"isNewsletterOptIn": wanted})
            except RequestRefused as error:
                refused = error
        if refused:
            raise refused

    def _overtaken(self, known: list[_Known]) -> list[_Known]:
        """Those for whom a greater subscription change stands by now, to be written in place of ours."""
        greater = self._state.greater({task.person: task.change for task, _ in known})
        return [
            (replace(task, change=greater[task.person], again=True), documents)
            for task, documents in known
            if task.person in greater
        ]

    def _end_writing(self, ends: list[tuple[_Task, _Result]]) -> None:
        """All but what has to be written again and could not be: who comes by next must know."""
        ended = [task.person for task, result in ends if isinstance(result, int) or not task.again]
        if ended:
            self._state.end_writing(ended, self._writer)

    def _put_off_refused(
        self, task: _Task, refusal: RequestRefused, now: datetime, last_chance: bool
    ) -> None:
        detail = f"HTTP {refusal.status}"
        if task.event.email not in ErasedPeople(self._state):
            self._state.keep_vendor_texts(PipelineName.NEWSLETTER, {task.person: refusal.error.private})
        self._put_off(task, now, Reason.TARGET_REJECTED, detail, last_chance=last_chance)

    def _put_off_all(self, tasks: Iterable[_Task], now: datetime) -> None:
        for task in tasks:
            self._put_off(task, now, Reason.TARGET_BUSY)

    def _put_off(
        self, task: _Task, now: datetime, reason: Reason, detail: str = "", *, last_chance: bool = False
    ) -> None:
        """Try again later; let go for `reason` when it was the last try."""
        event = task.event
        if not self._not_erased([event]):
            return
        tries = 1 + (event.waiting.attempts if event.waiting else 0)
        is_busy = reason is Reason.TARGET_BUSY
        if not is_busy and (last_chance or tries >= LOOK_UPS):
            self._done_waiting(event)
            self._note(task.person, reason, detail)
            return
        soon = tries < (TRIES_SOON if is_busy else LOOK_UPS - 1)
        retry_at = now + (self._rules.unknown_retry if soon else timedelta(days=1))
        self._state.add_pending(event.email, event.subscribed, event.change.instant, retry_at, tries)
        self._note(task.person, reason if is_busy else Reason.CONTACT_UNRESOLVED, detail)
        if soon:
            self.look_again.append(event)

    def _done_waiting(self, event: Event) -> None:
        if event.waiting:
            self._state.drop_pending(event.waiting)

    def _note(self, key: str, reason: Reason, detail: str = "") -> None:
        self.counts.count(reason)
        self.outcomes.append(RecordOutcome(key, OUTCOME_OF[reason], reason, detail))


_ALL = 1_000_000


def _task(event: Event, person: str, stands: SubscriptionState | None, now: datetime) -> _Task:
    if stands is None or event.change > stands.change:
        return _Task(event, person, event.change, _touched(stands, event.change, now), again=False)
    again = stands.applied_at is not None
    return _Task(event, person, stands.change, _touched(stands, stands.change, now), again)


def _touched(stands: SubscriptionState | None, change: SubscriptionChange, now: datetime) -> bool:
    """Whether VTEX's index may show what was before a write of ours that said the opposite."""
    if stands is None:
        return False
    if stands.applied_at is None or stands.on_their_way:  # somebody began to write, and may have
        return True
    was_opposite = stands.change.unsubscribed is not change.unsubscribed
    return was_opposite and stands.applied_at > now - limits.INDEX_LAG


def _differing(task: _Task, documents: list[Document]) -> list[Document]:
    """Those that do not say so yet, as far as VTEX's index can be trusted."""
    wanted = not task.change.unsubscribed
    return [one for one in documents if task.touched or one.get("isNewsletterOptIn") is not wanted]


def _answered_since(change: SubscriptionChange, documents: list[Document]) -> bool:
    """Whether a subscription that is read a day later may be older than the customer's own no in the shop.

    VTEX does not say when the field was changed, only when the document was.
    """
    return not change.unsubscribed and any(
        document.get("isNewsletterOptIn") is False and _changed_after(document, change)
        for document in documents
    )


def _changed_after(document: Document, change: SubscriptionChange) -> bool:
    changed = document.get("updatedIn") or document.get("createdIn")
    return changed is not None and datetime.fromisoformat(changed) > change.instant
