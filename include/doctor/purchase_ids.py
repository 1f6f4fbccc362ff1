"""Checks which id the shop's web tag reports for a purchase: it compares an export with VTEX's orders."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from include.connectif.client import ConnectifClient
from include.connectif.exports import PURCHASE, PURCHASE_ID
from include.doctor.check import CheckContext, Line, error, ok, warning
from include.pipeline.exports import Exporter
from include.purchases.orders import group_of
from include.vtex.client import VtexClient
from include.window import Window

_SUBJECT = "purchase ids of the web tag"
_DAYS = timedelta(days=2)
_PATIENCE_MINUTES = 5.0
_NAMES = {"order_group": "order group", "order_id": "order id"}


def check_purchase_ids(vtex: VtexClient, connectif: ConnectifClient, context: CheckContext) -> Iterator[Line]:
    """Compare up to a hundred orders of the last two days; the line shows no ids."""
    now = context.now()
    orders = vtex.list_orders("creationDate", now - _DAYS, now, page=1).orders
    order_ids = {str(order["orderId"]) for order in orders}
    forms = {"order_group": {group_of(key) for key in order_ids}, "order_id": order_ids}
    if not order_ids:
        yield warning(_SUBJECT, "not checked, the last two days have no order", "Check again later")
        return
    exported = _export_purchase_ids(connectif, context, Window(now - _DAYS, now))
    yield _compare({form: len(ids & exported) for form, ids in forms.items()}, len(order_ids), context)


def _export_purchase_ids(connectif: ConnectifClient, context: CheckContext, window: Window) -> set[str]:
    exporter = Exporter(
        connectif,
        context.journal,
        poll_seconds=context.settings.connectif.import_poll_seconds,
        patience_minutes=_PATIENCE_MINUTES,
        sleep=context.sleep,
    )
    rows = exporter.activities([PURCHASE], window, PURCHASE_ID)
    return {cell for row in rows for cell in PURCHASE_ID.cells(row)}


def _compare(seen: dict[str, int], orders: int, context: CheckContext) -> Line:
    configured = context.settings.purchases.purchase_id_source
    other = next(form for form in _NAMES if form != configured)
    if seen[other]:
        return error(
            _SUBJECT,
            f"Connectif has {seen[other]} of {orders} orders by their {_NAMES[other]}, and "
            f"{seen[configured]} by the {_NAMES[configured]} of the setting",
            f"Set purchases.purchase_id_source (SYNC_PURCHASES__PURCHASE_ID_SOURCE) to {other}",
        )
    if seen[configured]:
        found = f"Connectif has {seen[configured]} of {orders} orders by their {_NAMES[configured]}"
        return ok(_SUBJECT, found)
    return warning(
        _SUBJECT,
        f"Connectif has none of {orders} orders of the last two days, in either form",
        "Check that the tag runs on the page after the purchase; without it, sync_purchases sends all orders",
    )
