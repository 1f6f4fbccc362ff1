"""Read the orders of the window in full, the missing parts of split ones, and real addresses of customers."""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import timedelta

import orjson
import pyarrow as pa

from include.batching import in_batches
from include.errors import ParameterError
from include.http.transport import RequestRefused
from include.pipeline.guards import not_found_message
from include.pipeline.outage import OutageWatch, Unanswered
from include.pipeline.progress import Progress
from include.pipeline.replay import keys_to_replay
from include.pipeline.run import SyncRun
from include.purchases.checkout import Order, group_named_by, read_checkout, read_order
from include.purchases.rules import CURRENCY, currency_of_shop
from include.purchases.mapping import profile_id
from include.purchases.order_groups import group_of, missing_parts
from include.purchases.order_items import added_skus, catalogue_item
from include.purchases.order_selection import DATE_FIELD, OrderSelection, select_orders, unanswered_before
from include.purchases.orders import GROUP, ORDER, UNANSWERED
from include.report import StageCounts
from include.staging import Staging
from include.values.instants import instant
from include.values.shapes import records
from include.vtex import limits
from include.vtex.client import VtexClient
from include.vtex.filters import any_of
from include.window import Window

log = logging.getLogger(__name__)

SELECTION = "selection.json"
ADDRESSES = "addresses.json"
ADDED_ITEMS = "added-items.json"
PART = "part-"
MISSING = f"{PART}missing.parquet"
INCOMPLETE_GROUPS = "incomplete-groups.json"
_ORDERS_A_PART = 500
_WORKERS = 8


def extract(run: SyncRun, target: Staging) -> StageCounts:
    """Stage `selection.json`, `part-<number>.parquet` (`orderId`, `group`, `json`), `addresses.json`, what the
    catalogue says of SKUs that a change added to an order (`added-items.json`), and the shop's currency.

    Parts that are there are not read again by a retry.
    """
    if run.plan.only:
        return _extract_one(run, target, run.plan.only)
    if not target.has(SELECTION):
        target.write_json(SELECTION, _selection(run, target).to_json())
    selection = OrderSelection.from_json(target.read_json(SELECTION))
    _read_orders(run, target, selection)
    _read_missing_parts(run, target, selection)
    return _read_around(run, target)


def _read_around(run: SyncRun, target: Staging) -> StageCounts:
    """What the orders do not say themselves."""
    if not target.has(ADDRESSES):
        target.write_json(ADDRESSES, real_addresses(run.vtex, _customers(target)))
    if not target.has(ADDED_ITEMS):
        added = {sku for order in _all_orders(target) for sku in added_skus(order)}
        target.write_json(ADDED_ITEMS, added_items(run.vtex, added))
    if not target.has(CURRENCY):
        target.write_json(CURRENCY, currency_of_shop(run, _all_orders(target)))
    return StageCounts()


def _selection(run: SyncRun, target: Staging) -> OrderSelection:
    if run.plan.replay:
        return OrderSelection({}, (), {}, asked=tuple(keys_to_replay(run, target)))
    wait_for_the_index(run)
    return select_orders(run, window_of(run))


def _extract_one(run: SyncRun, target: Staging, order_id: str) -> StageCounts:
    """The order with all parts of its checkout."""
    try:
        group = group_named_by(run.vtex.order(order_id))
    except RequestRefused as refused:
        raise ParameterError(f"{run.pipeline}: {not_found_message(order_id)} ({refused})") from None
    checkout = read_checkout(run.vtex, group, expected=[order_id])
    log.info("order %s: read, with %s orders of its group %s", order_id, len(checkout.orders), group)
    target.write_table(f"{PART}only.parquet", _as_table(checkout.orders))
    target.write_table(MISSING, _as_table([]))
    target.write_json(INCOMPLETE_GROUPS, [group] if checkout.missing else [])
    return _read_around(run, target)


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


