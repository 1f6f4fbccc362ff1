"""What closes a difference of purchases, by its cause: the last words of its line in the log."""

from __future__ import annotations

from include.outcomes import Cause

_REPAIR = "Trigger reconcile with repair"
_BY_HAND = "Delete it at Connectif if it should not count there: nothing here does"

ADVICE: dict[Cause, str] = {
    Cause.NEVER_SENT: _REPAIR,
    Cause.NOT_COVERED: "Back-fill sync_purchases for those days, or trigger reconcile with repair",
    Cause.TOO_YOUNG: "The next run of sync_purchases takes it",
    Cause.GONE: f"{_REPAIR}, unless somebody deleted it at Connectif on purpose",
    Cause.REJECTED: "Mend what the reason says, then trigger reconcile with repair",
    Cause.HELD: "The next runs of sync_purchases take it up again for held_days",
    Cause.CANCELED: "Nothing: it is canceled at VTEX and not at Connectif",
    Cause.EXCLUDED: "Nothing: the shop did not sell it itself, or a setting leaves it out",
    Cause.ERASED: "Nothing: the person was erased here",
    Cause.OTHER_ID: "Set purchase_id_source to what the shop's web tag reports",
    Cause.CANCELED_SINCE: _BY_HAND,
    Cause.EXCLUDED_BUT_THERE: _BY_HAND,
    Cause.OTHER_TIME: "Nothing: both sides have it, by their clocks at different times",
    Cause.UNKNOWN_AT_VTEX: "See who else sends purchases to Connectif (a till, a marketplace, a test)",
    Cause.NOT_LOOKED_UP: "Compare fewer days, or raise lookups in the settings",
}
"""Sentences without a full stop, for all causes that the comparison names."""
