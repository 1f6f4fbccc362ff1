"""The statuses of an order that VTEX publishes, for the check of the setting `purchases.statuses`."""

from __future__ import annotations

from difflib import get_close_matches

# Of VTEX's two lists, neither is complete: the table of statuses in the help centre ("Order flow and status",
# help.vtex.com/en/docs/tutorials/order-flow-and-status), and the statuses that the Orders API filters by
# (OpenAPI: `f_status` of the list of orders, `status` of the feed and of the hook). Both read 2026-11-29.
ORDER_STATUSES = frozenset(
    {
        *("order-created", "order-create-error", "order-creation-error", "order-accepted"),
        *("on-order-completed", "on-order-completed-ffm", "order-completed"),
        *("payment-pending", "approve-payment", "payment-approved"),
        *("waiting-for-order-authorization", "waiting-for-authorization", "waiting-for-manual-authorization"),
        *("waiting-for-sellers-confirmation", "waiting-for-seller-decision"),
        *("waiting-for-fulfillment", "waiting-ffmt-authorization"),
        *("waiting-for-mkt-authorization", "waiting-seller-handling", "authorize-fulfillment"),
        *("window-to-cancel", "window-to-change-payment", "window-to-change-seller"),
        *("ready-for-handling", "start-handling", "handling"),
        *("ready-for-invoicing", "invoice", "invoice-after-cancellation-deny", "invoiced"),
        *("request-cancel", "cancellation-requested", "cancel", "canceled", "replaced"),
    }
)


def unknown_status(statuses: tuple[str, ...]) -> str | None:
    """The message about the first status that VTEX does not have, with the nearest one; None if all exist."""
    for status in statuses:
        if status not in ORDER_STATUSES:
            nearest = get_close_matches(status.lower().replace(" ", "-"), ORDER_STATUSES, n=1, cutoff=0)[0]
            return f"{status!r:.40} is none of them, the nearest is {nearest}"
    return None
