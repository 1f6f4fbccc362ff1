"""The shop's rules for products, and the catalogue sent last."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator

import pandas as pd

from include.errors import ConfigurationError, StagingError, UnsafeChange
from include.pipeline.run import KEPT_BEFORE_MANIFESTS, SyncRun
from include.products.mapping import ProductRules
from include.products.snapshot import snapshot_from
from include.run_name import safe_name

log = logging.getLogger(__name__)

_PREFIX = "sent-"
_PRICE_COLUMNS = ["productId", "unitPrice", "unitPriceOriginal", "availability", "withdrawn", "idSource"]
TEXTS = ("categories", "description", "brand", "imageUrl")
"""Columns that are rarely blank. `filled` has one bit for each: whether the value is not blank."""


def rules_of(run: SyncRun) -> ProductRules:
    """The rules for the mapping, from settings and connection; ConfigurationError without a shop domain."""
    settings = run.settings.products
    return ProductRules(
        shop_domain=shop_domain(run),
        product_id_source=settings.product_id_source,
        vat_rate=settings.vat_rate,
        custom_fields=(settings.custom_field_1, settings.custom_field_2, settings.custom_field_3),
        weighed_price=settings.weighed_price,
    )


def shop_domain(run: SyncRun) -> str:
    """The public domain of all links. The host of the API may be another one."""
    if not run.vtex.account.shop_domain:
        raise ConfigurationError(
            f"Connection {run.vtex.account.connection}: the shop domain is empty. Fill in the shop's public "
            "domain, such as www.myshop.com, for links to products (Admin > Connections)"
        )
    return run.vtex.account.shop_domain


def last_file(run: SyncRun) -> str | None:
    """The name of the kept file with the catalogue sent last; None before the first one.

    UnsafeChange if the file is missing or damaged: without it a short catalogue cannot be detected.
    """
    name = run.state.catalogue.last_path()
    if name is None:
        return None
    try:
        run.kept.check_again(name)
    except StagingError as problem:
        if run.allow_mass_change:
            log.warning(
                "the catalogue sent last: %s; allow_mass_change is set: continues without it", problem
            )
            return None
        raise UnsafeChange(
            f"products: the catalogue sent last: {problem}. Without it a short catalogue cannot be "
            "detected. Nothing was sent. Restore the file, or trigger the DAG with allow_mass_change"
        ) from None
    return name


def last_catalogue(run: SyncRun) -> pd.DataFrame | None:
    """The snapshot of the catalogue sent last, with all columns; None before the first one."""
    name = last_file(run)
    return snapshot_from(run.kept.read_frame(name)) if name else None


def last_prices(run: SyncRun) -> pd.DataFrame | None:
    """Like `last_catalogue`, but with the few columns that comparisons need, and `filled` (see
    `filled_texts`). So 200,000 records stay small."""
    name = last_file(run)
    if name is None:
        return None
    pieces = (snapshot_from(piece) for piece in run.kept.frames(name, [*_PRICE_COLUMNS, *TEXTS]))
    return pd.concat(piece.assign(filled=filled_texts(piece)).drop(columns=list(TEXTS)) for piece in pieces)


def filled_texts(rows: pd.DataFrame) -> pd.Series:
    """One bit for each of TEXTS: whether it is not blank. NA counts as filled, because Connectif keeps its
    value."""
    filled = pd.Series(0, index=rows.index, dtype="uint8")
    for place, column in enumerate(TEXTS):
        filled += (rows[column].fillna("left out") != "").astype("uint8") * (1 << place)
    return filled


def count_sent_last(run: SyncRun) -> int | None:
    """The number of products on sale in the catalogue sent last; None before the first one."""
    last = last_prices(run)
    return None if last is None else int((~last["withdrawn"]).sum())


def last_rows(run: SyncRun) -> Iterator[pd.DataFrame]:
    """Like `last_catalogue`, in pieces."""
    name = last_file(run)
    yield from map(snapshot_from, run.kept.frames(name) if name else ())


def sent_rows_of(run: SyncRun, product_ids: Collection[str]) -> Iterator[pd.DataFrame]:
    """Like `last_rows`, but only these products and few columns. Nothing if the catalogue is lost: only a run
    of the products pipeline stops for that."""
    try:
        name = last_file(run)
        for piece in run.kept.frames(name, _PRICE_COLUMNS) if name else ():
            yield snapshot_from(piece[[key in product_ids for key in piece["productId"]]])
    except (UnsafeChange, StagingError):
        log.warning("the catalogue sent last is unreadable: missing products are looked up without it")


def keep_catalogue(run: SyncRun, snapshot: Iterable[pd.DataFrame]) -> None:
    """Replace the snapshot: first write the new file, then the reference to it. A crash leaves a valid
    reference."""
    name = f"{_PREFIX}{safe_name(run.run_key)}.parquet"
    run.state.catalogue.replace(name, run.kept.write_frames(name, snapshot), run.run_key)
    for prefix in (_PREFIX, KEPT_BEFORE_MANIFESTS):
        run.kept.remove_others(prefix, than=name)
