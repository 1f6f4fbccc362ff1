"""Read the whole catalogue: the complete list of ids, then every product by search, 50 a call."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from itertools import count
from typing import Any

import orjson
import pyarrow as pa

from include.batching import in_batches
from include.errors import TemporaryError
from include.mapping.products import products_wanting_a_base_price
from include.report import StageCounts
from include.rest.parallel import in_parallel
from include.staging import Staging
from include.sync.products.catalogue import last_catalogue, rules_of
from include.sync.progress import Progress
from include.sync.replay import keys_to_replay
from include.sync.run import SyncRun
from include.vtex import limits
from include.vtex.client import VtexClient

log = logging.getLogger(__name__)

IDS = "ids.json"
BASE_PRICES = "base_prices.json"
PART = "part-"
_CALLS_A_PART = 20
_WORKERS = 8
_READINGS_OF_THE_LIST = 3


def extract(run: SyncRun, target: Staging) -> StageCounts:
    """Stage `ids.json` (all product ids) and `part-<number>.parquet` (`productId`, `json` of each product).

    Parts that are there are not read again by a retry. What search does not show at once is asked for a
    second time, because its index has gaps; only then is it taken for hidden.
    """
    if run.plan.only:
        return _extract_one(run, target, run.plan.only)
    if run.plan.replay:
        return _extract_again(run, target)
    if not target.has(IDS):
        target.write_json(IDS, complete_ids(run.vtex))
    ids: list[str] = target.read_json(IDS)
    progress = Progress(log, "products", len(ids))
    shown = _read_all(run.vtex, target, ids, progress)
    hidden = [product_id for product_id in ids if product_id not in shown]
    if hidden:
        log.info("%s products are not shown by search: asked for once more", f"{len(hidden):,}")
        shown |= _read_all(run.vtex, target, hidden, progress, again=True)
    log.info("%s", progress.line())
    if not target.has(BASE_PRICES):
        target.write_json(BASE_PRICES, _base_prices(run, target))
    note = f"{len(ids) - len(shown)} of {len(ids)} listed products are hidden from search"
    return StageCounts(notes=[note])


def _extract_one(run: SyncRun, target: Staging, record: str) -> StageCounts:
    by = "skuId" if run.settings.products.product_id_source == "sku" else "productId"
    found = run.vtex.search_products([record], by=by)
    log.info("%s %s: %s", by, record, "read" if found else "search does not show it")
    target.write_table(f"{PART}only.parquet", _as_table(iter(found)))
    target.write_json(BASE_PRICES, _base_prices(run, target))
    return StageCounts()


def _extract_again(run: SyncRun, target: Staging) -> StageCounts:
    """The products that a replay takes up, by product id or SKU id (one without SKUs has its product's)."""
    keys = keys_to_replay(run, target)
    by_sku = run.settings.products.product_id_source == "sku"
    for number, batch in enumerate(in_batches(keys, _CALLS_A_PART * limits.PRODUCT_SEARCH_PAGE), start=1):
        name = f"{PART}again-{number:05}.parquet"
        if not target.has(name):
            found = {str(product["productId"]): product for product in _search(run.vtex, batch)}
            if by_sku:
                found |= {str(p["productId"]): p for p in _search(run.vtex, batch, by="skuId")}
            target.write_table(name, _as_table(iter(found.values())))
    if not target.has(BASE_PRICES):
        target.write_json(BASE_PRICES, _base_prices(run, target))
    return StageCounts()


def _base_prices(run: SyncRun, target: Staging) -> dict[str, str]:
    """Prices from the Pricing API, only for products that have none anywhere else."""
    rules, last_sent = rules_of(run), last_catalogue(run)
    wanting = [
        product
        for name in target.names(PART)
        for product in products_wanting_a_base_price(products_in(target, name), rules, last_sent)
    ]
    log.info("%s products have no price but perhaps a base price", f"{len(wanting):,}")
    found = in_parallel(partial(_lowest_base_price, run.vtex), wanting, workers=_WORKERS)
    return {key: str(price) for (key, _), price in found if price is not None}


def _lowest_base_price(vtex: VtexClient, wanting: tuple[str, list[str]]) -> Decimal | None:
    """The base price of the lowest SKU id that has one above 0."""
    prices = (vtex.base_price(sku) for sku in wanting[1])
    return next((price for price in prices if price), None)


def complete_ids(vtex: VtexClient) -> list[str]:
    """All product ids. Positions move while products are added: a list shorter than announced is read anew.

    Raises TemporaryError when it stays short: a short list would look like withdrawn products.
    """
    for _ in range(_READINGS_OF_THE_LIST):
        ids, total = _id_list(vtex)
        if len(ids) >= total:
            return sorted(ids)
        log.warning("the list of ids holds %s of %s products: read again", len(ids), total)
    raise TemporaryError(
        f"VTEX, product id list: {len(ids)} of {total} products came, {_READINGS_OF_THE_LIST} times. "
        "Nothing was sent: a short list must not look like a withdrawal"
    )


def _id_list(vtex: VtexClient) -> tuple[set[str], int]:
    ids: set[str] = set()
    for first in count(1, limits.PRODUCT_IDS_PAGE):
        page, total = vtex.product_ids(first, first + limits.PRODUCT_IDS_PAGE - 1)
        ids |= page.keys()
        if first + limits.PRODUCT_IDS_PAGE > total:
            return ids, total
    raise AssertionError("count() never ends")


def _read_all(
    vtex: VtexClient, target: Staging, ids: list[str], progress: Progress, *, again: bool = False
) -> set[str]:
    """Stage the products that search shows of `ids`; returns their ids."""
    shown: set[str] = set()
    for number, part_ids in enumerate(in_batches(ids, _CALLS_A_PART * limits.PRODUCT_SEARCH_PAGE), start=1):
        name = f"{PART}{'again-' if again else ''}{number:05}.parquet"
        if not target.has(name):
            target.write_table(name, _as_table(_search(vtex, part_ids)))
        shown.update(target.read_table(name, ["productId"])["productId"].to_pylist())
        progress.add(0 if again else len(part_ids))
    return shown


def _search(vtex: VtexClient, ids: list[str], *, by: str = "productId") -> Iterator[dict[str, Any]]:
    pages = in_batches(ids, limits.PRODUCT_SEARCH_PAGE)
    for _, products in in_parallel(partial(vtex.search_products, by=by), pages, workers=_WORKERS):
        yield from products


def _as_table(products: Iterator[dict[str, Any]]) -> pa.Table:
    rows = [(str(product["productId"]), orjson.dumps(product)) for product in products]
    return pa.table(
        {
            "productId": pa.array([product_id for product_id, _ in rows], pa.string()),
            "json": pa.array([encoded for _, encoded in rows], pa.large_binary()),
        }
    )


def products_in(source: Staging, name: str) -> list[dict[str, Any]]:
    """The products of one part as search answered them."""
    return [orjson.loads(encoded) for encoded in source.read_table(name, ["json"])["json"].to_pylist()]
