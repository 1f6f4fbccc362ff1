"""Read the whole catalogue: the list of ids, all products by search, and missing prices."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from typing import Any

from include.batching import in_batches
from include.http.calls import in_parallel
from include.pipeline.guards import stop_empty_load
from include.pipeline.replay import keys_to_replay
from include.pipeline.run import SyncRun
from include.products.listing import complete_list
from include.products.mapping import search_of, select_records
from include.products.prices import stage_base_prices
from include.products.search import PART, CatalogueSearch, to_staged, write_part
from include.products.sent_catalogue import count_sent_last, last_file, rules_of
from include.report import StageCounts
from include.staging import Staging
from include.vtex import limits
from include.vtex.client import VtexClient

log = logging.getLogger(__name__)

IDS = "ids.json"
_KEYS_A_PART = 1_000
_WORKERS = 12


def extract(run: SyncRun, target: Staging) -> StageCounts:
    """Stage `ids.json` (all product ids), `part-<number>.parquet` (see `search`) and
    `base-prices-<number>.json`.

    A retry does not repeat what is staged.
    """
    rules = rules_of(run)
    last_file(run)  # if the last catalogue is lost, the run stops before it reads anything
    if run.plan.only:
        notes = _extract_one(run, target, run.plan.only)
    elif run.plan.replay:
        notes = _extract_replay(run, target)
    else:
        if not target.has(IDS):
            target.write_json(IDS, sorted(complete_list(run.vtex)))
        ids = target.read_json(IDS)
        search = CatalogueSearch(run.vtex, target, ids, rules)
        search.read()
        _require_products(run, len(ids), len(search.shown))
        notes = [_note_on_hidden(run, len(ids), len(search.shown))]
    return StageCounts(notes=notes + stage_base_prices(run, target))


def _require_products(run: SyncRun, listed: int, shown: int) -> None:
    """Stop an empty load. If a catalogue was sent before and VTEX lists products, the mass-change guard
    decides instead."""
    on_sale = None if shown else count_sent_last(run)
    if shown or on_sale == 0 or (listed and on_sale is not None):
        return
    found = f"VTEX's search shows none of {listed:,} products" if listed else "VTEX lists no product"
    account = run.vtex.account
    stop_empty_load(
        run,
        found,
        f"the account and the sales channel ({account.sales_channel}) of {account.connection}, and that its "
        "key has the right Catalog, Product management",
    )


def _note_on_hidden(run: SyncRun, listed: int, shown: int) -> str:
    channel = run.vtex.account.sales_channel
    return (
        f"{listed - shown:,} of {listed:,} listed products are hidden from search (sales channel {channel})"
    )


def _extract_one(run: SyncRun, target: Staging, record: str) -> list[str]:
    rules = rules_of(run)
    by, value = search_of(record, rules)
    products = [*select_records(run.vtex.search_products([value], by=by), {record}, rules)]
    log.info("%s %s: %s", by, value, "read" if products else "search does not show this record")
    write_part(target, f"{PART}only.parquet", to_staged(products, rules))
    return []


def _extract_replay(run: SyncRun, target: Staging) -> list[str]:
    """Stage the products of a replay. A product with several chosen SKUs is read once per part."""
    keys, rules = keys_to_replay(run, target), rules_of(run)
    for number, batch in enumerate(in_batches(keys, _KEYS_A_PART), start=1):
        name = f"{PART}again-{number:05}.parquet"
        if not target.has(name):
            ids_by_filter = defaultdict[str, list[str]](list)
            for by, value in (search_of(key, rules) for key in batch):
                ids_by_filter[by].append(value)
            answers = (_search(run.vtex, ids, by) for by, ids in ids_by_filter.items())
            products = {product["productId"]: product for answer in answers for product in answer}
            records = select_records(products.values(), set(batch), rules)
            write_part(target, name, to_staged(records, rules))
    return []


def _search(vtex: VtexClient, ids: list[str], by: str) -> Iterator[dict[str, Any]]:
    pages = in_batches(ids, limits.PRODUCT_SEARCH_PAGE)
    for _, products in in_parallel(partial(vtex.search_products, by=by), pages, workers=_WORKERS):
        yield from products
