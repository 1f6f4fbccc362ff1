"""The shape of an explanation, the same for a customer, a product and an order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from include.outcomes import Drop, Kind, Reason
from include.pipeline.preview import masked
from include.reasons import DROPS, REASONS
from include.run_name import readable
from include.state import StoredOutcome
from include.window import utc_text

_ADDRESS = re.compile(r"[^\s\"'<>,;:()\[\]{}|]+@[^\s\"'<>,;:()\[\]{}|]+")
_LONGEST = 300
VENDORS_WORDS = "the last refusal in the vendor's words"


@dataclass(frozen=True)
class Fact:
    """A line: `value` holds no whole e-mail; `personal` ones are for the person who asked, and not for a
    page."""

    label: str
    value: str
    personal: bool = False


@dataclass(frozen=True)
class Part:
    """One side of the matter; `facts` may be empty, and then `nothing` says so."""

    title: str
    facts: tuple[Fact, ...]
    nothing: str = "nothing"


@dataclass(frozen=True)
class Explanation:
    """`record` is what was asked for, an address masked; `is_known` whether anything was found anywhere."""

    kind: Kind
    record: str
    parts: tuple[Part, ...]
    decision: tuple[str, ...]
    is_known: bool


def without_addresses(text: str) -> str:
    """`ana@example.com has bought` → `a…(15) has bought`."""
    return _ADDRESS.sub(lambda found: masked(found[0]), text)


def shown(value: Any) -> str:
    """A value on one line, without a whole address, cut when it is long."""
    if isinstance(value, datetime):
        return utc_text(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value)) or "none"
    text = without_addresses(" ".join(str(value).split()))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def facts(record: Mapping[str, Any], personal: Iterable[str] = ()) -> tuple[Fact, ...]:
    """The values of a record that are there; those named `personal` are marked."""
    private = set(personal)
    present = ((name, value) for name, value in record.items() if value is not None and value == value)  # noqa: PLR0124 - NaN
    return tuple(Fact(name, shown(value), name in private) for name, value in present)


def outcome_facts(stored: StoredOutcome, said: str = "") -> tuple[Fact, ...]:
    """What a run has written down about a record, and what the vendor `said` in its own words."""
    what = f"{stored.outcome}: {stored.reason}" if stored.reason else str(stored.outcome)
    times = f", {stored.attempts} times since {shown(stored.first_seen)}" if stored.attempts > 1 else ""
    told = [Fact("answer", shown(stored.detail))] if stored.detail else []
    return (Fact("outcome", f"{what}{times}"), *told, *words(said), *_when(stored.run_key, stored.last_seen))


def words(said: str) -> tuple[Fact, ...]:
    """The last refusal in the vendor's own words, which may quote the customer."""
    return (Fact(VENDORS_WORDS, shown(said), personal=True),) if said else ()


def _when(run_key: str, at: datetime) -> tuple[Fact, ...]:
    return (Fact("by the run", readable(run_key)), Fact("at", shown(at)))


def because(reason: Reason, detail: str = "") -> str:
    """`it is rejected as …` in words, with what to do."""
    meaning = REASONS[reason]
    more = f" ({shown(detail)})" if detail else ""
    return f"{reason}{more}: {meaning.what}. {meaning.advice}"


def left_out(drop: Drop) -> str:
    """What a record goes without, in words, with what to do."""
    meaning = DROPS[drop]
    return f"{drop}: {meaning.what}. {meaning.advice}"


def differences(would: Mapping[str, Any], there: Mapping[str, Any]) -> list[str]:
    """Names of what would be sent and is otherwise at Connectif."""
    return [name for name, value in would.items() if _plain(value) != _plain(there.get(name))]


def _plain(value: Any) -> Any:
    """Numbers by value, lists without order, blank as nothing, instants without their form."""
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
