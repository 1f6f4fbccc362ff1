"""The parts of an explanation; they are the same for a customer, a product and an order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from include.outcomes import Drop, Kind, Reason
from include.pipeline.preview import mask
from include.run_name import readable
from include.state import StoredOutcome
from include.window import utc_text

_ADDRESS = re.compile(r"[^\s\"'<>,;:()\[\]{}|]+@[^\s\"'<>,;:()\[\]{}|]+")
_LONGEST = 300
VENDOR_TEXT = "the last refusal in the vendor's words"


@dataclass(frozen=True)
class Fact:
    """One line. Its `value` has no complete e-mail; pages mask a `personal` value."""

    label: str
    value: str
    personal: bool = False


@dataclass(frozen=True)
class Part:
    """The facts from one source; if there are none, the text of `nothing` is shown."""

    title: str
    facts: tuple[Fact, ...]
    nothing: str = "nothing"


@dataclass(frozen=True)
class Explanation:
    """`record` is the requested record, with addresses masked. `is_known` says whether any source has it."""

    kind: Kind
    record: str
    parts: tuple[Part, ...]
    decision: tuple[str, ...]
    is_known: bool


def without_addresses(text: str) -> str:
    """`ana@example.com has bought` → `a…(15) has bought`."""
    return _ADDRESS.sub(lambda found: mask(found[0]), text)


def format_value(value: Any) -> str:
    """A value on one line: addresses are masked, and a long text is cut."""
    if isinstance(value, datetime):
        return utc_text(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(format_value, value)) or "none"
    text = without_addresses(" ".join(str(value).split()))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def facts(record: Mapping[str, Any], personal: Iterable[str] = ()) -> tuple[Fact, ...]:
    """The values of a record that are not empty; the fields in `personal` are marked as personal."""
    private = set(personal)
    present = ((name, value) for name, value in record.items() if value is not None and value == value)  # noqa: PLR0124 - NaN
    return tuple(Fact(name, format_value(value), name in private) for name, value in present)


def outcome_facts(stored: StoredOutcome, vendor_text: str = "") -> tuple[Fact, ...]:
    """The outcome of a record that a run stored, and the vendor's own text."""
    outcome = f"{stored.outcome}: {stored.reason}" if stored.reason else str(stored.outcome)
    times = (
        f", {stored.attempts} times since {format_value(stored.first_seen)}" if stored.attempts > 1 else ""
    )
    answer = [Fact("answer", format_value(stored.detail))] if stored.detail else []
    return (
        Fact("outcome", f"{outcome}{times}"),
        *answer,
        *vendor_text_facts(vendor_text),
        *_run_facts(stored.run_key, stored.last_seen),
    )


def vendor_text_facts(text: str) -> tuple[Fact, ...]:
    """The vendor's own text of the last refusal. It may quote the customer, so it is personal."""
    return (Fact(VENDOR_TEXT, format_value(text), personal=True),) if text else ()


def _run_facts(run_key: str, at: datetime) -> tuple[Fact, ...]:
    return (Fact("by the run", readable(run_key)), Fact("at", format_value(at)))


def explain_reason(reason: Reason, detail: str = "") -> str:
    """The reason, what it means, and what to do."""
    more = f" ({format_value(detail)})" if detail else ""
    return f"{reason}{more}: {reason.meaning}. {reason.advice}"


def explain_drop(drop: Drop) -> str:
    """The field or line that was left out, what this means, and what to do."""
    return f"{drop}: {drop.meaning}. {drop.advice}"


def differing_fields(to_send: Mapping[str, Any], at_connectif: Mapping[str, Any]) -> list[str]:
    """Names of the fields that would be sent and have another value at Connectif."""
    return [
        name for name, value in to_send.items() if _normalized(value) != _normalized(at_connectif.get(name))
    ]


def _normalized(value: Any) -> Any:
    """A comparable value: rounded numbers, sorted lists, dates without time, None for a blank."""
    if value is None or value in ("", []):
        return None
    if isinstance(value, list):
        return sorted(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value).strip()
    try:
        return round(float(text), 2)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text).isoformat()[:10] if re.match(r"\d{4}-\d\d-\d\d", text) else text
    except ValueError:
        return text
