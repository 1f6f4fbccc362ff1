"""The shop's rules for products, and the catalogue that was sent last."""

from __future__ import annotations

import pandas as pd

from include.errors import ConfigurationError
from include.mapping.products import ProductRules
from include.mapping.snapshot import snapshot_from
from include.sync.run import SyncRun, safe_name


def rules_of(run: SyncRun) -> ProductRules:
    """Settings and connection as the mapping wants them; ConfigurationError without a shop domain."""
    settings = run.settings.products
    return ProductRules(
        shop_domain=shop_domain(run),
        product_id_source=settings.product_id_source,
        vat_rate=settings.vat_rate,
        custom_fields=(settings.custom_field_1, settings.custom_field_2, settings.custom_field_3),
    )


def shop_domain(run: SyncRun) -> str:
    """The public domain of all links: never the host that the API is called on."""
    if not run.vtex.account.shop_domain:
        raise ConfigurationError(
            "Connection vtex_default: the shop domain is empty. Fill in the public one, for links to "
            "products: www.myshop.com (Admin > Connections)"
        )
    return run.vtex.account.shop_domain


def last_catalogue(run: SyncRun) -> pd.DataFrame | None:
    """The snapshot of what was sent last; None before the first time."""
    name = run.store.last_catalogue()
    return snapshot_from(run.kept.read_frame(name)) if name else None


def keep_catalogue(run: SyncRun, snapshot: pd.DataFrame) -> None:
    """Replace the snapshot: the new file, then the reference to it; a crash leaves a usable one."""
    name = f"catalogue-{safe_name(run.run_key)}.parquet"
    run.kept.write_frame(name, snapshot)
    run.store.replace_catalogue(name, len(snapshot), run.run_key)
    for old in run.kept.names("catalogue-"):
        if old != name:
            run.kept.remove(old)
