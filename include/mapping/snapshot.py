"""The snapshot of the catalogue as it was last sent: what keeps absence from being deletion.

A frame with the columns of a product row and `withdrawn` (bool), indexed by `productId`. It gives a product
without an offer its last price, and a product that is gone the values it is withdrawn with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from include.mapping.products import OUT_OF_STOCK, PRODUCT_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Collection

SNAPSHOT_COLUMNS = (*PRODUCT_COLUMNS, "withdrawn")


def snapshot_from(table: pd.DataFrame) -> pd.DataFrame:
    """A stored table of SNAPSHOT_COLUMNS → the snapshot, indexed for look-ups by product id."""
    types = dict.fromkeys(PRODUCT_COLUMNS, "str") | {"withdrawn": "bool"}
    return (
        table[list(SNAPSHOT_COLUMNS)].astype(types).set_index("productId", drop=False).rename_axis(index=None)
    )


def withdrawn_rows(
    last_sent: pd.DataFrame | None, ids_now: Collection[str], *, again: bool = False
) -> pd.DataFrame:
    """The rows that say goodbye: products sent before that `ids_now` (what search shows today) lacks, with
    their last values but `outofstock` and no units. Once only, unless `again` (mode=full)."""
    if last_sent is None:
        return pd.DataFrame(columns=list(PRODUCT_COLUMNS), dtype="str")
    gone = ~last_sent["productId"].isin(list(ids_now))
    rows = last_sent.loc[gone & (again | ~last_sent["withdrawn"]), list(PRODUCT_COLUMNS)]
    return rows.assign(availability=OUT_OF_STOCK, inStockUnits="0").astype("str").reset_index(drop=True)


def next_snapshot(
    last_sent: pd.DataFrame | None, sent: pd.DataFrame, withdrawn: pd.DataFrame
) -> pd.DataFrame:
    """The snapshot after a run that sent these rows: what was neither sent nor withdrawn stays as it was
    (already withdrawn, or rejected today). None of the frames given is changed."""
    parts = [sent.assign(withdrawn=False), withdrawn.assign(withdrawn=True)]
    if last_sent is not None:
        now = pd.concat([part["productId"] for part in parts])
        parts.append(last_sent[~last_sent["productId"].isin(now)])
    return snapshot_from(pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True))