def _read_orders(run: SyncRun, target: Staging, selection: OrderSelection) -> None:
    order_ids = selection.order_ids
    known = {order_id for purchase in unanswered_before(run) for order_id in purchase.order_ids}
    watch = OutageWatch(run.vtex.check, known=known.__contains__)
    minutes = len(order_ids) / run.settings.vtex.order_detail_per_second / 60
    log.info("%s orders to read, in about %.0f minutes", f"{len(order_ids):,}", minutes)
    progress = Progress(log, "orders", len(order_ids))
    for number, batch in enumerate(in_batches(order_ids, _ORDERS_A_PART), start=1):
        name = f"{PART}{number:05}.parquet"
        if not target.has(name):
            answers = watch.in_parallel(
                lambda order_id: read_order(run.vtex, order_id), batch, workers=_WORKERS
            )
            orders = (_answered(run, selection, order_id, answer) for order_id, answer in answers)
            target.write_table(name, _as_table(_counting(progress, orders)))
    log.info("%s", progress.line())


def _answered(
    run: SyncRun, selection: OrderSelection, order_id: str, answer: Order | Unanswered | None
) -> Order:
    """The order; one that cannot be read now is held: it goes on as its id and the list's date."""
    field, listed = DATE_FIELD[run.settings.purchases.purchase_when], selection.listed.get(order_id)
    date = {field: listed.isoformat()} if listed else {}
    if isinstance(answer, dict):
        return answer if instant(answer.get(field)) or field != "creationDate" else {**answer, **date}
    log.warning("order %s is held: %s", order_id, answer or "VTEX lists it, and does not have it")
    return {"orderId": order_id, "orderGroup": group_of(order_id), UNANSWERED: ORDER, **date}


def _read_missing_parts(run: SyncRun, target: Staging, selection: OrderSelection) -> None:
    """A checkout that was split may have parts that the list did not show: read those groups as a whole.

    A group of which VTEX does not answer for all parts is noted, and its purchase held.
    """
    if target.has(MISSING):
        return
    groups = _staged_groups(target)
    doubtful = groups if run.plan.replay or _may_be_paid_apart(run) else _listed_last(run, selection)
    expected = _expected_parts(groups)
    wanted = sorted({*expected, *(groups[order_id] for order_id in doubtful)})
    known: dict[str, set[str]] = defaultdict(set)
    for order_id, group in groups.items():
        known[group].add(order_id)
    incomplete: list[str] = []

    def parts() -> Iterator[Order]:
        before = {groups.get(order_id) for one in unanswered_before(run) for order_id in one.order_ids}
        watch = OutageWatch(run.vtex.check, known=before.__contains__)
        for group, checkout in watch.in_parallel(
            lambda group: read_checkout(
                run.vtex, group, known=known[group], expected=expected.get(group, ())
            ),
            wanted,
            workers=_WORKERS,
        ):
            if isinstance(checkout, Unanswered):
                log.warning("order group %s is held: %s", group, checkout)
                incomplete.append(group)
            else:
                incomplete.extend([group] if checkout.missing else [])
                yield from checkout.orders

    missing = _as_table(parts())
    target.write_json(INCOMPLETE_GROUPS, incomplete)
    target.write_table(MISSING, missing)


def _expected_parts(groups: dict[str, str]) -> dict[str, list[str]]:
    """Parts that were not read and must exist, by the group that their lower or higher numbers name."""
    by_form = {group_of(order_id): group for order_id, group in groups.items()}
    found: dict[str, list[str]] = defaultdict(list)
    for order_id in missing_parts(groups):
        found[by_form[group_of(order_id)]].append(order_id)
    return found


def _may_be_paid_apart(run: SyncRun) -> bool:
    """Whether a checkout may have parts that the list shows on another day: it lists each when it is paid."""
    settings = run.settings.purchases
    return settings.purchase_when == "paid" and settings.purchase_id_source == "order_group"


def _listed_last(run: SyncRun, selection: OrderSelection) -> list[str]:
    near_the_end = window_of(run).end - timedelta(minutes=1)
    return [order_id for order_id, date in selection.listed.items() if date >= near_the_end]


def real_addresses(vtex: VtexClient, user_ids: Iterable[str]) -> dict[str, str]:
    """Customers' own e-mails by `userId`: orders show an alias only. Who has no document is absent."""
    found: dict[str, str] = {}
    for batch in in_batches(sorted(set(user_ids)), limits.ALTERNATIVES_PER_FILTER):
        documents = vtex.search_clients(where=any_of("userId", batch), fields=("userId", "email"))
        found |= {str(d["userId"]): str(d["email"]) for d in documents if d.get("userId") and d.get("email")}
    return found


