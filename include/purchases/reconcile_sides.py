"""Both sides of a range of purchases, read once and staged as columns: VTEX's list, Connectif's export."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

import pandas as pd
import pyarrow as pa

from include.batching import in_batches
from include.connectif.exports import PURCHASE, PURCHASE_ID
from include.pipeline.exports import exporter_of
from include.pipeline.run import SyncRun
from include.purchases.extract import wait_for_the_index, window_of
from include.purchases.listing import orders_in
from include.purchases.order_selection import DATE_FIELD
from include.purchases.reconcile_match import listed_order
from include.purchases.rules import rules_of
from include.staging import Staging
from include.window import Window

log = logging.getLogger(__name__)

LISTED = "listed.parquet"
EXPORTED = "exported.parquet"
# The tag's clock and VTEX's differ, and a purchase may reach Connectif late.
_MARGIN = timedelta(days=1)
_AT_ONCE = 10_000
_INSTANT = pa.timestamp("us", tz="UTC")
_ORDERS = pa.schema(
    [
        ("order_id", pa.string()),
        ("placed", _INSTANT),
        ("began", _INSTANT),
        ("left_out", pa.string()),
        ("doubtful", pa.bool_()),
    ]
)
_NAMED = pa.schema([("row", pa.int64()), ("id", pa.string()), ("at", pa.string())])


@dataclass(frozen=True)
class Sides:
    """`orders` and `theirs` as `purchase_match` has them, of the window and some time around it."""

    window: Window
    orders: pd.DataFrame
    theirs: pd.DataFrame


def both_sides(run: SyncRun, target: Staging) -> Sides:
    """Read the list and the export, or what an earlier attempt has staged of them."""
    window = window_of(run)
    if not target.has(LISTED):
        wait_for_the_index(run)
        wide = window.widened(timedelta(minutes=run.settings.run.overlap_minutes))
        target.write_table(LISTED, _listed(run, wide))
    orders = target.read_frame(LISTED)
    if not target.has(EXPORTED):
        target.write_table(EXPORTED, _exported(run, target, _days_around(window, orders, run.now())))
    theirs = target.read_frame(EXPORTED)
    theirs["at"] = pd.to_datetime(theirs["at"], utc=True, errors="coerce", format="ISO8601")
    theirs = _dated(theirs)
    exported = theirs["row"].nunique()
    log.info("%s orders listed by VTEX, %s purchases exported", f"{len(orders):,}", f"{exported:,}")
    return Sides(window, orders, theirs)


def _dated(theirs: pd.DataFrame) -> pd.DataFrame:
    """Without the undated rows of ids that a dated row names: a file on their products, say."""
    dated = theirs["at"].notna()
    return theirs[dated | ~theirs["id"].isin(theirs["id"][dated])]


def _listed(run: SyncRun, wide: Window) -> pa.Table:
    field, rules = DATE_FIELD[run.settings.purchases.purchase_when], rules_of(run)
    rows = (listed_order(entry, field, rules) for entry in orders_in(run.vtex, field, wide))
    return _table(rows, _ORDERS)


def _days_around(window: Window, orders: pd.DataFrame, now: datetime) -> Window:
    """A day more on both sides of the range and of its orders' creation, which may be long before they were
    paid; but nothing of the future, because whether an export may ask for it is unknown."""
    first = min([window.start, *orders["placed"].dropna().nsmallest(1)])
    return Window(first - _MARGIN, max(min(window.end + _MARGIN, now), window.end))


def _exported(run: SyncRun, journal: Staging, days: Window) -> pa.Table:
    rows = exporter_of(run, journal).activities([PURCHASE], days, PURCHASE_ID)
    return _table(_named(rows), _NAMED)


def _named(rows: Iterator[dict[str, str]]) -> Iterator[tuple[int, str, str]]:
    """Number of the row, an id that it names, and its date: once for each id, since several columns may be
    the purchase's."""
    is_date = cache(lambda column: "date" in column or "fecha" in column)
    for number, row in enumerate(rows):
        at = next((cell for column, cell in row.items() if is_date(column)), "")
        for named in dict.fromkeys(PURCHASE_ID.cells(row)):
            yield number, named, at


def _table(rows: Iterator[tuple[object, ...]], schema: pa.Schema) -> pa.Table:
    """Rows → columns, some thousand at a time."""
    pieces = [schema.empty_table()]
    for some in in_batches(rows, _AT_ONCE):
        columns = zip(zip(*some, strict=True), schema, strict=True)
        pieces.append(pa.table([pa.array(values, field.type) for values, field in columns], schema=schema))
    return pa.concat_tables(pieces)
