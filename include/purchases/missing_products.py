"""The products of missing purchases, made sure of by one import instead of a search and two calls each."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import pandas as pd

from include.batching import in_batches
from include.errors import SyncError
from include.http.transport import AccessRefused, RequestRefused
from include.pipeline.csv_files import CsvFiles
from include.pipeline.import_file import ImportFile
from include.pipeline.outage import OutageWatch
from include.pipeline.run import SyncRun
from include.products.mapping import (
    map_products,
    product_row,
    select_records,
    select_unpriced,
    split_by_columns,
    without_offer,
)
from include.products.prices import RecordSkus, base_prices_of
from include.products.sent_catalogue import rules_of, sent_rows_of
from include.purchases.import_ahead import WORTH_AN_IMPORT, import_ahead
from include.purchases.missing_references import products_from_lines
from include.staging import Staging
from include.vtex import limits

log = logging.getLogger(__name__)

_NAME = "missing-products"
_HIDDEN = f"{_NAME}-hidden.json"
_WORKERS = 4  # each asks for base prices by itself

Purchases = Callable[[], Iterator[dict[str, Any]]]
Shown = Iterator[tuple[list[str], pd.DataFrame]]


class ProductSearch:
    """Products by their ids, as `sync_products` would send them; safe to use from several threads."""

    def __init__(self, run: SyncRun) -> None:
        self._run, self._rules = run, rules_of(run)
        self._may_read_prices = True

    def rows(self, product_ids: Sequence[str], *, were_sent: bool) -> pd.DataFrame:
        """Rows of PRODUCT_COLUMNS: of these products (at most 50) those that search shows and that can be
        sent. Where they `were_sent`, perhaps, those without an offer have the price sent last.

        Base prices are asked for only as far as they can be had. RequestRefused for ids that search refuses.
        """
        products = self._run.vtex.search_products(product_ids, by=self._rules.search_filter)
        found = list(select_records(products, set(product_ids), self._rules))
        wanting = without_offer(found, self._rules)
        last = self._sent_last([key for key, _ in wanting]) if wanting and were_sent else None
        prices = self._base_prices(select_unpriced(wanting, last, self._rules))
        return map_products(found, self._rules, last_sent=last, base_prices=prices).rows

    def _sent_last(self, product_ids: list[str]) -> pd.DataFrame | None:
        pieces = list(sent_rows_of(self._run, product_ids))
        return pd.concat(pieces) if pieces else None

    def _base_prices(self, wanting: list[RecordSkus]) -> dict[str, Decimal]:
        if not wanting or not self._may_read_prices:
            return {}
        try:
            return base_prices_of(self._run.vtex, wanting)
        except AccessRefused as refused:
            self._may_read_prices = False
            log.warning("no base prices for products of purchases: %s", refused)
            return {}


def ensure_products(run: SyncRun, journal: Staging, purchases: Purchases) -> set[str]:
    """Create those products that Connectif lacks, ahead of ten purchases or more: as catalogue search shows
    them, else as a line does.

    Missing are, as far as is known, those that no run of `sync_products` has sent. One that Connectif has by
    other means (the web tag) is left alone (`overrideExisting=false`). What was not read at VTEX, or is
    refused by the import, is created for each purchase that Connectif refuses (E0102). `purchases` is asked
    twice, so that no more than ids has to be in memory. As with E0102 the catalogue sent last is not told.

    Returns the products that search does not show: they need not be asked for again.
    """
    import_ahead(run, journal, _NAME, "productId", lambda: _files(run, journal, purchases))
    return set(journal.read_json(_HIDDEN)) if journal.has(_HIDDEN) else set()


def _files(run: SyncRun, folder: Staging, purchases: Purchases) -> list[ImportFile]:
    unknown = _never_sent(run, purchases())
    if not unknown:
        return []
    log.info("products of purchases: %s were never sent", f"{len(unknown):,}")
    with CsvFiles(folder, "products", prefix=_NAME, override_existing=False) as files:
        hidden = _append(files, _shown(run, unknown))
        # Search now and then forgets a product (decision 0017): what one call holds is asked for once more.
        again, others = hidden[: limits.PRODUCT_SEARCH_PAGE], hidden[limits.PRODUCT_SEARCH_PAGE :]
        hidden = [*_append(files, _shown(run, again)), *others]
        files.append(_rows_from_lines(purchases(), set(hidden)))
    folder.write_json(_HIDDEN, hidden)
    return files.files


def _never_sent(run: SyncRun, purchases: Iterable[dict[str, Any]]) -> list[str]:
    """The products of the purchases that the catalogue sent last does not have, under this kind of id."""
    ids, number = dict[str, None](), 0
    for purchase in purchases:
        ids.update((line["productId"], None) for line in purchase["body"]["products"])
        number += 1
    if number < WORTH_AN_IMPORT:
        return []
    for rows in sent_rows_of(run, ids):
        for key in rows.loc[rows["idSource"] == run.settings.products.product_id_source, "productId"]:
            ids.pop(key, None)
    return list(ids)


def _shown(run: SyncRun, product_ids: Sequence[str]) -> Shown:
    """(ids asked for, rows of those that are shown) of each call that was answered."""
    search, watch = ProductSearch(run), OutageWatch(run.vtex.check, known=lambda _: False)

    def ask(batch: list[str]) -> pd.DataFrame | RequestRefused:
        try:
            return search.rows(batch, were_sent=False)
        except RequestRefused as refused:
            return refused

    batches = in_batches(product_ids, limits.PRODUCT_SEARCH_PAGE)
    try:
        for batch, rows in watch.in_parallel(ask, batches, workers=_WORKERS):
            if isinstance(rows, pd.DataFrame):
                yield batch, rows
            else:
                log.warning("%s products of purchases are not read ahead: %s", len(batch), rows)
    except SyncError as error:
        log.warning("products of purchases are read ahead no further: %s", error)


def _append(files: CsvFiles, shown: Shown) -> list[str]:
    """Write the rows; returns the ids that were asked for and have none."""
    without = list[str]()
    for asked, rows in shown:
        for _, alike in split_by_columns(rows):
            files.append(alike)
        keys = set(rows["productId"])
        without += [key for key in asked if key not in keys]
    return without


def _rows_from_lines(purchases: Iterable[dict[str, Any]], product_ids: set[str]) -> pd.DataFrame:
    lines = (line for purchase in purchases for line in purchase["body"]["products"])
    bodies = products_from_lines(lines, product_ids)
    return pd.DataFrame([product_row(key, body) for key, body in bodies.items()])