def added_items(vtex: VtexClient, skus: Iterable[str]) -> dict[str, Order]:
    """What the catalogue says of SKUs, as members of an order's item; one that search hides is absent."""
    found: dict[str, Order] = {}
    for batch in in_batches(sorted(set(filter(_plain_id, skus))), limits.PRODUCT_SEARCH_PAGE):
        for product in vtex.search_products(batch, by="skuId"):
            items = {str(item.get("itemId")) for item in records(product.get("items"))}
            found |= {sku: catalogue_item(product, sku) for sku in items.intersection(batch)}
    return found


def _plain_id(text: str) -> bool:
    """Whether it looks like an id: what does not has no place in a filter."""
    return re.fullmatch(r"[\w-]+", text) is not None


def _customers(target: Staging) -> Iterator[str]:
    """Ids of the customers."""
    return filter(_plain_id, map(profile_id, _all_orders(target)))


def _all_orders(target: Staging) -> Iterator[Order]:
    return (order for name in target.names(PART) for order in _orders_of(target, name))


def whole_groups_in(source: Staging) -> Iterator[list[Order]]:
    """The staged orders, some hundred at a time, never a checkout in two pieces.

    Orders of one group follow each other by their ids, over the border of two parts as well; the few groups
    whose orders have ids of different forms come last. Those of which not all parts are known are marked.
    """
    incomplete = set(source.read_json(INCOMPLETE_GROUPS))
    for orders in _groups_in(source):
        yield [_marked(order, incomplete) for order in orders] if incomplete else orders


def _marked(order: Order, incomplete: set[str]) -> Order:
    return {UNANSWERED: GROUP, **order} if group_named_by(order) in incomplete else order


def _groups_in(source: Staging) -> Iterator[list[Order]]:
    scattered = _scattered(_staged_groups(source))
    missing: dict[str, list[Order]] = defaultdict(list)
    last: list[Order] = []
    for order in _orders_of(source, MISSING):
        missing[group_named_by(order)].append(order)
    held_back: list[Order] = []
    for name in source.names(PART):
        if name == MISSING:
            continue
        read = list(_orders_of(source, name))
        last += [order for order in read if group_named_by(order) in scattered]
        orders = held_back + [order for order in read if group_named_by(order) not in scattered]
        end = group_named_by(orders[-1]) if orders else ""
        held_back = [order for order in orders if group_named_by(order) == end]
        yield _completed(orders[: len(orders) - len(held_back)], missing)
    yield _completed(held_back, missing)
    yield _completed(last, missing)


def _scattered(groups: dict[str, str]) -> set[str]:
    """Groups whose orders do not follow each other, because their ids are of different forms."""
    forms: dict[str, set[str]] = defaultdict(set)
    for order_id, group in groups.items():
        forms[group].add(group_of(order_id))
    return {group for group, found in forms.items() if len(found) > 1}


def _completed(orders: list[Order], missing: dict[str, list[Order]]) -> list[Order]:
    groups = {group_named_by(order) for order in orders}
    return orders + [part for group in sorted(groups) for part in missing.get(group, [])]


def _staged_groups(source: Staging) -> dict[str, str]:
    """Order id → group of all orders that are staged."""
    tables = (source.read_table(name, ["orderId", "group"]) for name in source.names(PART))
    return {
        order_id: group
        for table in tables
        for order_id, group in zip(table["orderId"].to_pylist(), table["group"].to_pylist(), strict=True)
    }


def _orders_of(source: Staging, name: str) -> Iterator[Order]:
    for encoded in source.read_table(name, ["json"])["json"].to_pylist():
        yield orjson.loads(encoded)


def _counting(progress: Progress, orders: Iterable[Order]) -> Iterator[Order]:
    for order in orders:
        progress.add()
        yield order


def _as_table(orders: Iterable[Order]) -> pa.Table:
    rows = [(str(order["orderId"]), group_named_by(order), orjson.dumps(order)) for order in orders]
    ids, groups, encoded = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.table(
        {
            "orderId": pa.array(ids, pa.string()),
            "group": pa.array(groups, pa.string()),
            "json": pa.array(encoded, pa.large_binary()),
        }
    )
