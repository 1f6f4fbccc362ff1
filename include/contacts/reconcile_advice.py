"""What closes a difference of contacts, by its cause: the last words of its line in the log."""

from __future__ import annotations

from include.outcomes import Cause

ADVICE: dict[Cause, str] = {
    Cause.NOT_COVERED: "Back-fill sync_contacts, or trigger it with mode full",
    Cause.TOO_YOUNG: "The next run of sync_contacts takes it",
    Cause.GONE: "Trigger sync_contacts with only and the document's id, or with mode full for all",
    Cause.DIFFERS: "Trigger sync_contacts with only and the document's id, or with mode full for all",
    Cause.REJECTED: "Do what docs/reference/reasons.md says; a change at VTEX sends it again",
    Cause.DUPLICATE: "Nothing: another document has the same address and was changed later",
    Cause.ERASED: "Nothing: the person was erased here",
    Cause.ONLY_AT_CONNECTIF: "Nothing: guests, sign-ups and what the web tag met are not ours to touch",
}
"""Sentences without a full stop, for all causes that the comparison names."""
