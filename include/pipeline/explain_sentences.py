"""The sentences of explanations: conclusions, what was sent by which run, and what a refusal needs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from include.connectif.vocabulary import SETUP_CODES
from include.outcomes import Outcome, Reason
from include.pipeline.explain_values import format_value
from include.pipeline.explanation import Conclusion, Presence
from include.window import local_text

_NAMED = 4
_SCHEDULED = "/scheduled__"
"""Airflow names the runs of a schedule like this."""
_REFUSALS = (Reason.TARGET_REJECTED, Reason.TARGET_UNCONFIRMED)
_SHORT = {
    Reason.CONTACT_UNRESOLVED: "VTEX hides the customer's e-mail",
    Reason.TARGET_BUSY: "a vendor gave no readable answer for it",
}
"""Meanings that also cover the other kind of record, in the words of this one."""
ERASED = "Erased: the sync writes nothing about this person"


def conclude(presence: Presence, first: str, *more: str) -> Conclusion:
    """One sentence of these clauses; empty ones are skipped, and addresses are masked."""
    return Conclusion(presence, format_value("; ".join(filter(None, (first, *more)))))


def conclude_unsent(
    reason: Reason, detail: str, *, what_next: str = "", is_there: bool = False
) -> Conclusion:
    """The conclusion on a record that the mapping does not send, or that Connectif refused."""
    why = meaning_of(reason, detail)
    if reason is Reason.ERASED:
        return conclude(Presence.ERASED, ERASED, "Connectif still has the record" if is_there else "")
    if is_there:
        return conclude(
            Presence.DIFFERS, f"In Connectif, but the sync does not send it now: {why}", what_next
        )
    if reason.outcome in {Outcome.EXCLUDED, Outcome.DUPLICATE}:
        return conclude(Presence.LEFT_OUT, f"Left out on purpose: {why}", what_next)
    return conclude(Presence.MISSING, f"Not in Connectif: {why}", what_next or action_for(reason, detail))


def conclude_present(differing: Sequence[str], origin: str, what_next: str) -> Conclusion:
    """The conclusion on a record that both sides have; `origin` says how Connectif got it."""
    if not differing:
        return conclude(Presence.IN, f"In Connectif, {origin}")
    return conclude(Presence.DIFFERS, f"In Connectif, but {name_fields(differing)}", what_next)


def meaning_of(reason: Reason, detail: str) -> str:
    """What happened, in the words of a record that is sent to Connectif."""
    more = f" ({format_value(detail)})" if detail else ""
    if reason is Reason.TARGET_REJECTED:
        return f"rejected by Connectif{more}"
    return f"{_SHORT.get(reason, reason.meaning)}{more}"


def action_for(reason: Reason, detail: str) -> str:
    """What to do about a rejected record, in a few words."""
    if reason is not Reason.TARGET_REJECTED:
        first = reason.advice.partition(". ")[0]
        return f"{first[:1].lower()}{first[1:]}"
    is_domain = detail.startswith(SETUP_CODES)
    return "authorise the shop's domain, then replay" if is_domain else "correct the named field, then replay"


def is_refusal(reason: Reason | None) -> bool:
    """Whether a record had this outcome at Connectif, so that the mapping cannot show it."""
    return reason in _REFUSALS


def name_fields(names: Sequence[str]) -> str:
    """`2 fields differ from VTEX: name, phone`; a long list is cut."""
    named = ", ".join(names[:_NAMED])
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{len(names)} {'field differs' if len(names) == 1 else 'fields differ'} from VTEX: {named}{more}"


def sent_by(run_key: str, at: datetime, now: datetime, zone: ZoneInfo) -> str:
    """`sent by last night's run (2026-11-24 03:12)`, or `sent by the run of` another time."""
    is_of_today = at.astimezone(zone).date() == now.astimezone(zone).date()
    if is_of_today and _SCHEDULED in run_key:
        return f"sent by last night's run ({local_text(at, zone)})"
    return f"sent by the run of {local_text(at, zone)}"
