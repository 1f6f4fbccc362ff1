"""Retention: removes old rows of a shop, and of shops that no longer run."""

from __future__ import annotations

import time
from dataclasses import fields
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from include.state.database import Part
from include.state.shop import Shop
from include.state.tables import claim, posting, purchase, record, run, taken_event, task_failure, vendor_text
from include.state.tables import shop as shops

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

ROWS_AT_ONCE = 1_000
"""Rows of one transaction: it limits how long other processes wait for SQLite's single writer."""
_PAUSE_SECONDS = 0.02
_MAX_SECONDS = 60.0
ABANDONED_AFTER = timedelta(days=30)
"""A shop without a run for so long no longer removes its own rows and files: the other shops do."""


class Retention(Part):
    """Removes old rows of the shop, and of the shops in the state store that no longer run.

    It uses small transactions with a pause between them, for at most a minute; the next run removes the rest.
    Rows that another process is writing are skipped.
    """

    def shops(self) -> list[Shop]:
        """The shops whose old rows and files this shop's runs remove."""
        columns = [shops.c[field.name] for field in fields(Shop)]
        with self._database.read() as connection:
            query = sa.select(*columns).where(shops.c.shop_id.in_(self._shop_ids()))
            return [Shop(*row) for row in connection.execute(query)]

    def remove_outcomes(self, before: datetime) -> int:
        """Remove outcomes of records and purchases that were last seen before then; returns how many.

        Vendors' texts, and rows that interrupted runs left for a retry, are removed at the same age.
        """
        others = (vendor_text.c.last_seen, posting.c.marked_at, taken_event.c.taken_at, claim.c.claimed_at)
        for seen in others:
            for _ in self._batches(seen.table, seen < before):
                pass
        return sum(sum(self._batches(table, table.c.last_seen < before)) for table in (record, purchase))

    def remove_reports(self, before: datetime) -> int:
        """Remove reports of runs that started before then; returns how many.

        Failures of tasks are removed at the same age.
        """
        for _ in self._batches(task_failure, task_failure.c.failed_at < before):
            pass
        return sum(self._batches(run, run.c.started_at < before))

    def _batches(self, table: sa.Table, is_old: sa.ColumnElement[bool]) -> Iterator[int]:
        """Remove old rows; yields the number of each transaction."""
        key = tuple(table.primary_key.columns)
        is_ours = table.c.shop_id.in_(self._shop_ids())
        batch = sa.select(*key).where(is_old, is_ours).limit(ROWS_AT_ONCE).with_for_update(skip_locked=True)
        statement = sa.delete(table).where(sa.tuple_(*key).in_(batch))
        end = time.monotonic() + _MAX_SECONDS
        removed = ROWS_AT_ONCE
        while removed == ROWS_AT_ONCE and time.monotonic() < end:
            with self._database.write() as connection:
                removed = connection.execute(statement).rowcount
            yield removed
            time.sleep(_PAUSE_SECONDS if removed == ROWS_AT_ONCE else 0)

    def _shop_ids(self) -> sa.Select[tuple[int]]:
        recent = run.c.started_at >= self._database.clock() - ABANDONED_AFTER
        runs = sa.exists().where(run.c.shop_id == shops.c.shop_id, recent)
        return sa.select(shops.c.shop_id).where((shops.c.shop_id == self._database.shop_id) | ~runs)
