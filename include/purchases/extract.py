"""Read the orders of the window, the missing parts of split orders, and the customers' real addresses."""

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
from include.purchases.checkout import Order, order_group_of, read_checkout, read_order
from include.purchases.mapping import profile_id
from include.purchases.order_items import added_skus, catalogue_item
from include.purchases.order_selection import (
    DATE_FIELD,
    OrderSelection,
    purchases_without_answer,
    select_orders,
)
from include.purchases.orders import GROUP, ORDER, UNANSWERED, group_of, missing_parts
from include.purchases.rules import CURRENCY, currency_of_shop
from include.report import StageCounts
from include.staging import Staging
from include.values.instants import instant
from include.values.shapes import records
from include.values.wording import plural
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
    """Stage the orders and what belongs to them; a retry does not read staged files again.

    The files are `selection.json`, `part-<number>.parquet` (`orderId`, `group`, `json`), `addresses.json`,
    `added-items.json` (catalogue data of SKUs that a change added to an order) and `currency.json`.
    """
    if run.plan.only:
        return _extract_one(run, target, run.plan.only)
    if not target.has(SELECTION):
        target.write_json(SELECTION, _selection(run, target).to_json())
    selection = OrderSelection.from_json(target.read_json(SELECTION))
    _read_orders(run, target, selection)
    _read_missing_parts(run, target, selection)
    return _read_related_data(run, target)


def _read_related_data(run: SyncRun, target: Staging) -> StageCounts:
    """Stage the data that the orders do not have themselves."""
    if not target.has(ADDRESSES):
        target.write_json(ADDRESSES, read_addresses(run.vtex, _customers(target)))
    if not target.has(ADDED_ITEMS):
        added = {sku for order in _all_orders(target) for sku in added_skus(order)}
        target.write_json(ADDED_ITEMS, read_added_items(run.vtex, added))
    if not target.has(CURRENCY):
        target.write_json(CURRENCY, currency_of_shop(run, _all_orders(target)))
    return StageCounts()


def _selection(run: SyncRun, target: Staging) -> OrderSelection:
    if run.plan.replay:
        return OrderSelection({}, (), {}, replay=tuple(keys_to_replay(run, target)))
    wait_for_the_index(run)
    return select_orders(run, window_of(run))


def _extract_one(run: SyncRun, target: Staging, order_id: str) -> StageCounts:
    """Stage the order with all parts of its checkout."""
    try:
        group = order_group_of(run.vtex.order(order_id))
    except RequestRefused as refused:
        raise ParameterError(f"{run.pipeline}: {not_found_message(order_id)} ({refused})") from None
    checkout = read_checkout(run.vtex, group, expected=[order_id])
    log.info("order %s: read, its group %s has %s", order_id, group, plural(len(checkout.orders), "order"))
    target.write_table(f"{PART}only.parquet", _as_table(checkout.orders))
    target.write_table(MISSING, _as_table([]))
    target.write_json(INCOMPLETE_GROUPS, [group] if checkout.missing else [])
    return _read_related_data(run, target)


def window_of(run: SyncRun) -> Window:
    """The run's window; a run of purchases always has one."""
    if run.plan.window is None:
        raise ValueError("purchases are read by window")
    return run.plan.window


def wait_for_the_index(run: SyncRun) -> None:
    """Wait some minutes after the end of the window, because VTEX lists orders late.

    A window that ends in the future is read up to now, and the run covers it only up to now.
    """
    now = run.now()
    ready = min(window_of(run).end, now) + timedelta(minutes=run.settings.purchases.index_lag_minutes)
    pause = (ready - now).total_seconds()
    if pause > 0:
        log.info(
            "waiting %.0f s: the window has just ended, and VTEX may not list all of its orders yet", pause
        )
        run.sleep(pause)


