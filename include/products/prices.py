"""Base prices of the Pricing API, one call per SKU, only for products without another price."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import partial

from include.batching import in_batches
from include.errors import TemporaryError
from include.http.calls import in_parallel
from include.http.transport import AccessRefused, RequestRefused, UnreadableAnswer
from include.pipeline.outage import OutageWatch, Unanswered
from include.pipeline.progress import Progress
from include.pipeline.run import SyncRun
from include.products.mapping import select_unpriced
from include.products.search import records_without_offer
from include.products.sent_catalogue import last_prices, rules_of
from include.staging import Staging
from include.values.wording import plural
from include.vtex.client import VtexClient

log = logging.getLogger(__name__)

PRICES = "base-prices-"
_PRODUCTS_A_FILE = 200
_WORKERS = 12
_WORKERS_PER_CALLER = 3  # several callers work at once

RecordSkus = tuple[str, list[str]]
"""Key and SKU ids of a record."""
BasePrice = tuple[str, Decimal]
"""SKU id and its price for one measurement unit."""
_Answer = tuple[RecordSkus, BasePrice | None]


def stage_base_prices(run: SyncRun, target: Staging) -> list[str]:
    """Stage `base-prices-<number>.json`, {key: [SKU id, price] or null}, for the staged products; return
    notes.

    Without the permission to read prices the run goes on. Then the few products that cannot be bought and
    were never sent are rejected.
    """
    unpriced = select_unpriced(list(records_without_offer(target)), last_prices(run), rules_of(run))
    asked = {key for name in target.names(PRICES) for key in target.read_json(name)}
    left = [record for record in unpriced if record[0] not in asked]
    progress = Progress(log, "products without an offer, base prices", len(left))
    answers = _count(progress, in_parallel(partial(_lowest_base_price, run.vtex), left, workers=_WORKERS))
    try:
        for number, some in enumerate(in_batches(answers, _PRODUCTS_A_FILE), len(target.names(PRICES)) + 1):
            prices = {key: found and (found[0], str(found[1])) for (key, _), found in some}
            target.write_json(f"{PRICES}{number:05}.json", prices)
    except AccessRefused as refused:
        log.warning("base prices are not read: %s", refused)
        return [f"{plural(len(left), 'product')} without an offer: base prices are not read: {refused}"]
    if left:
        log.info("%s", progress.line())
    return []


def _count(progress: Progress, answers: Iterable[_Answer]) -> Iterator[_Answer]:
    for answer in answers:
        progress.add()
        yield answer


def base_prices_in(source: Staging) -> dict[str, Decimal]:
    """The staged prices by SKU id."""
    files = (source.read_json(name) for name in source.names(PRICES))
    return {sku: Decimal(price) for file in files for sku, price in filter(None, file.values())}


def base_prices_of(vtex: VtexClient, records: Iterable[RecordSkus]) -> dict[str, Decimal]:
    """SKU id → base price, one SKU for each record that has a price. Prices that VTEX does not answer are
    missing. AccessRefused without the permission to read prices."""
    found, watch = dict[str, Decimal](), OutageWatch(vtex.check, known=lambda _: False)
    asked = watch.in_parallel(partial(_lowest_base_price, vtex), records, workers=_WORKERS_PER_CALLER)
    try:
        for (key, _), price in asked:
            if isinstance(price, Unanswered):
                log.warning("product %s: no base price: %s", key, price)
            elif price:
                found[price[0]] = price[1]
    except (TemporaryError, UnreadableAnswer) as outage:
        log.warning("no more base prices are read: %s", outage)
    return found


def _lowest_base_price(vtex: VtexClient, record: RecordSkus) -> BasePrice | None:
    """The base price of the lowest SKU id that has one above 0."""
    prices = ((sku, _base_price(vtex, sku)) for sku in record[1])
    return next(((sku, price) for sku, price in prices if price and price > 0), None)


def _base_price(vtex: VtexClient, sku: str) -> Decimal | None:
    """The price of a SKU; None also if the answer is not a price, so that only this SKU is affected."""
    try:
        return vtex.base_price(sku)
    except (RequestRefused, UnreadableAnswer) as error:
        log.warning("SKU %s: its base price is unreadable: %s", sku, error)
        return None
