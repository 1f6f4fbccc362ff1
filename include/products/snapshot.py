"""The snapshot of the catalogue as it was last sent: what keeps absence from being deletion.

A frame with the columns of a product row, `withdrawn` (bool) and `idSource`, indexed by `productId`. It gives
a product without an offer its last price, and a product that is gone the values it is withdrawn with.

`idSource` says whose id it is, a `product`'s or a `sku`'s: VTEX numbers them apart, so that after a change of
the setting the same number may be something else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from include.products.mapping import OUT_OF_STOCK, PRODUCT_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

SNAPSHOT_COLUMNS = (*PRODUCT_COLUMNS, "withdrawn", "idSource")


def snapshot_from(table: pd.DataFrame) -> pd.DataFrame:
    """A stored table of some or all SNAPSHOT_COLUMNS → the snapshot, indexed for look-ups by product id. One
    that was kept before there was an `idSource` is taken for products."""
    table = table if "idSource" in table else table.assign(idSource="product")
    columns = [column for column in SNAPSHOT_COLUMNS if column in table]
    types = dict.fromkeys(columns, "str") | {"withdrawn": "bool"}
    return table[columns].astype(types).set_index("productId", drop=False).rename_axis(index=None)


def vanishing(last_sent: pd.DataFrame, shown: Collection[str], id_source: str) -> int:
    """How many products that were sent last time are not among the ids that search shows today; under the
    other kind of id none is."""
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
    """The rows that say withdrawal, with `idSource`: products sent before that are not `shown` today, with their
    last values but `outofstock` and no units. Once only, unless `again` (mode=full).

    A number of the other kind that is shown is overwritten by what has it now, unless that is `refused`.
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
    """The snapshot after a run that sent these rows, piece by piece: what was neither sent nor withdrawn
    stays as it was (already withdrawn, or rejected today). None of the frames given is changed; the first
    piece is empty, so that one comes in any case."""
    yield snapshot_from(pd.DataFrame(columns=list(SNAPSHOT_COLUMNS)))
    now = set[str]()
    for rows, news in (
        (sent, {"withdrawn": False, "idSource": id_source}),
        (withdrawn, {"withdrawn": True}),
    ):
        for piece in rows:
            now.update(piece["productId"])
            yield snapshot_from(piece.assign(**news))
    for piece in last_sent:
        yield piece[~_among(piece["productId"], now)]


def _among(ids: pd.Series, known: Collection[str]) -> pd.Series:
    """Like `isin`, which would make a table of all that is known for each few ids."""
    return pd.Series([one in known for one in ids], index=ids.index, dtype=bool)
