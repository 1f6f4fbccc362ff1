"""Read both sides of a comparison once, and stage them as columns: VTEX's list and Connectif's export."""

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
from include.purchases.order_selection import DATE_FIELD, list_window
from include.purchases.reconcile_match import listed_order
from include.purchases.rules import rules_of
from include.staging import Staging
from include.values.wording import plural
from include.window import Window

log = logging.getLogger(__name__)

LISTED = "listed.parquet"
EXPORTED = "exported.parquet"
# The tag's clock and VTEX's clock differ, and a purchase may reach Connectif late.
_MARGIN = timedelta(days=1)
_ROWS_AT_A_TIME = 10_000
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
_EXPORTED_IDS = pa.schema([("row", pa.int64()), ("id", pa.string()), ("at", pa.string())])


@dataclass(frozen=True)
class Sides:
    """`orders` and `exported` in the form of `reconcile_match`, of the window and some time around it."""

    window: Window
    orders: pd.DataFrame
    exported: pd.DataFrame


def read_both_sides(run: SyncRun, target: Staging) -> Sides:
    """Read the list and the export, or the files that an earlier attempt staged."""
    window = window_of(run)
    if not target.has(LISTED):
        wait_for_the_index(run)
        wide = window.widened(timedelta(minutes=run.settings.run.overlap_minutes))
        target.write_table(LISTED, _read_list(run, wide))
    orders = target.read_frame(LISTED)
    if not target.has(EXPORTED):
        target.write_table(EXPORTED, _read_export(run, target, _days_around(window, orders, run.now())))
    exported = target.read_frame(EXPORTED)
    exported["at"] = pd.to_datetime(exported["at"], utc=True, errors="coerce", format="ISO8601")
    exported = _drop_undated(exported)
    number = exported["row"].nunique()
    log.info("VTEX lists %s, Connectif exports %s", plural(len(orders), "order"), plural(number, "purchase"))
    return Sides(window, orders, exported)


def _drop_undated(exported: pd.DataFrame) -> pd.DataFrame:
    """Drop undated rows whose id also has a dated row, for example from a file about products."""
    dated = exported["at"].notna()
    return exported[dated | ~exported["id"].isin(exported["id"][dated])]


def _read_list(run: SyncRun, wide: Window) -> pa.Table:
    field, rules = DATE_FIELD[run.settings.purchases.purchase_when], rules_of(run)
    rows = (listed_order(entry, field, rules) for entry in list_window(run.vtex, field, wide))
    return _table(rows, _ORDERS)


def _days_around(window: Window, orders: pd.DataFrame, now: datetime) -> Window:
    """The window and the creation of its orders (often before payment), with one more day on both sides.

    The future is left out: Connectif does not document exports of the future.
    """
    first = min([window.start, *orders["placed"].dropna().nsmallest(1)])
    return Window(first - _MARGIN, max(min(window.end + _MARGIN, now), window.end))


def _read_export(run: SyncRun, journal: Staging, days: Window) -> pa.Table:
    rows = exporter_of(run, journal).activities([PURCHASE], days, PURCHASE_ID)
    return _table(_rows_of_ids(rows), _EXPORTED_IDS)


def _rows_of_ids(rows: Iterator[dict[str, str]]) -> Iterator[tuple[int, str, str]]:
    """(number of the row, id, date) for each id in a row, because several columns may hold an id."""
    is_date = cache(lambda column: "date" in column or "fecha" in column)
    for number, row in enumerate(rows):
        at = next((cell for column, cell in row.items() if is_date(column)), "")
        for purchase_id in dict.fromkeys(PURCHASE_ID.cells(row)):
            yield number, purchase_id, at


def _table(rows: Iterator[tuple[object, ...]], schema: pa.Schema) -> pa.Table:
    """Rows → columns, some thousands at a time."""
    pieces = [schema.empty_table()]
    for batch in in_batches(rows, _ROWS_AT_A_TIME):
        columns = zip(zip(*batch, strict=True), schema, strict=True)
        pieces.append(pa.table([pa.array(values, field.type) for values, field in columns], schema=schema))
    return pa.concat_tables(pieces)
