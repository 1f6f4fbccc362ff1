"""The orders of one checkout: which there are by VTEX's order group, what they say by each one's detail."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from include.http.transport import RequestRefused
from include.purchases.order_groups import group_of, missing_parts
from include.values.shapes import name
from include.vtex.client import VtexClient

log = logging.getLogger(__name__)

Order = dict[str, Any]
_NOT_THERE = frozenset({400, 404})


@dataclass(frozen=True)
class Checkout:
    """`orders` in full, and the ids of parts that must exist and that VTEX does not have (yet)."""

    orders: list[Order]
    missing: tuple[str, ...] = ()


def group_named_by(order: Order) -> str:
    """The order group as the order names it, else by the form of its id."""
    return name(order.get("orderGroup")) or group_of(str(order["orderId"]))


def read_checkout(
    vtex: VtexClient, group: str, *, known: Collection[str] = (), expected: Iterable[str] = ()
) -> Checkout:
    """Read the orders of a group that are not `known` yet; `expected` are ids that must be among them.

    The order group is asked for ids only: it may answer less of an order than its detail, answer nothing, or
    lack a part. A part with a lower number than another must exist.
    """
    ids = {*_ids_of(vtex, group), *expected, *known}
    wanted = sorted({*ids, *missing_parts(ids)}.difference(known))
    read = {order_id: read_order(vtex, order_id) for order_id in wanted}
    missing = tuple(order_id for order_id, order in read.items() if order is None)
    if missing:
        log.warning("order group %s: VTEX does not have %s", group, ", ".join(missing))
    return Checkout([order for order in read.values() if order is not None], missing)


def read_order(vtex: VtexClient, order_id: str) -> Order | None:
    """The order's detail; None when VTEX does not have it, or answers with another order."""
    try:
        order = vtex.order(order_id)
    except RequestRefused as refused:
        if refused.status != 404:
            raise
        return None
    return order if name(order.get("orderId")) == order_id else None


def _ids_of(vtex: VtexClient, group: str) -> set[str]:
    """The ids that a group names; none when there is no such group, because an id's form misled us."""
    try:
        return {name(order.get("orderId")) for order in vtex.order_group(group)} - {""}
    except RequestRefused as refused:
        if refused.status not in _NOT_THERE:
            raise
        return set()
