"""What closes a difference, by pipeline and cause: the last words of its line in the log."""

from __future__ import annotations

from include.outcomes import Cause, PipelineName

_REPAIR = "Trigger reconcile with repair"
_BY_HAND = "Delete it at Connectif if it should not count there: nothing here does"

_ADVICE: dict[PipelineName, dict[Cause, str]] = {
    PipelineName.PURCHASES: {
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
    },
    PipelineName.PRODUCTS: {
        Cause.NEVER_SENT: "Trigger sync_products, or wait for tonight",
        Cause.REJECTED: "Mend what the reason says at VTEX; the next sync_products sends it",
        Cause.HIDDEN: "Nothing: the shop's search does not show it, so it is not sent",
        Cause.SHOWN_AGAIN: "Trigger sync_products, or wait for tonight",
        Cause.NO_LONGER_LISTED: "Trigger sync_products, or wait for tonight: it will say out of stock",
        Cause.GONE: "Trigger sync_products, or wait for tonight",
        Cause.DIFFERS: "Trigger sync_products; if it comes back, somebody else changes products there",
    },
    PipelineName.CONTACTS: {
        Cause.NOT_COVERED: "Back-fill sync_contacts, or trigger it with mode full",
        Cause.TOO_YOUNG: "The next run of sync_contacts takes it",
        Cause.GONE: "Trigger sync_contacts with only and the document's id, or with mode full for all",
        Cause.DIFFERS: "Trigger sync_contacts with only and the document's id, or with mode full for all",
        Cause.REJECTED: "Do what docs/reference/reasons.md says; a change at VTEX sends it again",
        Cause.DUPLICATE: "Nothing: another document has the same address and was changed later",
        Cause.ERASED: "Nothing: the person was erased here",
        Cause.ONLY_AT_CONNECTIF: "Nothing: guests, sign-ups and what the web tag met are not ours to touch",
    },
}


def advice(pipeline: PipelineName, cause: Cause) -> str:
    """A sentence without its full stop."""
    return _ADVICE[pipeline][cause]


def causes_of(pipeline: PipelineName) -> frozenset[Cause]:
    """The causes that a comparison of the pipeline may name."""
    return frozenset(_ADVICE[pipeline])
