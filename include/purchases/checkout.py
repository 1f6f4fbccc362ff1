"""Read the orders of one checkout: their ids from VTEX's order group, their content from each detail."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from include.http.transport import RequestRefused
from include.purchases.orders import group_of, missing_parts
from include.values.shapes import name
from include.vtex.client import VtexClient

log = logging.getLogger(__name__)

Order = dict[str, Any]
_NOT_FOUND = frozenset({400, 404})


@dataclass(frozen=True)
class Checkout:
    """`orders` have all details.

    `missing` are ids of parts that must exist, but VTEX does not have them (yet).
    """

    orders: list[Order]
    missing: tuple[str, ...] = ()


def order_group_of(order: Order) -> str:
    """The order group that the order names, else the one from the form of its id."""
    return name(order.get("orderGroup")) or group_of(str(order["orderId"]))


def read_checkout(
    vtex: VtexClient, group: str, *, known: Collection[str] = (), expected: Iterable[str] = ()
) -> Checkout:
    """Read the orders of a group that are not `known` yet; `expected` are ids that must be among them.

    VTEX's order group is used for ids only: its orders have fewer fields than the details, and it may be
    empty or lack a part. Every part with a lower number than another part must exist.
    """
    ids = {*_ids_of(vtex, group), *expected, *known}
    wanted = sorted({*ids, *missing_parts(ids)}.difference(known))
    read = {order_id: read_order(vtex, order_id) for order_id in wanted}
    missing = tuple(order_id for order_id, order in read.items() if order is None)
    if missing:
        log.warning("order group %s: VTEX does not have %s", group, ", ".join(missing))
    return Checkout([order for order in read.values() if order is not None], missing)


def read_order(vtex: VtexClient, order_id: str) -> Order | None:
    """The order's detail; None if VTEX does not have it, or answers with another order."""
    try:
        order = vtex.order(order_id)
    except RequestRefused as refused:
        if refused.status != 404:
            raise
        return None
    return order if name(order.get("orderId")) == order_id else None


def _ids_of(vtex: VtexClient, group: str) -> set[str]:
    """The ids in a group; none if the group does not exist (the form of an id can mislead)."""
    try:
        return {name(order.get("orderId")) for order in vtex.order_group(group)} - {""}
    except RequestRefused as refused:
        if refused.status not in _NOT_FOUND:
            raise
        return set()
