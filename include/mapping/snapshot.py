"""The snapshot of the catalogue as it was last sent: what keeps absence from being deletion.

A frame with the columns of a product row and `withdrawn` (bool), indexed by `productId`. It gives a product
without an offer its last price, and a product that is gone the values it is withdrawn with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from include.mapping.products import OUT_OF_STOCK, PRODUCT_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

SNAPSHOT_COLUMNS = (*PRODUCT_COLUMNS, "withdrawn")


def snapshot_from(table: pd.DataFrame) -> pd.DataFrame:
    """A stored table of some or all SNAPSHOT_COLUMNS → the snapshot, indexed for look-ups by product id."""
    columns = [column for column in SNAPSHOT_COLUMNS if column in table]
    types = dict.fromkeys(columns, "str") | {"withdrawn": "bool"}
    return table[columns].astype(types).set_index("productId", drop=False).rename_axis(index=None)


def withdrawn_rows(
    last_sent: pd.DataFrame | None, ids_now: Collection[str], *, again: bool = False
) -> pd.DataFrame:
    """The rows that say goodbye: products sent before that `ids_now` (what search shows today) lacks, with
    their last values but `outofstock` and no units. Once only, unless `again` (mode=full)."""
    if last_sent is None:
        return pd.DataFrame(columns=list(PRODUCT_COLUMNS), dtype="str")
    gone = ~last_sent["productId"].isin(ids_now)
    rows = last_sent.loc[gone & (again | ~last_sent["withdrawn"]), list(PRODUCT_COLUMNS)]
    return rows.assign(availability=OUT_OF_STOCK, inStockUnits="0").astype("str").reset_index(drop=True)


def next_snapshot(
    last_sent: Iterable[pd.DataFrame], sent: Iterable[pd.DataFrame], withdrawn: Iterable[pd.DataFrame]
) -> Iterator[pd.DataFrame]:
    """The snapshot after a run that sent these rows, piece by piece: what was neither sent nor withdrawn
    stays as it was (already withdrawn, or rejected today). None of the frames given is changed; the first
    piece is empty, so that one comes in any case."""
    yield snapshot_from(pd.DataFrame(columns=list(SNAPSHOT_COLUMNS)))
    now = set[str]()
    for rows, are_withdrawn in ((sent, False), (withdrawn, True)):
        for piece in rows:
            now.update(piece["productId"])
            yield snapshot_from(piece.assign(withdrawn=are_withdrawn))
    for piece in last_sent:
        yield piece[~piece["productId"].isin(now)]
