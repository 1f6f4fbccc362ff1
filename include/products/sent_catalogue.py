"""The shop's rules for products, and the catalogue that was sent last."""

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
_WHAT_COUNTS = ["productId", "unitPrice", "unitPriceOriginal", "availability", "withdrawn", "idSource"]
TEXTS = ("categories", "description", "brand", "imageUrl")
"""Columns that are rarely blank: of each is remembered whether it was filled, as one bit of `filled`."""


def rules_of(run: SyncRun) -> ProductRules:
    """Settings and connection as the mapping wants them; ConfigurationError without a shop domain."""
    settings = run.settings.products
    return ProductRules(
        shop_domain=shop_domain(run),
        product_id_source=settings.product_id_source,
        vat_rate=settings.vat_rate,
        custom_fields=(settings.custom_field_1, settings.custom_field_2, settings.custom_field_3),
        weighed_price=settings.weighed_price,
    )


def shop_domain(run: SyncRun) -> str:
    """The public domain of all links: never the host that the API is called on."""
    if not run.vtex.account.shop_domain:
        raise ConfigurationError(
            "Connection vtex_default: the shop domain is empty. Fill in the public one, for links to "
            "products: www.myshop.com (Admin > Connections)"
        )
    return run.vtex.account.shop_domain


def last_file(run: SyncRun) -> str | None:
    """The kept file with what was sent last; None before the first time.

    UnsafeChange when it is gone or damaged: without it nothing shows whether today's catalogue is whole.
    """
    name = run.state.last_catalogue()
    if name is None:
        return None
    try:
        run.kept.check_again(name)
    except StagingError as problem:
        if run.allow_mass_change:
            log.warning("the catalogue sent last: %s; allow_mass_change: go on without it", problem)
            return None
        raise UnsafeChange(
            f"products: the catalogue sent last: {problem}. Without it a short catalogue would go unnoticed, "
            "and nothing was sent. Bring the file back, or trigger the DAG with allow_mass_change"
        ) from None
    return name


def last_catalogue(run: SyncRun) -> pd.DataFrame | None:
    """The snapshot of what was sent last, all columns; None before the first time."""
    name = last_file(run)
    return snapshot_from(run.kept.read_frame(name)) if name else None


def last_prices(run: SyncRun) -> pd.DataFrame | None:
    """Like `last_catalogue`, with the few columns that the whole of it is needed for, and `filled` (see
    `filled_texts`): 200,000 records stay small."""
    name = last_file(run)
    if name is None:
        return None
    pieces = (snapshot_from(piece) for piece in run.kept.frames(name, [*_WHAT_COUNTS, *TEXTS]))
    return pd.concat(piece.assign(filled=filled_texts(piece)).drop(columns=list(TEXTS)) for piece in pieces)


def filled_texts(rows: pd.DataFrame) -> pd.Series:
    """Which of TEXTS are not blank, a bit for each. What is left out (NA) stays as it is at Connectif."""
    filled = pd.Series(0, index=rows.index, dtype="uint8")
    for place, column in enumerate(TEXTS):
        filled += (rows[column].fillna("left out") != "").astype("uint8") * (1 << place)
    return filled


def sent_last(run: SyncRun) -> int | None:
    """How many products were sent last and not withdrawn; None before the first time."""
    last = last_prices(run)
    return None if last is None else int((~last["withdrawn"]).sum())


def last_rows(run: SyncRun) -> Iterator[pd.DataFrame]:
    """Like `last_catalogue`, a piece at a time."""
    name = last_file(run)
    yield from map(snapshot_from, run.kept.frames(name) if name else ())


def sent_among(run: SyncRun, product_ids: Collection[str]) -> Iterator[pd.DataFrame]:
    """Like `last_rows`, of these products, with the few columns that a look-up needs. Nothing where the
    catalogue has got lost: only the catalogue's own run stops for that."""
    try:
        name = last_file(run)
        for piece in run.kept.frames(name, _WHAT_COUNTS) if name else ():
            yield snapshot_from(piece[[key in product_ids for key in piece["productId"]]])
    except (UnsafeChange, StagingError):
        log.warning("the catalogue sent last cannot be read: what purchases need goes without it")


def keep_catalogue(run: SyncRun, snapshot: Iterable[pd.DataFrame]) -> None:
    """Replace the snapshot: the new file, then the reference to it; a crash leaves a usable one."""
    name = f"{_PREFIX}{safe_name(run.run_key)}.parquet"
    run.state.replace_catalogue(name, run.kept.write_frames(name, snapshot), run.run_key)
    for prefix in (_PREFIX, KEPT_BEFORE_MANIFESTS):
        run.kept.remove_others(prefix, than=name)
