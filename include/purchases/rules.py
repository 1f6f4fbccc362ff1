"""The shop's rules for purchases, from settings and connection."""

from __future__ import annotations

from include.pipeline.run import SyncRun
from include.products.sent_catalogue import shop_domain
from include.purchases.orders import PurchaseRules


def rules_of(run: SyncRun, currency: str = "") -> PurchaseRules:
    """As the mapping wants them, with the `currency_of_shop`; ConfigurationError without a shop domain."""
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
