"""Applies subscription changes to VTEX in batches: claim, look up, patch, record as applied."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain
from secrets import token_hex
from typing import Any

from include.batching import in_batches
from include.errors import TemporaryError
from include.http.calls import in_parallel
from include.http.transport import RequestRefused
from include.newsletter.documents import FIELDS, FIELDS_WITH_DATES, find_documents_and_refusals
from include.newsletter.events import Event, is_late, keep_in_store, keep_newest, read_event
from include.outcomes import Outcome, PipelineName, Reason
from include.pipeline.erased_people import ErasedPeople
from include.report import StageCounts
from include.state import PendingEvent, RecordOutcome, StateStore, SubscriptionChange, SubscriptionState
from include.values.address import tidy_address
from include.vtex import limits
from include.vtex.client import VtexClient

PATCHES_AT_ONCE = 8
MAX_LOOK_UPS = 3
"""Look-ups of an unknown person: at once, a little later, and in the daily run (or a day later)."""
LONGEST_RUN = timedelta(seconds=30)
"""A run of a steady flow ends after this time, so that its report is seen. The next run continues."""
LINGER = timedelta(seconds=2)
"""How long a run that had events waits for more: the start of another run takes about as long."""
_POLL_SECONDS = 0.2
MAX_SOON_RETRIES = 144
"""If VTEX does not accept an event, the event is retried soon, for a day. Then it is retried daily."""

Document = dict[str, Any]


@dataclass(frozen=True)
class NewsletterRules:
    """How far in the future an event may be dated, and when an unknown person is looked up again."""

    future_tolerance: timedelta
    unknown_retry: timedelta


@dataclass(frozen=True)
class _Task:
    """An event to apply, and the `change` to write for it: the event's own, or a newer one from the ledger.

    `index_outdated`: VTEX's index may show an old value for this person.
    `rewrite`: the change was applied before, but VTEX may have received the event's own change after it.
    """

    event: Event
    person: str
    change: SubscriptionChange
    index_outdated: bool
    rewrite: bool


_TaskDocuments = tuple[_Task, list[Document]]
"""A task and the documents to patch for it."""
_Result = int | RequestRefused | TemporaryError
"""The number of patched documents, or the error that stopped a patch."""


class NewsletterSync:
    """Applies events to VTEX. The ledger decides, not the order of arrival: a replay changes nothing.

    `retry_soon` holds the events to retry after `rules.unknown_retry`. They also wait in the state store.
    `resolved` holds the people for whom VTEX has their change or a newer one. `writer` names the run, so
    that a retry finds its unfinished writes. `run_key` also changes with a clear: by it, a retry takes the
    events that its first attempt took, and counts as sent what that attempt sent.
    """

    def __init__(
        self, vtex: VtexClient, state: StateStore, rules: NewsletterRules, writer: str, run_key: str = ""
    ) -> None:
        self._vtex, self._state, self._rules, self._writer = vtex, state, rules, writer
        self._run_key = self._part_key = run_key or f"{writer}/{token_hex(8)}"
        self.counts = StageCounts()
        self.outcomes: list[RecordOutcome] = []
        self.retry_soon: list[Event] = []
        self.resolved: set[str] = set()
        self._kept = defaultdict[str, set[SubscriptionChange]](set)  # all events of the conf, by person
        self._done: list[PendingEvent] = []
        self._erased: set[str] = set()
        self._writes_fail = False
        self._anonymous_outcomes = 0

    def apply(
        self,
        raw_events: Sequence[dict[str, Any]],
        now: Callable[[], datetime],
        *,
        linger: timedelta = timedelta(0),
    ) -> None:
        """Apply the events of a run, each `{"email", "subscribed", "occurred_at"}`, and all that wait.

        Events that arrive meanwhile are applied, too, until none has come for the time `linger` or
        `LONGEST_RUN` is over. Raises TemporaryError if VTEX does not answer the look-up; repeating changes
        nothing. Events that VTEX does not accept are postponed, so that they do not delay other events.
        """
        begun = now()
        self._keep(raw_events, begun)
        parts, last_taken = 0, begun
        while not self._writes_fail and now() - begun < LONGEST_RUN:
            if self._apply_part(parts + 1, now()):
                parts, last_taken = parts + 1, now()
            elif not parts or now() - last_taken >= linger:
                return
            else:
                time.sleep(_POLL_SECONDS)

    def _apply_part(self, number: int, now: datetime) -> bool:
        """Apply the events that are due, at most 500; False if there are none. A retry has the same parts."""
        self._part_key = self._key_of_part(number)
        due = self._state.newsletter.take_due(self._part_key, now)
        self._apply_all(self._read_pending(due, now), now, last_chance=False)
        return bool(due)

    def _key_of_part(self, number: int) -> str:
        return f"{self._run_key}#{number}"

    def _keep(self, raw_events: Sequence[dict[str, Any]], now: datetime) -> None:
        """Move the events of the conf into the state store: if this run fails, another one applies them.

        A retry moves none, because the first attempt did so before it took any.
        """
        events = self._drop_erased(self._read(raw_events, now))
        for event in events:
            self._kept[self._state.hashed(event.email)].add(event.change)
        if taken := self._state.newsletter.taken_by(self._key_of_part(1)):
            kept = self._count_taken(events, taken)
        else:
            kept = keep_in_store(self._state, events, self._count_superseded)
        self.counts.read -= kept  # an event counts when it is taken

    def _count_taken(self, events: list[Event], taken: list[PendingEvent]) -> int:
        """How many of the events the first attempt took; the others count as superseded, as they did then."""
        changes = {(one.person, one.change) for one in taken}
        newest = keep_newest(events, self._count_superseded)
        older = [one for one in newest if (self._state.hashed(one.email), one.change) not in changes]
        for event in older:
            self._count_superseded(event)
        return len(newest) - len(older)

    def resolve(self, exported: Iterable[dict[str, Any]], now: datetime) -> None:
        """Retry all pending events and apply `exported`, the events of Connectif's export: the daily run.

        For a person who is still unknown, this is the last try.
        """
        pending = self._state.newsletter.take_due(
            self._run_key, now, limit=_ALL, min_attempts=MAX_LOOK_UPS - 1
        )
        changes = (replace(event, is_late=True) for event in self._read(exported, now))
        self._apply_all(chain(self._read_pending(pending, now), changes), now, last_chance=True)

    def _read(self, raw_events: Iterable[dict[str, Any]], now: datetime) -> Iterator[Event]:
        """Yield the valid events; reject the others."""
        for raw in raw_events:
            self.counts.read += 1
            read = read_event(raw, now, self._rules.future_tolerance)
            if isinstance(read, Event):
                yield read
            else:
                self._add_outcome(self._outcome_key(raw, read), read)

    def _outcome_key(self, raw: dict[str, Any], reason: Reason) -> str:
        """Return the person's key; for an event without a valid address, return an anonymous key."""
        if reason in (Reason.IN_THE_FUTURE, Reason.INSTANT_INVALID):
            return self._state.hashed(tidy_address(raw["email"]))
        return self._anonymous_key()

    def _anonymous_key(self) -> str:
        """Return a key that no other run uses, so that one outcome does not replace another."""
        self._anonymous_outcomes += 1
        return f"event {self._anonymous_outcomes} of {self._state.hashed(self._writer)[:8]}"

    def _read_pending(self, pending: list[PendingEvent], now: datetime) -> Iterator[Event]:
        for one in pending:
            self.counts.read += 1
            older = tuple(self._kept[one.person] - {one.change})
            yield Event(one.email, one.change, one, is_late(one.change.instant, now), older)

    def _drop_erased(self, events: Iterable[Event]) -> list[Event]:
        """Return the events of people who are not erased; drop the others.

        Each step that may have waited for a vendor checks again. So no person who is erased meanwhile is
        written to VTEX or to the state store.
        """
        erased, kept = ErasedPeople(self._state), list[Event]()
        for event in events:
            if event.email in erased:
                self._erased.add(self._state.hashed(event.email))
                self._add_outcome(self._anonymous_key(), Reason.ERASED)
            else:
                kept.append(event)
        return kept

    def _apply_all(self, events: Iterable[Event], now: datetime, *, last_chance: bool) -> None:
        newest = keep_newest(self._drop_erased(events), self._count_superseded)
        self._drop_done()
        for batch in in_batches(newest, limits.ALTERNATIVES_PER_FILTER):
            tasks = self._open_tasks(self._drop_erased(batch), now)
            if self._writes_fail:
                self._postpone_all(tasks, now)
            elif tasks:
                self._apply_batch(tasks, now, last_chance)
            self._drop_done()

    def _open_tasks(self, events: list[Event], now: datetime) -> list[_Task]:
        """Claim the changes and return a task for each, except for changes that an applied one supersedes.

        Late events, replays and cleared runs are superseded so. But if a process died while it wrote a
        superseded change, the newer change is written again.
        """
        persons = {self._state.hashed(event.email): event for event in events}
        changes = {person: event.change for person, event in persons.items()}
        known = self._state.newsletter.claim(changes, self._part_key)
        resolved, tasks = dict[str, Event](), list[_Task]()
        for person, event in persons.items():
            current = known.get(person)
            if current and current.resolves(event.change, *event.superseded):
                resolved[person] = event
            else:
                tasks.append(_make_task(event, person, current, now))
        self._count_resolved(resolved)
        return tasks

    def _count_resolved(self, events: Mapping[str, Event]) -> None:
        """Count the events that need no write. An interrupted attempt of this run may have written them."""
        numbers = self._state.newsletter.count_documents(self._part_key, dict.fromkeys(events, 0))
        for person, event in events.items():
            self._count_applied(person, event, numbers[person])

    def _count_applied(self, person: str, event: Event, documents: int) -> None:
        """Count the event as applied, with the number of documents that the run wrote for it."""
        self._drop_pending(event)
        self.resolved.add(person)
        self.counts.written += documents
        self.counts.count(Outcome.SENT if documents else Outcome.UNCHANGED)

    def _count_superseded(self, event: Event) -> None:
        self.counts.count(Outcome.UNCHANGED)
        self._drop_pending(event)

    def _apply_batch(self, tasks: list[_Task], now: datetime, last_chance: bool) -> None:
        fields = FIELDS_WITH_DATES if any(task.event.is_late for task in tasks) else FIELDS
        emails = [task.event.email for task in tasks]
        found, refused = find_documents_and_refusals(self._vtex, emails, fields)
        not_erased = {event.email for event in self._drop_erased(task.event for task in tasks)}
        patches: list[_TaskDocuments] = []
        for task in (task for task in tasks if task.event.email in not_erased):
            documents = found.get(task.event.email)
            if refusal := refused.get(task.event.email):
                self._postpone_refused(task, refusal, now, last_chance)
            elif not documents:
                # The sync creates no customer. VTEX may not have indexed a new customer's document yet.
                self._postpone(task, now, Reason.UNKNOWN_CONTACT, last_chance=last_chance)
            elif task.event.is_late and _may_undo_opt_out(task.change, documents):
                self._drop_pending(task.event)
                self._add_outcome(task.person, Reason.CHANGED_SINCE)
            else:
                patches.append((task, _select_documents(task, documents)))
        self._write_and_count(patches, now, last_chance)

    def _write_and_count(self, patches: list[_TaskDocuments], now: datetime, last_chance: bool) -> None:
        """Write the changes, count the successful ones, postpone the others."""
        busy: list[_Task] = []
        written = refused = 0
        to_write = {task.person: len(documents) for task, documents in patches}
        numbers = self._state.newsletter.count_documents(self._part_key, to_write)
        for task, result in self._write(patches, numbers).items():
            if isinstance(result, int):
                written += result
                self._count_applied(task.person, task.event, numbers[task.person])
            elif isinstance(result, TemporaryError):
                busy.append(task)
            else:
                refused += 1
                self._postpone_refused(task, result, now, last_chance)
        self._postpone_all(busy, now)
        # One failure may be due to its event. If several fail and none succeeds, VTEX accepts no writes now.
        self._writes_fail = len(busy) > 1 and not refused and not written

    def _write(self, patches: list[_TaskDocuments], numbers: Mapping[str, int]) -> dict[_Task, _Result]:
        """Write the changes to VTEX and record the applied ones.

        A newer change may have come meanwhile; VTEX may have received ours after it, even if ours failed
        half-way. Then the newer change is written again, until no newer one has come meanwhile.
        """
        started = [
            task.person for task, _ in patches if numbers[task.person]
        ]  # now, or before an interruption
        self._state.newsletter.begin_writing(
            {task.person: task.event.change for task, documents in patches if documents}, self._writer
        )
        results: dict[str, tuple[_Task, _Result]] = {}
        while patches:
            tried = list(in_parallel(self._try_patch, patches, workers=PATCHES_AT_ONCE))
            results |= {task.person: (task, result) for (task, _), result in tried}
            erased = self._state.erasure.erased_people()
            applied = (task for (task, _), result in tried if isinstance(result, int))
            self._state.newsletter.record_applied(
                {task.person: task.change for task in applied if task.person not in erased}
            )
            patches = self._find_superseded([one for one in patches if one[1]])
        self._end_writing([results[person] for person in started])
        return dict(results.values())

    def _try_patch(self, patch: _TaskDocuments) -> _Result:
        task, documents = patch
        try:
            self._patch(documents, not task.change.unsubscribed)
        except (RequestRefused, TemporaryError) as error:
            return error
        return len(documents)

    def _patch(self, documents: list[Document], wanted: bool) -> None:
        """Patch every document, even if VTEX refuses one of them."""
        refused: RequestRefused | None = None
        for document in documents:
            try:
                self._vtex.patch_client(document["id"], {"isNewsletterOptIn": wanted})
            except RequestRefused as error:
                refused = error
        if refused:
            raise refused

    def _find_superseded(self, patches: list[_TaskDocuments]) -> list[_TaskDocuments]:
        """Return the patches that a newer change supersedes by now, each with the newer change to write."""
        newer = self._state.newsletter.find_newer({task.person: task.change for task, _ in patches})
        return [
            (replace(task, change=newer[task.person], rewrite=True), documents)
            for task, documents in patches
            if task.person in newer
        ]

    def _end_writing(self, results: list[tuple[_Task, _Result]]) -> None:
        """End the writing, except of failed rewrites: the next run must find those unfinished."""
        ended = [task.person for task, result in results if isinstance(result, int) or not task.rewrite]
        if ended:
            self._state.newsletter.end_writing(ended, self._writer)

    def _postpone_refused(
        self, task: _Task, refusal: RequestRefused, now: datetime, last_chance: bool
    ) -> None:
        detail = f"HTTP {refusal.status}"
        if task.event.email not in ErasedPeople(self._state):
            self._state.vendor_texts.keep(PipelineName.NEWSLETTER, {task.person: refusal.error.private})
        self._postpone(task, now, Reason.TARGET_REJECTED, detail, last_chance=last_chance)

    def _postpone_all(self, tasks: Iterable[_Task], now: datetime) -> None:
        for task in tasks:
            self._postpone(task, now, Reason.TARGET_BUSY)

    def _postpone(
        self, task: _Task, now: datetime, reason: Reason, detail: str = "", *, last_chance: bool = False
    ) -> None:
        """Keep the event for a later retry; after the last retry, drop the event with `reason`."""
        event = task.event
        if not self._drop_erased([event]):
            return
        tries = 1 + (event.pending.attempts if event.pending else 0)
        is_busy = reason is Reason.TARGET_BUSY
        is_new = event.pending is not None and not event.pending.attempts  # a callback during the daily run
        if not is_busy and ((last_chance and not is_new) or tries >= MAX_LOOK_UPS):
            self._drop_pending(event)
            self._add_outcome(task.person, reason, detail)
            return
        soon = tries < (MAX_SOON_RETRIES if is_busy else MAX_LOOK_UPS - 1)
        retry_at = now + (self._rules.unknown_retry if soon else timedelta(days=1))
        self._state.newsletter.add_pending(
            event.email, event.subscribed, event.change.instant, retry_at, tries
        )
        self._add_outcome(task.person, reason if is_busy else Reason.CONTACT_UNRESOLVED, detail)
        if soon:
            self.retry_soon.append(event)

    def _drop_pending(self, event: Event) -> None:
        if event.pending:
            self._done.append(event.pending)

    def _drop_done(self) -> None:
        """Remove the events that need nothing more. One transaction for many: each waits for the disk."""
        self._state.newsletter.drop_pending(self._done)
        if self._erased:
            self._state.newsletter.forget(self._erased)
        self._done, self._erased = [], set()

    def _add_outcome(self, key: str, reason: Reason, detail: str = "") -> None:
        self.counts.count(reason)
        self.outcomes.append(RecordOutcome(key, reason.outcome, reason, detail))


