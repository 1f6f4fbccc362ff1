"""What closes a difference of products, by its cause: the last words of its line in the log."""

from __future__ import annotations

from include.outcomes import Cause

ADVICE: dict[Cause, str] = {
    Cause.NEVER_SENT: "Trigger sync_products, or wait for tonight",
    Cause.REJECTED: "Fix at VTEX what the reason says; the next sync_products sends it",
    Cause.HIDDEN: "Nothing: the shop's search does not show it, so it is not sent",
    Cause.SHOWN_AGAIN: "Trigger sync_products, or wait for tonight",
    Cause.NO_LONGER_LISTED: "Trigger sync_products, or wait for tonight: it will say out of stock",
    Cause.GONE: "Trigger sync_products, or wait for tonight",
    Cause.DIFFERS: "Trigger sync_products; if the difference returns, another program changes products there",
}
"""Sentences without a full stop, for all causes that the comparison names."""