def _read_orders(run: SyncRun, target: Staging, selection: OrderSelection) -> None:
    order_ids = selection.order_ids
    known = {order_id for purchase in purchases_without_answer(run) for order_id in purchase.order_ids}
    watch = OutageWatch(run.vtex.check, known=known.__contains__)
    minutes = len(order_ids) / run.settings.vtex.order_detail_per_second / 60
    log.info("reading %s, in about %s", plural(len(order_ids), "order"), plural(round(minutes), "minute"))
    progress = Progress(log, "orders", len(order_ids))
    for number, batch in enumerate(in_batches(order_ids, _ORDERS_A_PART), start=1):
        name = f"{PART}{number:05}.parquet"
        if not target.has(name):
            answers = watch.in_parallel(
                lambda order_id: read_order(run.vtex, order_id), batch, workers=_WORKERS
            )
            orders = (_order_or_id(run, selection, order_id, answer) for order_id, answer in answers)
            target.write_table(name, _as_table(_count(progress, orders)))
    log.info("%s", progress.line())


def _order_or_id(
    run: SyncRun, selection: OrderSelection, order_id: str, answer: Order | Unanswered | None
) -> Order:
    """The order. If it cannot be read now, only its id and the list's date, so that its purchase is held."""
    field, listed = DATE_FIELD[run.settings.purchases.purchase_when], selection.listed.get(order_id)
    date = {field: listed.isoformat()} if listed else {}
    if isinstance(answer, dict):
        return answer if instant(answer.get(field)) or field != "creationDate" else {**answer, **date}
    log.warning(
        "order %s: held (target_busy), the next runs retry it: %s",
        order_id,
        answer or "VTEX lists it, but does not have it",
    )
    return {"orderId": order_id, "orderGroup": group_of(order_id), UNANSWERED: ORDER, **date}


def _read_missing_parts(run: SyncRun, target: Staging, selection: OrderSelection) -> None:
    """Read the groups that may have parts which the list did not show, because a checkout was split.

    A group is noted as incomplete if VTEX does not answer for all of its parts; its purchase is held.
    """
    if target.has(MISSING):
        return
    groups = _staged_groups(target)
    doubtful = groups if run.plan.replay or _may_be_paid_separately(run) else _listed_last(run, selection)
    expected = _expected_parts(groups)
    wanted = sorted({*expected, *(groups[order_id] for order_id in doubtful)})
    known: dict[str, set[str]] = defaultdict(set)
    for order_id, group in groups.items():
        known[group].add(order_id)
    incomplete: list[str] = []

    def parts() -> Iterator[Order]:
        known_groups = {
            groups.get(order_id) for one in purchases_without_answer(run) for order_id in one.order_ids
        }
        watch = OutageWatch(run.vtex.check, known=known_groups.__contains__)
        for group, checkout in watch.in_parallel(
            lambda group: read_checkout(
                run.vtex, group, known=known[group], expected=expected.get(group, ())
            ),
            wanted,
            workers=_WORKERS,
        ):
            if isinstance(checkout, Unanswered):
                log.warning("order group %s: held (target_busy), the next runs retry it: %s", group, checkout)
                incomplete.append(group)
            else:
                incomplete.extend([group] if checkout.missing else [])
                yield from checkout.orders

    missing = _as_table(parts())
    target.write_json(INCOMPLETE_GROUPS, incomplete)
    target.write_table(MISSING, missing)


def _expected_parts(groups: dict[str, str]) -> dict[str, list[str]]:
    """Parts that must exist and were not read, by their group."""
    by_form = {group_of(order_id): group for order_id, group in groups.items()}
    found: dict[str, list[str]] = defaultdict(list)
    for order_id in missing_parts(groups):
        found[by_form[group_of(order_id)]].append(order_id)
    return found


def _may_be_paid_separately(run: SyncRun) -> bool:
    """Whether the list may show the parts of a checkout on different days: it lists each part when paid."""
    settings = run.settings.purchases
    return settings.purchase_when == "paid" and settings.purchase_id_source == "order_group"


def _listed_last(run: SyncRun, selection: OrderSelection) -> list[str]:
    near_the_end = window_of(run).end - timedelta(minutes=1)
    return [order_id for order_id, date in selection.listed.items() if date >= near_the_end]


def read_addresses(vtex: VtexClient, user_ids: Iterable[str]) -> dict[str, str]:
    """Customers' real e-mails by `userId`, because orders only have an alias.

    Customers without a document are absent.
    """
    found: dict[str, str] = {}
    for batch in in_batches(sorted(set(user_ids)), limits.ALTERNATIVES_PER_FILTER):
        documents = vtex.search_clients(where=any_of("userId", batch), fields=("userId", "email"))
        found |= {str(d["userId"]): str(d["email"]) for d in documents if d.get("userId") and d.get("email")}
    return found


