"""Read the orders of the window in full, the missing parts of split ones, and real addresses of customers."""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

import orjson
import pyarrow as pa

from include.batching import in_batches
from include.errors import TemporaryError
from include.mapping.orders import GROUP, ORDER, UNANSWERED
from include.mapping.purchases import profile_id
from include.report import StageCounts
from include.rest.transport import RequestRefused
from include.staging import Staging
from include.sync.outage import OutageWatch
from include.sync.progress import Progress
from include.sync.purchases.agenda import DATE_FIELD, Agenda, agenda_of, unanswered_before
from include.sync.purchases.groups import group_of, incomplete_groups
from include.sync.replay import keys_to_replay
from include.sync.run import SyncRun
from include.vtex import limits
from include.vtex.client import VtexClient
from include.vtex.filters import any_of
from include.window import Window

log = logging.getLogger(__name__)

AGENDA = "agenda.json"
ADDRESSES = "addresses.json"
PART = "part-"
MISSING = f"{PART}missing.parquet"
UNANSWERED_GROUPS = "unanswered-groups.json"
_ORDERS_A_PART = 500
_WORKERS = 8

Order = dict[str, Any]


def extract(run: SyncRun, target: Staging) -> StageCounts:
    """Stage `agenda.json`, `part-<number>.parquet` (`orderId`, `json`) and `addresses.json`.

    Parts that are there are not read again by a retry.
    """
    if run.plan.only:
        return _extract_one(run, target, run.plan.only)
    if not target.has(AGENDA):
        target.write_json(AGENDA, _agenda(run, target).to_json())
    agenda = Agenda.from_json(target.read_json(AGENDA))
    _read_orders(run, target, agenda)
    _read_missing_parts(run, target, agenda)
    if not target.has(ADDRESSES):
        target.write_json(ADDRESSES, real_addresses(run.vtex, _customers(target)))
    return StageCounts()


def _agenda(run: SyncRun, target: Staging) -> Agenda:
    if run.plan.replay:
        return Agenda({}, (), {}, asked=tuple(keys_to_replay(run, target)))
    wait_for_the_index(run)
    return agenda_of(run, window_of(run))


def _extract_one(run: SyncRun, target: Staging, order_id: str) -> StageCounts:
    """The order with all parts of its checkout."""
    order = run.vtex.order(order_id)
    group = str(order.get("orderGroup") or group_of(order_id))
    orders = _group(run.vtex, group) or [order]
    log.info("order %s: read, with %s orders of its group %s", order_id, len(orders), group)
    target.write_table(f"{PART}only.parquet", _as_table(orders))
    target.write_table(MISSING, _as_table([]))
    target.write_json(ADDRESSES, real_addresses(run.vtex, _customers(target)))
    return StageCounts()


def window_of(run: SyncRun) -> Window:
    """The run's window; purchases always have one."""
    if run.plan.window is None:
        raise ValueError("purchases are read by window")
    return run.plan.window


def wait_for_the_index(run: SyncRun) -> None:
    """VTEX lists an order some minutes late: a window that has just ended is not read yet.

    One that ends in the future is read as far as it has come, for it is not covered further either.
    """
    now = run.now()
    ready = min(window_of(run).end, now) + timedelta(minutes=run.settings.purchases.index_lag_minutes)
    pause = (ready - now).total_seconds()
    if pause > 0:
        log.info("the window ends so late that VTEX may not list all of it yet: waiting %.0f s", pause)
        run.sleep(pause)


def _read_orders(run: SyncRun, target: Staging, agenda: Agenda) -> None:
    order_ids = agenda.order_ids
    known = {order_id for purchase in unanswered_before(run) for order_id in purchase.order_ids}
    watch = OutageWatch(run.vtex.check, known=known.__contains__)
    minutes = len(order_ids) / run.settings.vtex.order_detail_per_second / 60
    log.info("%s orders to read, in about %.0f minutes", f"{len(order_ids):,}", minutes)
    progress = Progress(log, "orders", len(order_ids))
    for number, batch in enumerate(in_batches(order_ids, _ORDERS_A_PART), start=1):
        name = f"{PART}{number:05}.parquet"
        if not target.has(name):
            answers = watch.in_parallel(lambda order_id: _order(run.vtex, order_id), batch, workers=_WORKERS)
            orders = (_answered(run, agenda, order_id, answer) for order_id, answer in answers)
            target.write_table(name, _as_table(_counting(progress, orders)))
    log.info("%s", progress.line())


def _answered(run: SyncRun, agenda: Agenda, order_id: str, answer: Order | TemporaryError) -> Order:
    """The order; one that VTEX does not answer for goes on as its id and the date of the list, to be held."""
    if not isinstance(answer, TemporaryError):
        return answer
    log.warning("order %s is held: %s", order_id, answer)
    listed = agenda.listed.get(order_id)
    date = {DATE_FIELD[run.settings.purchases.purchase_when]: listed.isoformat()} if listed else {}
    return {"orderId": order_id, "orderGroup": group_of(order_id), UNANSWERED: ORDER, **date}


def _order(vtex: VtexClient, order_id: str) -> Order:
    """The order; one that is listed and cannot be read goes on as what it is, an incomplete one."""
    try:
        return vtex.order(order_id)
    except RequestRefused as refused:
        if refused.status != 404:
            raise
        log.warning("order %s is listed, but VTEX does not have it", order_id)
        return {"orderId": order_id, "isCompleted": False}


