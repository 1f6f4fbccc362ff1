"""List the orders of a window, and halve the window until VTEX's list can show each half completely."""

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
_ATTEMPTS = 3


class TooManyOrdersAtOnce(ContractError):
    """One second has more orders than VTEX's list can show: retrying cannot help."""


def list_window(vtex: VtexClient, date_field: str, window: Window) -> Iterator[dict[str, Any]]:
    """The list entries of all orders whose `date_field` is in the window, oldest window first.

    VTEX's list ends at page 30 (3,000 orders), so a window with more orders is halved. Raises
    TooManyOrdersAtOnce if one second has more, and TemporaryError if pages lack announced orders.
    """
    first = vtex.list_orders(date_field, window.start, window.end, page=1)
    if first.total <= limits.ORDERS_PER_QUERY:
        yield from _all_pages(vtex, date_field, window, first)
        return
    if window.end - window.start <= _SHORTEST:
        raise TooManyOrdersAtOnce(
            f"{SYSTEM}, list of orders: {first.total:,} orders within one second, {window}; the list shows "
            f"{limits.ORDERS_PER_QUERY:,} at most. Nothing was sent. Run the other hours of the day with "
            "window_start and window_end, and ask VTEX"
        )
    middle = window.start + (window.end - window.start) / 2
    middle = middle.replace(microsecond=middle.microsecond // 1000 * 1000)
    log.info("%s orders in %s are more than VTEX lists: the window is halved", f"{first.total:,}", window)
    yield from list_window(vtex, date_field, Window(window.start, middle))
    yield from list_window(vtex, date_field, Window(middle, window.end))


def _all_pages(
    vtex: VtexClient, date_field: str, window: Window, first: OrderPage
) -> Iterable[dict[str, Any]]:
    """Every order once. If orders are missing, because the index moves, all pages are repeated."""
    for _ in range(_ATTEMPTS):
        found = {str(order["orderId"]): order for order in first.orders}
        for page in range(2, ceil(first.total / limits.ORDERS_PAGE) + 1):
            answer = vtex.list_orders(date_field, window.start, window.end, page=page)
            found |= {str(order["orderId"]): order for order in answer.orders}
        if len(found) >= first.total:
            return found.values()
        log.warning(
            "VTEX listed %s of %s orders of %s: the list is repeated", len(found), first.total, window
        )
        first = vtex.list_orders(date_field, window.start, window.end, page=1)
    raise TemporaryError(
        f"{SYSTEM}, list of orders: VTEX listed {len(found)} of {first.total} orders of {window}, in "
        f"{_ATTEMPTS} attempts. Nothing was sent. A retry reads the list again"
    )
