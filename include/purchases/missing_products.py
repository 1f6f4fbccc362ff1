"""Create the products of missing purchases by one import, instead of a search and two calls for each."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

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
from include.purchases.staged import PurchaseHead
from include.staging import Staging
from include.values.shapes import Json
from include.vtex import limits

log = logging.getLogger(__name__)

_NAME = "missing-products"
_HIDDEN = f"{_NAME}-hidden.json"
_WORKERS = 4  # each worker reads base prices too

SearchResults = Iterator[tuple[list[str], pd.DataFrame]]


class ProductSearch:
    """Searches products by id, in the form that `sync_products` sends; safe for several threads."""

    def __init__(self, run: SyncRun) -> None:
        self._run, self._rules = run, rules_of(run)
        self._may_read_prices = True

    def rows(self, product_ids: Sequence[str], *, were_sent: bool) -> pd.DataFrame:
        """Rows with PRODUCT_COLUMNS, for the products (at most 50) that search shows and that can be sent.

        If they `were_sent` before, a product without an offer gets the price that was sent last. Base prices
        are read only if the key may read them. RequestRefused if search refuses the ids.
        """
        products = self._run.vtex.search_products(product_ids, by=self._rules.search_filter)
        found = list(select_records(products, set(product_ids), self._rules))
        wanting = without_offer(found, self._rules)
        last = self._last_sent([key for key, _ in wanting]) if wanting and were_sent else None
        prices = self._base_prices(select_unpriced(wanting, last, self._rules))
        return map_products(found, self._rules, last_sent=last, base_prices=prices).rows

    def _last_sent(self, product_ids: list[str]) -> pd.DataFrame | None:
        pieces = list(sent_rows_of(self._run, product_ids))
        return pd.concat(pieces) if pieces else None

    def _base_prices(self, wanting: list[RecordSkus]) -> dict[str, Decimal]:
        if not wanting or not self._may_read_prices:
            return {}
        try:
            return base_prices_of(self._run.vtex, wanting)
        except AccessRefused as refused:
            self._may_read_prices = False
            log.warning("products of purchases have no base prices: %s", refused)
            return {}


def ensure_products(
    run: SyncRun, journal: Staging, purchases: Sequence[PurchaseHead], from_lines: Mapping[str, Json]
) -> set[str]:
    """Create the products that Connectif lacks, before ten purchases or more are posted.

    A product counts as missing if no run of `sync_products` has sent it. It is created from catalogue search,
    else from an order line (`from_lines`: the body of a product PATCH by product id). A product that
    Connectif has from the web tag stays as it is (`overrideExisting=false`). A product that VTEX or the
    import refuses is created for each purchase that Connectif refuses (E0102). The created products are not
    added to the catalogue sent last.

    Returns the products that search does not show, so that they are not searched again.
    """
    import_ahead(run, journal, _NAME, "productId", lambda: _stage_files(run, journal, purchases, from_lines))
    return set(journal.read_json(_HIDDEN)) if journal.has(_HIDDEN) else set()


def _stage_files(
    run: SyncRun, folder: Staging, purchases: Sequence[PurchaseHead], from_lines: Mapping[str, Json]
) -> list[ImportFile]:
    unknown = _never_sent(run, purchases)
    if not unknown:
        return []
    log.info("purchases: sync_products has never sent %s of their products", f"{len(unknown):,}")
    with CsvFiles(folder, "products", prefix=_NAME, override_existing=False) as files:
        hidden = _append(files, _search(run, unknown))
        # Search sometimes omits a product (decision 0017): one more call repeats as many as one call holds.
        again, others = hidden[: limits.PRODUCT_SEARCH_PAGE], hidden[limits.PRODUCT_SEARCH_PAGE :]
        hidden = [*_append(files, _search(run, again)), *others]
        files.append(_rows_from_lines(from_lines, set(hidden)))
    folder.write_json(_HIDDEN, hidden)
    return files.files


def _never_sent(run: SyncRun, purchases: Sequence[PurchaseHead]) -> list[str]:
    """The products of the purchases that the catalogue sent last does not have, under this kind of id."""
    if len(purchases) < WORTH_AN_IMPORT:
        return []
    ids = dict.fromkeys(key for purchase in purchases for key in purchase.product_ids)
    for rows in sent_rows_of(run, ids):
        for key in rows.loc[rows["idSource"] == run.settings.products.product_id_source, "productId"]:
            ids.pop(key, None)
    return list(ids)


def _search(run: SyncRun, product_ids: Sequence[str]) -> SearchResults:
    """(searched ids, rows of the shown products) for each call that VTEX answered."""
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
                log.warning(
                    "%s products of purchases are not imported before the purchases: %s", len(batch), rows
                )
    except SyncError as error:
        log.warning("the other products of purchases are not imported before the purchases: %s", error)


def _append(files: CsvFiles, results: SearchResults) -> list[str]:
    """Write the rows; returns the searched ids without a row."""
    hidden = list[str]()
    for searched, rows in results:
        for _, group in split_by_columns(rows):
            files.append(group)
        keys = set(rows["productId"])
        hidden += [key for key in searched if key not in keys]
    return hidden


def _rows_from_lines(from_lines: Mapping[str, Json], product_ids: set[str]) -> pd.DataFrame:
    return pd.DataFrame([product_row(key, body) for key, body in from_lines.items() if key in product_ids])
