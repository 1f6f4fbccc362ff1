"""Compare the catalogue: VTEX's list of ids with the catalogue sent last, and a sample read from Connectif.

Connectif has no list of products (API reference, products; read 2026-11-23). It reads single products, and
each costs one of the account's hundred calls per minute. Products that only Connectif has cannot be found.
"""

from __future__ import annotations

import hashlib
import logging
from functools import partial

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from include.batching import in_batches
from include.http.calls import in_parallel
from include.outcomes import Cause, Outcome
from include.pipeline.differences import ComparedRecords, keep_differences
from include.pipeline.progress import Progress
from include.pipeline.run import SyncRun
from include.products.listing import complete_list
from include.products.reconcile_match import fields_that_differ, sample
from include.products.sent_catalogue import last_file, last_prices
from include.report import Compared, StageCounts
from include.staging import Staging
from include.vtex import limits

log = logging.getLogger(__name__)

LISTED = "listed.json"
SHOWN = "shown.json"
READ_BACK = "read-back.json"
_GONE = "gone"
_WORKERS = 8


def compare(run: SyncRun, target: Staging) -> StageCounts:
    """Compare the catalogue and stage the differences. It writes nothing else."""
    sent, others = _sent_last(run)
    listed = _listed(run, target)
    active = sent.loc[~sent["withdrawn"], "productId"]
    both = listed[listed.isin(active)]
    read_back = _read_back(run, target, both)

    compared_records = ComparedRecords()
    compared_records.add_same(len(both) - len(read_back))
    for key, fields in read_back.items():
        if fields == _GONE:
            compared_records.add(key, Cause.GONE)
        else:
            compared_records.add(key, Cause.DIFFERS if fields else None, fields, there=True)
    for key in active[~active.isin(listed)]:
        compared_records.add(key, Cause.NO_LONGER_LISTED, there=True)
    _classify_not_sent(run, target, compared_records, listed[~listed.isin(active)], set(sent["productId"]))
    compared = Compared(
        at_vtex=len(listed),
        at_connectif=compared_records.there,
        compared=len(listed) + int((~active.isin(listed)).sum()),
        same=compared_records.number_same,
        notes=[_scope(run, len(active), len(read_back)), *_on_others(run, others)],
    )
    keep_differences(run, target, compared, compared_records.differences())
    return StageCounts()


def _listed(run: SyncRun, target: Staging) -> pd.Series:
    """The ids of all products that VTEX lists, or of all SKUs if the shop sends SKUs."""
    if not target.has(LISTED):
        products = complete_list(run.vtex)
        by_sku = run.settings.products.product_id_source == "sku"
        keys = {str(sku) for skus in products.values() for sku in skus} if by_sku else products
        target.write_json(LISTED, sorted(keys))
    return pd.Series(target.read_json(LISTED), dtype="str")


def _sent_last(run: SyncRun) -> tuple[pd.DataFrame, int]:
    """The rows of the catalogue sent last with today's kind of id, and the number of products on sale with
    the other kind. Before the first catalogue there are no rows."""
    last = last_prices(run)
    if last is None:
        return pd.DataFrame({"productId": pd.Series(dtype="str"), "withdrawn": pd.Series(dtype="bool")}), 0
    same_source = last["idSource"] == run.settings.products.product_id_source
    return last[same_source], int((~same_source & ~last["withdrawn"]).sum())


def _read_back(run: SyncRun, target: Staging, keys: pd.Series) -> dict[str, str]:
    """A sample of the keys, read from Connectif: "" (as sent), "gone", or the names of fields that differ."""
    if not target.has(READ_BACK):
        seed = hashlib.sha256(run.run_key.encode()).hexdigest()[:16]
        chosen = sample(keys, run.settings.reconcile.product_sample, seed)
        rows = _rows(run, chosen)
        progress = Progress(log, "products read back", len(chosen))
        found: dict[str, str] = {}
        for key, there in in_parallel(run.connectif.read_product, chosen, workers=_WORKERS):
            found[key] = _GONE if there is None else ", ".join(fields_that_differ(rows[key], there))
            progress.add()
        target.write_json(READ_BACK, found)
    return dict(target.read_json(READ_BACK))


def _rows(run: SyncRun, keys: list[str]) -> dict[str, dict[str, object]]:
    """The rows of these products in the catalogue sent last."""
    name = last_file(run)
    if name is None or not keys:
        return {}
    table = run.kept.read_table(name)
    rows = table.filter(pc.is_in(table["productId"], pa.array(keys, table["productId"].type))).to_pandas()
    return {str(row["productId"]): {str(k): v for k, v in row.items()} for row in rows.to_dict("records")}


def _classify_not_sent(
    run: SyncRun, target: Staging, compared_records: ComparedRecords, keys: pd.Series, sent_before: set[str]
) -> None:
    """Listed products that were not sent, or were withdrawn: search shows whether they are on sale."""
    shown = set(_shown(run, target, list(keys)))
    recorded = run.state.records.outcomes_of(run.pipeline, keys)
    for key in keys:
        last = recorded.get(key)
        if key not in shown:
            compared_records.add(key, Cause.HIDDEN)
        elif last and last.outcome is Outcome.REJECTED:
            compared_records.add(
                key, Cause.REJECTED, ": ".join(filter(None, (str(last.reason or ""), last.detail)))
            )
        else:
            compared_records.add(key, Cause.SHOWN_AGAIN if key in sent_before else Cause.NEVER_SENT)


def _shown(run: SyncRun, target: Staging, keys: list[str]) -> list[str]:
    """The keys that the shop's search shows. A retry does not ask again."""
    if not target.has(SHOWN):
        by_sku = run.settings.products.product_id_source == "sku"
        pages = in_batches(keys, limits.PRODUCT_SEARCH_PAGE)
        found: set[str] = set()
        ask = partial(run.vtex.search_products, by="skuId" if by_sku else "productId")
        for _, products in in_parallel(ask, pages, workers=_WORKERS):
            for product in products:
                items = [str(item.get("itemId")) for item in product.get("items") or []]
                found.update(items if by_sku else [str(product["productId"])])
        target.write_json(SHOWN, sorted(found))
    return list(target.read_json(SHOWN))


def _on_others(run: SyncRun, number: int) -> list[str]:
    id_source = run.settings.products.product_id_source
    return (
        [f"{number:,} were sent when product_id_source was not {id_source}: not compared"] if number else []
    )


def _scope(run: SyncRun, sent: int, read_back: int) -> str:
    if run.state.catalogue.last_path() is None:
        return "no catalogue has been sent yet: only VTEX's list was read"
    return (
        f"Connectif has no list of products: compared with the {sent:,} sent last, {read_back:,} of them "
        "read back"
    )
