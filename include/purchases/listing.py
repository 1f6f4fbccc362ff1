"""Which orders a window holds: closed windows, halved until VTEX's list can show each in full."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from datetime import timedelta
from math import ceil
from typing import Any

from include.errors import ContractError, TemporaryError
from include.vtex import limits
from include.vtex.client import SYSTEM, OrderPage, VtexClient
from include.window import Window

log = logging.getLogger(__name__)

_SHORTEST = timedelta(seconds=1)
_READINGS_OF_A_WINDOW = 3


class TooManyOrdersAtOnce(ContractError):
    """More orders in one second than VTEX's list can show: no retry would help."""


def orders_in(vtex: VtexClient, date_field: str, window: Window) -> Iterator[dict[str, Any]]:
    """The list entries of all orders whose `date_field` lies in the window, oldest window first.

    The list ends at page 30 (3,000 orders), so a window with more is halved. Raises TooManyOrdersAtOnce
    when even a second holds more, and TemporaryError when pages stay short of the announced total.
    """
    first = vtex.list_orders(date_field, window.start, window.end, page=1)
    if first.total <= limits.ORDERS_PER_QUERY:
        yield from _all_pages(vtex, date_field, window, first)
        return
    if window.end - window.start <= _SHORTEST:
        raise TooManyOrdersAtOnce(
            f"{SYSTEM}, list of orders: {first.total:,} orders within one second, {window}; "
            f"its list shows {limits.ORDERS_PER_QUERY:,} at most. Nothing was sent of this run"
        )
    middle = window.start + (window.end - window.start) / 2
    middle = middle.replace(microsecond=middle.microsecond // 1000 * 1000)
    log.info("%s orders in %s: the window is halved", f"{first.total:,}", window)
    yield from orders_in(vtex, date_field, Window(window.start, middle))
    yield from orders_in(vtex, date_field, Window(middle, window.end))


def _all_pages(
    vtex: VtexClient, date_field: str, window: Window, first: OrderPage
) -> Iterable[dict[str, Any]]:
    """Every order once; the pages are read again when fewer came than announced (a moving index)."""
    for _ in range(_READINGS_OF_A_WINDOW):
        found = {str(order["orderId"]): order for order in first.orders}
        for page in range(2, ceil(first.total / limits.ORDERS_PAGE) + 1):
            answer = vtex.list_orders(date_field, window.start, window.end, page=page)
            found |= {str(order["orderId"]): order for order in answer.orders}
        if len(found) >= first.total:
            return found.values()
        log.warning("%s of %s orders came for %s: read again", len(found), first.total, window)
        first = vtex.list_orders(date_field, window.start, window.end, page=1)
    raise TemporaryError(
        f"{SYSTEM}, list of orders: {len(found)} of {first.total} orders came for {window}, "
        f"{_READINGS_OF_A_WINDOW} times in a row. Nothing was sent of this run"
    )
