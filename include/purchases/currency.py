"""The one currency in which the shop's purchases stand at Connectif, which has no field for it."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from include.errors import ConfigurationError
from include.http.transport import AccessRefused
from include.pipeline.run import SyncRun
from include.purchases.orders import currency_of
from include.values.shapes import Json

log = logging.getLogger(__name__)

CURRENCY = "currency.json"


def currency_of_shop(run: SyncRun, orders: Iterable[Json] = ()) -> str:
    """The ISO code: of the setting, else of the connection's sales channel; empty when neither is known.

    Then all `orders` are taken for the shop's own; ConfigurationError when they are in several currencies.
    """
    if run.settings.purchases.currency:
        return run.settings.purchases.currency.upper()
    try:
        code = run.vtex.currency()
    except AccessRefused as refused:
        log.warning("%s. The currency of orders is not compared; set purchases.currency", refused)
        code = ""
    if not code and len(found := {currency for order in orders if (currency := currency_of(order))}) > 1:
        raise ConfigurationError(
            f"The orders are in {', '.join(sorted(found))}, and which is the shop's own is not known: set "
            "purchases.currency (SYNC_PURCHASES__CURRENCY), or give the VTEX key the right View Product. "
            "Nothing was sent of this run"
        )
    return code
