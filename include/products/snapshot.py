"""The snapshot of the catalogue sent last. With it a run can withdraw products that the shop no longer shows.

It is a frame with the columns of a product row, `withdrawn` (bool) and `idSource`, indexed by `productId`. A
product without an offer has its last price from here; a withdrawn product has its last values from here.

`idSource` is the kind of the id, `product` or `sku`. VTEX numbers products and SKUs independently, so after a
change of the setting the same number may be another product.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from include.products.mapping import OUT_OF_STOCK, PRODUCT_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

SNAPSHOT_COLUMNS = (*PRODUCT_COLUMNS, "withdrawn", "idSource")


def snapshot_from(table: pd.DataFrame) -> pd.DataFrame:
    """A stored table with some or all SNAPSHOT_COLUMNS → the snapshot. A table without `idSource`, from an
    earlier version, has product ids."""
    table = table if "idSource" in table else table.assign(idSource="product")
    columns = [column for column in SNAPSHOT_COLUMNS if column in table]
    types = dict.fromkeys(columns, "str") | {"withdrawn": "bool"}
    return table[columns].astype(types).set_index("productId", drop=False).rename_axis(index=None)


def count_vanishing(last_sent: pd.DataFrame, shown: Collection[str], id_source: str) -> int:
    """The number of products on sale in `last_sent` that search does not show today. All products with the
    other kind of id count."""
    is_there = _among(last_sent["productId"], shown) & (last_sent["idSource"] == id_source)
    return int((~last_sent["withdrawn"] & ~is_there).sum())


def withdrawn_rows(
    last_sent: pd.DataFrame,
    shown: Collection[str],
    refused: Collection[str],
    id_source: str,
    *,
    again: bool = False,
) -> pd.DataFrame:
    """The rows that withdraw products, with `idSource`: products sent before that are not `shown` today.

    They have their last values, but `outofstock` and no units. A product is withdrawn once, or in each run
    with `again` (mode=full). If today's catalogue has the same number with the other kind of id, its row
    overwrites the old product, and there is no withdrawal unless that row is `refused`.
    """
    ids, is_other = last_sent["productId"], last_sent["idSource"] != id_source
    gone = ~_among(ids, shown) | (is_other & _among(ids, refused))
    rows = last_sent.loc[gone & (again | ~last_sent["withdrawn"]), [*PRODUCT_COLUMNS, "idSource"]]
    return rows.assign(availability=OUT_OF_STOCK, inStockUnits="0").astype("str").reset_index(drop=True)


def next_snapshot(
    last_sent: Iterable[pd.DataFrame],
    sent: Iterable[pd.DataFrame],
    withdrawn: Iterable[pd.DataFrame],
    id_source: str,
) -> Iterator[pd.DataFrame]:
    """The snapshot after a run that sent these rows, in pieces.

    Products that were neither sent nor withdrawn (withdrawn before, or rejected today) keep their rows. The
    given frames are not changed. The first piece is empty, so that there is always one.
    """
    yield snapshot_from(pd.DataFrame(columns=list(SNAPSHOT_COLUMNS)))
    now = set[str]()
    for rows, columns in (
        (sent, {"withdrawn": False, "idSource": id_source}),
        (withdrawn, {"withdrawn": True}),
    ):
        for piece in rows:
            now.update(piece["productId"])
            yield snapshot_from(piece.assign(**columns))
    for piece in last_sent:
        yield piece[~_among(piece["productId"], now)]


def _among(ids: pd.Series, known: Collection[str]) -> pd.Series:
    """Like `isin`, which would build a hash table of all known ids for each piece."""
    return pd.Series([key in known for key in ids], index=ids.index, dtype=bool)
