"""The rate limits of a shop's VTEX client, from its settings."""

from __future__ import annotations

from include.setting_types import Vtex
from include.vtex.client import RateLimits


def vtex_rate_limits(settings: Vtex) -> RateLimits:
    """The limits of the daily syncs. Shops that read one VTEX account share its rates by `share_percent`."""
    share = settings.share_percent / 100
    return RateLimits(
        catalog_per_second=settings.catalog_per_second * share,
        order_list_per_second=settings.order_list_per_second * share,
        order_detail_per_second=settings.order_detail_per_second * share,
        master_data_per_second=settings.master_data_per_second * share,
    )


def newsletter_rate_limits(settings: Vtex) -> RateLimits:
    """The limit of `update_newsletter`, which a customer waits for."""
    return RateLimits(master_data_per_second=settings.newsletter_per_second * settings.share_percent / 100)
