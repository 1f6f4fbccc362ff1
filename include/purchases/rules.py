"""The shop's rules for purchases, from the settings and the connection, and the shop's currency."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from include.errors import ConfigurationError
from include.http.transport import AccessRefused
from include.pipeline.run import SyncRun
from include.products.sent_catalogue import shop_domain
from include.purchases.orders import PurchaseRules, currency_of
from include.values.shapes import Json

log = logging.getLogger(__name__)

CURRENCY = "currency.json"


def rules_of(run: SyncRun, currency: str = "") -> PurchaseRules:
    """The rules for the mapping, with the `currency_of_shop`; ConfigurationError without a shop domain."""
    settings = run.settings.purchases
    return PurchaseRules(
        shop_domain=shop_domain(run),
        purchase_id_source=settings.purchase_id_source,
        product_id_source=run.settings.products.product_id_source,
        purchase_when=settings.purchase_when,
        sales_channels=frozenset(settings.sales_channels),
        statuses=frozenset(settings.statuses),
        sellers=frozenset(settings.sellers),
        currency=currency,
    )


def currency_of_shop(run: SyncRun, orders: Iterable[Json] = ()) -> str:
    """The ISO code of the shop's one currency: Connectif has no field for the currency of a purchase.

    It comes from the setting, else from the connection's sales channel. If both are unknown, the result is
    empty and all `orders` count as the shop's; ConfigurationError if they have several currencies.
    """
    if run.settings.purchases.currency:
        return run.settings.purchases.currency.upper()
    try:
        code = run.vtex.currency()
    except AccessRefused as refused:
        log.warning("%s. The currency of orders is not compared. Set purchases.currency", refused)
        code = ""
    if not code and len(found := {currency for order in orders if (currency := currency_of(order))}) > 1:
        raise ConfigurationError(
            f"The orders are in {', '.join(sorted(found))}, and which is the shop's own is not known. "
            "Nothing was sent. Set purchases.currency (SYNC_PURCHASES__CURRENCY), or give the VTEX key the "
            "right View Product"
        )
    return code