_ALL = 1_000_000


def _make_task(event: Event, person: str, current: SubscriptionState | None, now: datetime) -> _Task:
    if current is None or event.change > current.change:
        outdated = _is_index_outdated(current, event.change, now)
        return _Task(event, person, event.change, outdated, rewrite=False)
    rewrite = current.applied_at is not None
    return _Task(event, person, current.change, _is_index_outdated(current, current.change, now), rewrite)


def _is_index_outdated(current: SubscriptionState | None, change: SubscriptionChange, now: datetime) -> bool:
    """Whether VTEX's index may still show the value before our last write, which was the opposite one."""
    if current is None:
        return False
    if current.applied_at is None or current.open_writes:  # a process began to write and may have written
        return True
    was_opposite = current.change.unsubscribed is not change.unsubscribed
    return was_opposite and current.applied_at > now - limits.INDEX_LAG


def _select_documents(task: _Task, documents: list[Document]) -> list[Document]:
    """Return the documents that need a patch; all of them if VTEX's index may be outdated."""
    wanted = not task.change.unsubscribed
    return [one for one in documents if task.index_outdated or one.get("isNewsletterOptIn") is not wanted]


def _may_undo_opt_out(change: SubscriptionChange, documents: list[Document]) -> bool:
    """Whether a late subscription may be older than the customer's opt-out in the shop.

    VTEX says when the document changed, but not when the field did.
    """
    return not change.unsubscribed and any(
        document.get("isNewsletterOptIn") is False and _is_changed_after(document, change)
        for document in documents
    )


def _is_changed_after(document: Document, change: SubscriptionChange) -> bool:
    changed = document.get("updatedIn") or document.get("createdIn")
    return changed is not None and datetime.fromisoformat(changed) > change.instant
