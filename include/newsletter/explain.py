"""What is known about a person's subscription changes: a part of the explanation of a customer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.outcomes import PipelineName
from include.pipeline.explain_history import Event, outcome_events
from include.pipeline.explanation import Advice, Part, explain_reason, vendor_text_parts

if TYPE_CHECKING:
    from include.state import PendingEvent, StateStore, StoredOutcome, SubscriptionState

_WHO = "subscription change"


@dataclass(frozen=True)
class SubscriptionRecord:
    """The newest change of a person, the one that waits, and the last outcome; None where there is none."""

    state: SubscriptionState | None = None
    waiting: PendingEvent | None = None
    outcome: StoredOutcome | None = None
    vendor_text: str = ""

    @property
    def is_known(self) -> bool:
        """Whether the state store has a trace of a change."""
        return bool(self.state or self.waiting or self.outcome)

    def events(self) -> Iterator[Event]:
        """When the person changed the subscription, and what became of the change."""
        if self.state:
            word = "unsubscribed" if self.state.change.unsubscribed else "subscribed"
            open_note = "" if self.state.applied_at else " (not written to VTEX yet)"
            yield Event(self.state.change.instant, f"{word} at Connectif{open_note}")
            if self.state.applied_at:
                yield Event(self.state.applied_at, f"{_WHO} written to VTEX: {word}")
        if self.waiting:
            yield from self._events_of_waiting(self.waiting)
        if self.outcome:
            yield from outcome_events(self.outcome, _WHO)

    def _events_of_waiting(self, waiting: PendingEvent) -> Iterator[Event]:
        word = "unsubscribed" if waiting.change.unsubscribed else "subscribed"
        if self.state is None or self.state.change != waiting.change:
            yield Event(waiting.change.instant, f"{word} at Connectif (waits)")
        if not waiting.attempts:  # the next run takes it
            return
        tried = f"{waiting.attempts} attempt{'s' if waiting.attempts != 1 else ''} so far"
        yield Event(waiting.not_before, f"planned: next attempt to write it to VTEX ({tried})")

    def advice(self) -> Iterator[Advice]:
        """What to do about a change that was not written."""
        if self.outcome and self.outcome.reason:
            reason = explain_reason(self.outcome.reason, self.outcome.detail)
            yield Advice(f"Subscription change, {reason}")

    def parts(self) -> tuple[Part, ...]:
        """The vendor's text of a refusal."""
        return vendor_text_parts([self.vendor_text])


def read_subscription(state: StateStore, email: str) -> SubscriptionRecord:
    """Read the person's changes from the state store; an empty address has none."""
    if not email:
        return SubscriptionRecord()
    person = state.hashed(email)
    texts = state.vendor_texts.of(PipelineName.NEWSLETTER, [person])
    return SubscriptionRecord(
        state.newsletter.subscription_state([person]).get(person),
        state.newsletter.find_pending(person),
        state.records.outcomes_of(PipelineName.NEWSLETTER, [person]).get(person),
        texts.get(person, ""),
    )
