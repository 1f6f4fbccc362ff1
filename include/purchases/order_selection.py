"""What a run takes up: the orders of its window, what was indexed late before it, and held purchases."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from include.outcomes import Outcome, PipelineName, Reason
from include.pipeline.run import SyncRun
from include.purchases.listing import orders_in
from include.purchases.order_groups import group_of
from include.state import StoredPurchase
from include.window import Window, merged

log = logging.getLogger(__name__)

DATE_FIELD = {"placed": "creationDate", "paid": "authorizedDate"}


@dataclass(frozen=True)
class OrderSelection:
    """`listed` are the orders to read, by id, with the date that counts. A purchase belongs to this run when
    it began in one of the `windows`, is among the `held` ones (purchase id → its order ids), or has one of
    the orders that a replay `asked` for."""

    listed: dict[str, datetime]
    windows: tuple[Window, ...]
    held: dict[str, tuple[str, ...]]
    asked: tuple[str, ...] = ()

    @property
    def order_ids(self) -> list[str]:
        """All orders to read; those of one checkout follow each other."""
        held = (order_id for order_ids in self.held.values() for order_id in order_ids)
        return sorted({*self.listed, *held, *self.asked}, key=lambda order_id: (group_of(order_id), order_id))

    @property
    def named(self) -> frozenset[str]:
        """The orders that are this run's whenever their purchase began, whatever its id has become."""
        return frozenset(self.asked).union(*self.held.values())

    def takes(self, purchase_id: str, began: datetime) -> bool:
        """Whether a purchase is this run's, and not that of a run before or after it."""
        return purchase_id in self.held or any(began in window for window in self.windows)

    def to_json(self) -> dict[str, Any]:
        """Plain values, to be staged."""
        return {
            "listed": {order_id: date.isoformat() for order_id, date in self.listed.items()},
            "windows": [window.to_json() for window in self.windows],
            "held": self.held,
            "asked": self.asked,
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
    """List the window's orders, and look up what runs of the last days could not send.

    The list begins some minutes before the window: orders that VTEX indexed too late for the run before, and
    the other parts of checkouts that were split at the border. Time that no run has covered is not taken
    along, though: whoever wants it asks for it by a back-fill.
    """
    field = DATE_FIELD[run.settings.purchases.purchase_when]
    wide = window.widened(timedelta(minutes=run.settings.run.overlap_minutes))
    found = {
        str(order["orderId"]): datetime.fromisoformat(str(order.get(field) or order["creationDate"]))
        for order in orders_in(run.vtex, field, wide)
    }
    windows = (*_covered_before(run, wide, window), window)
    listed = _without_those_of_other_runs(run, found, window, windows)
    held = _held(run, found)
    log.info(
        "%s orders listed, %s of them to read; %s held purchases are taken up again",
        f"{len(found):,}",
        f"{len(listed):,}",
        f"{len(held):,}",
    )
    return OrderSelection(listed, windows, held)


def _covered_before(run: SyncRun, wide: Window, window: Window) -> list[Window]:
    """The time between the two starts that an earlier run has covered."""
    parts = (
        Window(max(part.start, wide.start), min(part.end, window.start))
        for part in run.state.covered(PipelineName.PURCHASES)
        if part.start < window.start and part.end > wide.start
    )
    return merged(parts)


def _without_those_of_other_runs(
    run: SyncRun, found: dict[str, datetime], window: Window, windows: tuple[Window, ...]
) -> dict[str, datetime]:
    """Leave out checkouts that began before the window and are done, or were never this run's to take."""
    began: dict[str, datetime] = {}
    for order_id, date in found.items():
        checkout = _checkout(run, order_id)
        began[checkout] = min(date, began.get(checkout, date))
    early = [order_id for order_id in found if began[_checkout(run, order_id)] < window.start]
    done = _done(run, early)
    others = {
        order_id
        for order_id in early
        if order_id in done or not any(began[_checkout(run, order_id)] in part for part in windows)
    }
    return {order_id: date for order_id, date in found.items() if order_id not in others}


def _done(run: SyncRun, order_ids: list[str]) -> set[str]:
    """Those of the orders whose purchase Connectif has.

    A checkout with a part that no run has seen yet is not done: it was listed late, and somebody must know.
    """
    purchases = run.state.recorded_purchases(run.state.done({*order_ids, *map(group_of, order_ids)}))
    done = {order_id for order_id in order_ids if {order_id, group_of(order_id)} & purchases.keys()}
    new = done.difference(*(purchase.order_ids for purchase in purchases.values()))
    left_out = run.state.outcomes_of(PipelineName.PURCHASES, new)
    late = {
        _checkout(run, order_id)
        for order_id in new
        if order_id not in left_out or left_out[order_id].outcome is not Outcome.EXCLUDED
    }
    return {order_id for order_id in done if _checkout(run, order_id) not in late}


def _checkout(run: SyncRun, order_id: str) -> str:
    """What orders must share to be one purchase, as far as their ids tell."""
    return order_id if run.settings.purchases.purchase_id_source == "order_id" else group_of(order_id)


def unanswered_before(run: SyncRun) -> list[StoredPurchase]:
    """Purchases that wait because a vendor did not answer for them or for an order of theirs."""
    return [purchase for purchase in _waiting(run) if purchase.reason is Reason.TARGET_BUSY]


def _waiting(run: SyncRun) -> list[StoredPurchase]:
    return run.state.held_purchases(timedelta(days=run.settings.purchases.held_days))


def _held(run: SyncRun, found: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Purchases that still wait, for their customer's address say; a back-fill takes its own days only.

    One that waited too long is taken up once more when the list shows an order of it: a part was paid.
    """
    if run.backfill:
        return {}
    waiting = _waiting(run)
    if run.settings.purchases.purchase_when == "paid":
        listed = run.state.recorded_purchases({_checkout(run, order_id) for order_id in found})
        waiting += [purchase for purchase in listed.values() if purchase.outcome is Outcome.HELD]
    return {purchase.purchase_id: purchase.order_ids for purchase in waiting}
