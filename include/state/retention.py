"""What is old enough goes, also that of shops for which nothing runs any more."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import sqlalchemy as sa

from include.state.database import Part
from include.state.tables import claim, posting, purchase, record, run, taken_event, vendor_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

ROWS_AT_ONCE = 1_000
"""Rows of one transaction: whoever waits for SQLite's one writer waits no longer than that takes."""
_BREATH_SECONDS = 0.02
_LONGEST_SECONDS = 60.0


class Retention(Part):
    """Removes what was last seen too long ago, of all pairs that share the store.

    In small transactions with a breath between them, and for a minute at the most: what is left then goes
    the next time. Rows that somebody else is writing are passed over.
    """

    def remove_outcomes(self, before: datetime) -> int:
        """Remove outcomes of records and answers to purchases, last seen before then; returns how many.

        What vendors said of records, and what interrupted runs have left for a retry, goes at the same age.
        """
        others = (vendor_text.c.last_seen, posting.c.marked_at, taken_event.c.taken_at, claim.c.claimed_at)
        for seen in others:
            for _ in self._batches(seen.table, seen < before):
                pass
        return sum(sum(self._batches(table, table.c.last_seen < before)) for table in (record, purchase))

    def remove_reports(self, before: datetime) -> int:
        """Remove reports of runs that began before then; returns how many."""
        return sum(self._batches(run, run.c.started_at < before))

    def _batches(self, table: sa.Table, is_old: sa.ColumnElement[bool]) -> Iterator[int]:
        """Remove old rows; yields the number of each transaction."""
        key = tuple(table.primary_key.columns)
        some = sa.select(*key).where(is_old).limit(ROWS_AT_ONCE).with_for_update(skip_locked=True)
        statement = sa.delete(table).where(sa.tuple_(*key).in_(some))
        end = time.monotonic() + _LONGEST_SECONDS
        removed = ROWS_AT_ONCE
        while removed == ROWS_AT_ONCE and time.monotonic() < end:
            with self._database.write() as connection:
                removed = connection.execute(statement).rowcount
            yield removed
            time.sleep(_BREATH_SECONDS if removed == ROWS_AT_ONCE else 0)
