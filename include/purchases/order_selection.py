"""Select the orders of a run: those of its window, those that VTEX indexed late, and held purchases."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any, Self

from include.errors import ContractError, TemporaryError
from include.outcomes import Outcome, PipelineName, Reason
from include.pipeline.run import SyncRun
from include.purchases.orders import group_of
from include.state import StoredPurchase
from include.values.wording import plural
from include.vtex import limits
from include.vtex.client import SYSTEM, OrderPage, VtexClient
from include.window import Window, merged

log = logging.getLogger(__name__)

_SHORTEST = timedelta(seconds=1)
_ATTEMPTS = 3
DATE_FIELD = {"placed": "creationDate", "paid": "authorizedDate"}


@dataclass(frozen=True)
class OrderSelection:
    """`listed` are the orders to read, by id, with the date that counts.

    A purchase belongs to this run if it started in one of the `windows`, is among the `held` ones (purchase
    id → its order ids), or has one of the orders to `replay`.
    """

    listed: dict[str, datetime]
    windows: tuple[Window, ...]
    held: dict[str, tuple[str, ...]]
    replay: tuple[str, ...] = ()

    @property
    def order_ids(self) -> list[str]:
        """All orders to read; orders of one checkout are adjacent."""
        held = (order_id for order_ids in self.held.values() for order_id in order_ids)
        return sorted(
            {*self.listed, *held, *self.replay}, key=lambda order_id: (group_of(order_id), order_id)
        )

    @property
    def own_orders(self) -> frozenset[str]:
        """The orders that belong to this run, independent of the date and the id of their purchase."""
        return frozenset(self.replay).union(*self.held.values())

    def includes(self, purchase_id: str, started: datetime) -> bool:
        """Whether a purchase belongs to this run, and not to an earlier or later one."""
        return purchase_id in self.held or any(started in window for window in self.windows)

    def to_json(self) -> dict[str, Any]:
        """Plain values for a staged file."""
        return {
            "listed": {order_id: date.isoformat() for order_id, date in self.listed.items()},
            "windows": [window.to_json() for window in self.windows],
            "held": self.held,
            "asked": self.replay,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(
            {order_id: datetime.fromisoformat(date) for order_id, date in value["listed"].items()},
            tuple(Window.from_json(window) for window in value["windows"]),
            {purchase_id: tuple(orders) for purchase_id, orders in value["held"].items()},
            tuple(value.get("asked", ())),
        )


def select_orders(run: SyncRun, window: Window) -> OrderSelection:
    """List the orders of the window, and add the purchases that earlier runs held.

    The list starts some minutes before the window. So it has orders that VTEX indexed too late for the run
    before, and the other parts of checkouts that the border of the window splits. Time that no run has
    covered is left out: it needs a back-fill.
    """
    field = DATE_FIELD[run.settings.purchases.purchase_when]
    wide = window.widened(timedelta(minutes=run.settings.run.overlap_minutes))
    dates = {
        str(order["orderId"]): datetime.fromisoformat(str(order.get(field) or order["creationDate"]))
        for order in list_window(run.vtex, field, wide)
    }
    windows = (*_covered_parts(run, wide, window), window)
    listed = _drop_orders_of_other_runs(run, dates, window, windows)
    held = _select_held(run, dates)
    log.info(
        "VTEX lists %s, of which %s to read; to retry: %s",
        plural(len(dates), "order"),
        f"{len(listed):,}",
        plural(len(held), "held purchase"),
    )
    return OrderSelection(listed, windows, held)


def _covered_parts(run: SyncRun, wide: Window, window: Window) -> list[Window]:
    """The parts of the time between the two starts that an earlier run has covered."""
    parts = (
        Window(max(part.start, wide.start), min(part.end, window.start))
        for part in run.state.progress.covered(PipelineName.PURCHASES)
        if part.start < window.start and part.end > wide.start
    )
    return merged(parts)


def _drop_orders_of_other_runs(
    run: SyncRun, dates: dict[str, datetime], window: Window, windows: tuple[Window, ...]
) -> dict[str, datetime]:
    """Leave out checkouts that started before the window, if they are done or belong to another run."""
    started: dict[str, datetime] = {}
    for order_id, date in dates.items():
        checkout = _checkout(run, order_id)
        started[checkout] = min(date, started.get(checkout, date))
    early = [order_id for order_id in dates if started[_checkout(run, order_id)] < window.start]
    done = _orders_at_connectif(run, early)
    others = {
        order_id
        for order_id in early
        if order_id in done or not any(started[_checkout(run, order_id)] in part for part in windows)
    }
    return {order_id: date for order_id, date in dates.items() if order_id not in others}


def _orders_at_connectif(run: SyncRun, order_ids: list[str]) -> set[str]:
    """The orders whose purchase Connectif has.

    If a part of the checkout is new to all runs, the checkout is not done: the report must name the late
    part.
    """
    purchases = run.state.purchases.recorded(
        run.state.purchases.done({*order_ids, *map(group_of, order_ids)})
    )
    done = {order_id for order_id in order_ids if {order_id, group_of(order_id)} & purchases.keys()}
    new = done.difference(*(purchase.order_ids for purchase in purchases.values()))
    left_out = run.state.records.outcomes_of(PipelineName.PURCHASES, new)
    late = {
        _checkout(run, order_id)
        for order_id in new
        if order_id not in left_out or left_out[order_id].outcome is not Outcome.EXCLUDED
    }
    return {order_id for order_id in done if _checkout(run, order_id) not in late}


def _checkout(run: SyncRun, order_id: str) -> str:
    """The id that all orders of one purchase share, from the form of the order id."""
    return order_id if run.settings.purchases.purchase_id_source == "order_id" else group_of(order_id)


def purchases_without_answer(run: SyncRun) -> list[StoredPurchase]:
    """Held purchases for which a vendor did not answer, or did not answer for one of their orders."""
    return [purchase for purchase in _held_purchases(run) if purchase.reason is Reason.TARGET_BUSY]


def _held_purchases(run: SyncRun) -> list[StoredPurchase]:
    return run.state.purchases.held(timedelta(days=run.settings.purchases.held_days))


def _select_held(run: SyncRun, listed_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The held purchases to retry (for example, the customer's address was missing); none in a back-fill.

    A purchase that was held for too long is retried once more if VTEX lists one of its orders: a part was
    paid.
    """
    if run.backfill:
        return {}
    held = _held_purchases(run)
    if run.settings.purchases.purchase_when == "paid":
        listed = run.state.purchases.recorded({_checkout(run, order_id) for order_id in listed_ids})
        held += [purchase for purchase in listed.values() if purchase.outcome is Outcome.HELD]
    return {purchase.purchase_id: purchase.order_ids for purchase in held}


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
