"""An explanation of one record. It has the same form for a customer, a product and an order."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from include.outcomes import Drop, Kind, Reason
from include.pipeline.explain_history import Event
from include.pipeline.explain_values import FieldFormat, format_value

VENDOR_TEXT = "the last refusal in the vendor's words"


class Presence(StrEnum):
    """Whether Connectif has the record as VTEX has it."""

    IN = "in Connectif"
    DIFFERS = "differs"
    MISSING = "not in Connectif"
    LEFT_OUT = "left out"
    ERASED = "erased"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Conclusion:
    """The answer in one sentence, without an address."""

    presence: Presence
    sentence: str


@dataclass(frozen=True)
class Row:
    """One field in each system; None where the system has no value.

    The flags say that the value differs from `now`. Pages mask the values of a `personal` row.
    """

    label: str
    now: str | None
    sent: str | None
    there: str | None
    sent_differs: bool = False
    there_differs: bool = False
    personal: bool = False


@dataclass(frozen=True)
class RowGroup:
    """The rows of one part of a record, such as a line of a purchase."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Comparison:
    """What VTEX has now, what was sent last, and what Connectif has now, field by field.

    `sent_note` says what is known about the last values sent. Without `shows_sent` nothing else is known.
    """

    groups: tuple[RowGroup, ...]
    shows_sent: bool
    sent_note: str


@dataclass(frozen=True)
class Advice:
    """What to do, and the ready command if there is one."""

    text: str
    command: str = ""


@dataclass(frozen=True)
class Fact:
    """One line. Its `value` has no complete e-mail; pages mask a `personal` value."""

    label: str
    value: str
    personal: bool = False


@dataclass(frozen=True)
class Part:
    """The facts from one source, such as a document or an order of VTEX."""

    title: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class Explanation:
    """`record` is the requested record, with addresses masked. `is_known` says whether any source has it.

    `history` is sorted by time. All times are by the clock of `zone`.
    """

    kind: Kind
    record: str
    is_known: bool
    zone: ZoneInfo
    conclusion: Conclusion
    comparison: Comparison
    history: tuple[Event, ...] = ()
    advice: tuple[Advice, ...] = ()
    parts: tuple[Part, ...] = ()


def facts_of(fields: FieldFormat, record: Mapping[str, Any]) -> tuple[Fact, ...]:
    """The values of a record that are not absent."""
    shown = ((name, fields.text(name, value)) for name, value in record.items())
    return tuple(Fact(name, text, fields.is_personal(name)) for name, text in shown if text is not None)


def vendor_text_parts(texts: Iterable[str]) -> tuple[Part, ...]:
    """The vendor's own texts of the last refusals. They may quote the customer, so they are personal."""
    facts = tuple(Fact(VENDOR_TEXT, format_value(text), personal=True) for text in texts if text)
    return (Part("Connectif's answer", facts),) if facts else ()


def explain_reason(reason: Reason, detail: str = "") -> str:
    """The reason, what it means, and what to do."""
    more = f" ({format_value(detail)})" if detail else ""
    return f"{reason}{more}: {reason.meaning}. {reason.advice}"


def advice_on_drops(drops: Iterable[Drop]) -> tuple[Advice, ...]:
    """The fields or lines that were left out, what this means, and what to do."""
    return tuple(Advice(f"Left out, {drop}: {drop.meaning}. {drop.advice}") for drop in drops)


def trigger_command(dag_id: str, **parameters: str) -> str:
    """The command that starts a run with these parameters."""
    return f"airflow dags trigger {dag_id} --conf {shlex.quote(json.dumps(parameters))}"