def read_added_items(vtex: VtexClient, skus: Iterable[str]) -> dict[str, Order]:
    """The `catalogue_item` of each SKU; a SKU that search hides is absent."""
    found: dict[str, Order] = {}
    for batch in in_batches(sorted(set(filter(_is_plain_id, skus))), limits.PRODUCT_SEARCH_PAGE):
        for product in vtex.search_products(batch, by="skuId"):
            items = {str(item.get("itemId")) for item in records(product.get("items"))}
            found |= {sku: catalogue_item(product, sku) for sku in items.intersection(batch)}
    return found


def _is_plain_id(text: str) -> bool:
    """Whether the text looks like an id. Other texts must not get into a filter."""
    return re.fullmatch(r"[\w-]+", text) is not None


def _customers(target: Staging) -> Iterator[str]:
    """The ids of the orders' customers."""
    return filter(_is_plain_id, map(profile_id, _all_orders(target)))


def _all_orders(target: Staging) -> Iterator[Order]:
    return (order for name in target.names(PART) for order in _orders_of(target, name))


def whole_groups_in(source: Staging) -> Iterator[list[Order]]:
    """The staged orders, some hundred at a time; all orders of a checkout are in the same piece.

    Orders of one group are adjacent, because they are sorted by id; this holds across files too. The few
    groups with ids of different forms come last. Orders of incomplete groups are marked.
    """
    incomplete = set(source.read_json(INCOMPLETE_GROUPS))
    for orders in _groups_in(source):
        yield [_mark_incomplete(order, incomplete) for order in orders] if incomplete else orders


def _mark_incomplete(order: Order, incomplete: set[str]) -> Order:
    return {UNANSWERED: GROUP, **order} if order_group_of(order) in incomplete else order


def _groups_in(source: Staging) -> Iterator[list[Order]]:
    scattered = _scattered(_staged_groups(source))
    missing: dict[str, list[Order]] = defaultdict(list)
    last: list[Order] = []
    for order in _orders_of(source, MISSING):
        missing[order_group_of(order)].append(order)
    rest: list[Order] = []
    for name in source.names(PART):
        if name == MISSING:
            continue
        read = list(_orders_of(source, name))
        last += [order for order in read if order_group_of(order) in scattered]
        orders = rest + [order for order in read if order_group_of(order) not in scattered]
        end = order_group_of(orders[-1]) if orders else ""
        rest = [order for order in orders if order_group_of(order) == end]
        yield _with_missing_parts(orders[: len(orders) - len(rest)], missing)
    yield _with_missing_parts(rest, missing)
    yield _with_missing_parts(last, missing)


def _scattered(groups: dict[str, str]) -> set[str]:
    """Groups whose orders are not adjacent, because their ids have different forms."""
    forms: dict[str, set[str]] = defaultdict(set)
    for order_id, group in groups.items():
        forms[group].add(group_of(order_id))
    return {group for group, found in forms.items() if len(found) > 1}


def _with_missing_parts(orders: list[Order], missing: dict[str, list[Order]]) -> list[Order]:
    groups = {order_group_of(order) for order in orders}
    return orders + [part for group in sorted(groups) for part in missing.get(group, [])]


def _staged_groups(source: Staging) -> dict[str, str]:
    """Order id → group, for all staged orders."""
    tables = (source.read_table(name, ["orderId", "group"]) for name in source.names(PART))
    return {
        order_id: group
        for table in tables
        for order_id, group in zip(table["orderId"].to_pylist(), table["group"].to_pylist(), strict=True)
    }


def _orders_of(source: Staging, name: str) -> Iterator[Order]:
    for encoded in source.read_table(name, ["json"])["json"].to_pylist():
        yield orjson.loads(encoded)


def _count(progress: Progress, orders: Iterable[Order]) -> Iterator[Order]:
    for order in orders:
        progress.add()
        yield order


def _as_table(orders: Iterable[Order]) -> pa.Table:
    rows = [(str(order["orderId"]), order_group_of(order), orjson.dumps(order)) for order in orders]
    ids, groups, encoded = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.table(
        {
            "orderId": pa.array(ids, pa.string()),
            "group": pa.array(groups, pa.string()),
            "json": pa.array(encoded, pa.large_binary()),
        }
    )