def _read_missing_parts(run: SyncRun, target: Staging, agenda: Agenda) -> None:
    """A checkout that was split may have parts that the list did not show: read those groups as a whole.

    Of a group that VTEX does not answer for nobody can tell: it is noted, and its purchase held.
    """
    if target.has(MISSING):
        return
    read = set(agenda.order_ids)
    doubtful = agenda.order_ids if run.plan.replay or _may_be_paid_apart(run) else _listed_last(run, agenda)
    groups = sorted(incomplete_groups(read) | {group_of(order_id) for order_id in doubtful})
    unanswered: list[str] = []

    def parts() -> Iterator[Order]:
        known = {group_of(order_id) for one in unanswered_before(run) for order_id in one.order_ids}
        watch = OutageWatch(run.vtex.check, known=known.__contains__)
        for group, orders in watch.in_parallel(
            lambda group: _group(run.vtex, group), groups, workers=_WORKERS
        ):
            if isinstance(orders, TemporaryError):
                log.warning("order group %s is held: %s", group, orders)
                unanswered.append(group)
            else:
                yield from (part for part in orders if str(part["orderId"]) not in read)

    missing = _as_table(parts())
    target.write_json(UNANSWERED_GROUPS, unanswered)
    target.write_table(MISSING, missing)


def _may_be_paid_apart(run: SyncRun) -> bool:
    """Whether a checkout may have parts that the list shows on another day: it lists each when it is paid."""
    settings = run.settings.purchases
    return settings.purchase_when == "paid" and settings.purchase_id_source == "order_group"


def _listed_last(run: SyncRun, agenda: Agenda) -> list[str]:
    near_the_end = window_of(run).end - timedelta(minutes=1)
    return [order_id for order_id, date in agenda.listed.items() if date >= near_the_end]


def _group(vtex: VtexClient, group: str) -> list[Order]:
    """The orders of a group; none when the form of an id misled us and there is no such group."""
    try:
        return vtex.order_group(group)
    except RequestRefused as refused:
        if refused.status != 404:
            raise
        return []


def real_addresses(vtex: VtexClient, user_ids: Iterable[str]) -> dict[str, str]:
    """Customers' own e-mails by `userId`: orders show an alias only. Who has no document is absent."""
    found: dict[str, str] = {}
    for batch in in_batches(sorted(set(user_ids)), limits.ALTERNATIVES_PER_FILTER):
        documents = vtex.search_clients(where=any_of("userId", batch), fields=("userId", "email"))
        found |= {str(d["userId"]): str(d["email"]) for d in documents if d.get("userId") and d.get("email")}
    return found


def _customers(target: Staging) -> Iterator[str]:
    """Ids of the customers; one that does not look like an id has no place in a filter."""
    for order in (order for name in target.names(PART) for order in _orders_of(target, name)):
        if re.fullmatch(r"[\w-]+", customer := profile_id(order)):
            yield customer


def whole_groups_in(source: Staging) -> Iterator[list[Order]]:
    """The staged orders, some hundred at a time, never a checkout in two pieces.

    Orders of one group follow each other, over the border of two parts as well. Those of which not all parts
    are known are marked.
    """
    unanswered = set(source.read_json(UNANSWERED_GROUPS)) if source.has(UNANSWERED_GROUPS) else set()
    for orders in _groups_in(source):
        yield [_marked(order, unanswered) for order in orders] if unanswered else orders


def _marked(order: Order, unanswered: set[str]) -> Order:
    return {UNANSWERED: GROUP, **order} if group_of(str(order["orderId"])) in unanswered else order


def _groups_in(source: Staging) -> Iterator[list[Order]]:
    missing: dict[str, list[Order]] = defaultdict(list)
    for order in _orders_of(source, MISSING):
        missing[group_of(str(order["orderId"]))].append(order)
    held_back: list[Order] = []
    for name in source.names(PART):
        if name == MISSING:
            continue
        orders = held_back + list(_orders_of(source, name))
        last = group_of(str(orders[-1]["orderId"]))
        held_back = [order for order in orders if group_of(str(order["orderId"])) == last]
        yield _completed(orders[: len(orders) - len(held_back)], missing)
    yield _completed(held_back, missing)


def _completed(orders: list[Order], missing: dict[str, list[Order]]) -> list[Order]:
    groups = {group_of(str(order["orderId"])) for order in orders}
    return orders + [part for group in sorted(groups) for part in missing.get(group, [])]


def _orders_of(source: Staging, name: str) -> Iterator[Order]:
    for encoded in source.read_table(name, ["json"])["json"].to_pylist():
        yield orjson.loads(encoded)


def _counting(progress: Progress, orders: Iterable[Order]) -> Iterator[Order]:
    for order in orders:
        progress.add()
        yield order


def _as_table(orders: Iterable[Order]) -> pa.Table:
    rows = [(str(order["orderId"]), orjson.dumps(order)) for order in orders]
    return pa.table(
        {
            "orderId": pa.array([order_id for order_id, _ in rows], pa.string()),
            "json": pa.array([encoded for _, encoded in rows], pa.large_binary()),
        }
    )
