"""Base prices of the Pricing API, one call a SKU: only for products that have no price anywhere else."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import partial

from include.batching import in_batches
from include.errors import TemporaryError
from include.http.parallel import in_parallel
from include.http.transport import AccessRefused, RequestRefused, UnreadableAnswer
from include.pipeline.outage import OutageWatch, Unanswered
from include.pipeline.progress import Progress
from include.pipeline.run import SyncRun
from include.products.mapping import never_priced
from include.products.search import wanting_in
from include.products.sent_catalogue import last_prices, rules_of
from include.staging import Staging
from include.vtex.client import VtexClient

log = logging.getLogger(__name__)

PRICES = "base-prices-"
_PRODUCTS_A_FILE = 200
_WORKERS = 12
_WORKERS_OF_A_CALLER = 3  # there are several callers at once

Wanting = tuple[str, list[str]]
BasePrice = tuple[str, Decimal]
"""SKU id and price, for one measurement unit of the SKU."""
_Answer = tuple[Wanting, BasePrice | None]


def stage_base_prices(run: SyncRun, target: Staging) -> list[str]:
    """Stage `base-prices-<number>.json`, {key: [SKU id, price] or null}, for the staged products; returns
    notes.

    Without the right to read prices the run goes on: the few products that no shopper could buy so far, and
    that were never sent, are then rejected.
    """
    wanting = never_priced(list(wanting_in(target)), last_prices(run), rules_of(run))
    asked = {key for name in target.names(PRICES) for key in target.read_json(name)}
    left = [record for record in wanting if record[0] not in asked]
    progress = Progress(log, "products without an offer, base prices", len(left))
    answers = _told(progress, in_parallel(partial(_lowest_base_price, run.vtex), left, workers=_WORKERS))
    try:
        for number, some in enumerate(in_batches(answers, _PRODUCTS_A_FILE), len(target.names(PRICES)) + 1):
            prices = {key: found and (found[0], str(found[1])) for (key, _), found in some}
            target.write_json(f"{PRICES}{number:05}.json", prices)
    except AccessRefused as refused:
        log.warning("no base prices: %s", refused)
        return [f"{len(left)} products without an offer were not asked for a base price: {refused}"]
    if left:
        log.info("%s", progress.line())
    return []


def _told(progress: Progress, answers: Iterable[_Answer]) -> Iterator[_Answer]:
    for answer in answers:
        progress.add()
        yield answer


def base_prices_in(source: Staging) -> dict[str, Decimal]:
    """The prices that were found, by SKU id."""
    files = (source.read_json(name) for name in source.names(PRICES))
    return {sku: Decimal(price) for file in files for sku, price in filter(None, file.values())}


def base_prices_of(vtex: VtexClient, wanting: Iterable[Wanting]) -> dict[str, Decimal]:
    """By SKU id the base price of each of these records that has one, as far as VTEX answers. AccessRefused
    without the right to read prices."""
    found, watch = dict[str, Decimal](), OutageWatch(vtex.check, known=lambda _: False)
    asked = watch.in_parallel(partial(_lowest_base_price, vtex), wanting, workers=_WORKERS_OF_A_CALLER)
    try:
        for (key, _), price in asked:
            if isinstance(price, Unanswered):
                log.warning("%s has no base price: %s", key, price)
            elif price:
                found[price[0]] = price[1]
    except (TemporaryError, UnreadableAnswer) as outage:
        log.warning("no more base prices: %s", outage)
    return found


def _lowest_base_price(vtex: VtexClient, wanting: Wanting) -> BasePrice | None:
    """The base price of the lowest SKU id that has one above 0."""
    prices = ((sku, _base_price(vtex, sku)) for sku in wanting[1])
    return next(((sku, price) for sku, price in prices if price and price > 0), None)


def _base_price(vtex: VtexClient, sku: str) -> Decimal | None:
    """None also where VTEX answers nothing that is a price: it costs this SKU alone."""
    try:
        return vtex.base_price(sku)
    except (RequestRefused, UnreadableAnswer) as odd:
        log.warning("SKU %s has no price that can be read: %s", sku, odd)
        return None
