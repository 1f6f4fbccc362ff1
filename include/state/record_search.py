"""Search in the outcomes of records: filter, count, order, page by page, and all of them for a download."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from include.outcomes import PipelineName
from include.state.database import Part
from include.state.records import StoredOutcome, to_stored_outcome
from include.state.tables import record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from include.outcomes import Outcome, Reason

DOWNLOAD_BATCH = 5_000
"""Rows that a download reads at once: its memory does not grow with the number of records."""


class Seen(StrEnum):
    """The instant that a range of time applies to."""

    LAST = "last_seen"
    FIRST = "first_seen"


class RecordOrder(StrEnum):
    """The order of a list: last seen first, first seen first, most attempts first, or by key."""

    LAST_SEEN = "last_seen"
    FIRST_SEEN = "first_seen"
    ATTEMPTS = "attempts"
    KEY = "key"


@dataclass(frozen=True)
class RecordFilter:
    """The records to find; an empty field selects all.

    `run` is a run key, or its beginning `dag_id/run_id`. `text` is a part of the key or of the detail, in any
    case. `since` and `until` limit the instant `seen`; `until` is excluded.
    """

    pipelines: tuple[PipelineName, ...]
    outcome: Outcome | None = None
    reason: Reason | None = None
    run: str = ""
    text: str = ""
    seen: Seen = Seen.LAST
    since: datetime | None = None
    until: datetime | None = None


class FoundRecord(NamedTuple):
    """A stored outcome and the pipeline that it belongs to."""

    pipeline: PipelineName
    stored: StoredOutcome


class RunRecords(NamedTuple):
    """A run, and how many records it saw last."""

    run_key: str
    records: int


_ORDERS: dict[RecordOrder, tuple[sa.ColumnElement[object], ...]] = {
    RecordOrder.LAST_SEEN: (record.c.last_seen.desc(),),
    RecordOrder.FIRST_SEEN: (record.c.first_seen,),
    RecordOrder.ATTEMPTS: (record.c.attempts.desc(), record.c.last_seen.desc()),
    RecordOrder.KEY: (),
}


class RecordSearch(Part):
    """Reads the outcomes of records. Records of one page and the next may change in between."""

    def count(self, wanted: RecordFilter) -> int:
        """The number of records that match."""
        query = sa.select(sa.func.count()).select_from(record).where(*self._matches(wanted))
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def page(self, wanted: RecordFilter, order: RecordOrder, *, limit: int, offset: int) -> list[FoundRecord]:
        """A part of the matching records. Records that are equal in this order are sorted by their keys."""
        query = (
            sa.select(record)
            .where(*self._matches(wanted))
            .order_by(*_ORDERS[order], record.c.record_key, record.c.pipeline)
            .limit(limit)
            .offset(offset)
        )
        with self._database.read() as connection:
            return [_to_found(row) for row in connection.execute(query).mappings()]

    def all(self, wanted: RecordFilter, batch: int = DOWNLOAD_BATCH) -> Iterator[list[FoundRecord]]:
        """All matching records in batches, by pipeline and key. No record is returned twice.

        Each batch is a transaction of its own and continues after the last key, so a slow reader holds no
        lock. A record that starts or stops matching in the meantime may be in the result or not.
        """
        for pipeline in wanted.pipelines:
            after = ""
            while rows := self._batch_after(wanted, pipeline, after, batch):
                yield rows
                after = rows[-1].stored.key

    def runs(self, pipelines: Sequence[PipelineName], limit: int = 50) -> list[RunRecords]:
        """The runs that saw these pipelines' records last, the newest first."""
        query = (
            sa.select(record.c.run_key, sa.func.count().label("records"))
            .where(record.c.shop_id == self._database.shop_id, record.c.pipeline.in_(pipelines))
            .group_by(record.c.run_key)
            .order_by(sa.func.max(record.c.last_seen).desc(), record.c.run_key)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [RunRecords(row.run_key, row.records) for row in connection.execute(query)]

    def _batch_after(
        self, wanted: RecordFilter, pipeline: PipelineName, after: str, limit: int
    ) -> list[FoundRecord]:
        query = (
            sa.select(record)
            .where(
                record.c.shop_id == self._database.shop_id,
                record.c.pipeline == pipeline,
                record.c.record_key > after,
                *_conditions(wanted, use_indexes=False),
            )
            .order_by(record.c.record_key)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [_to_found(row) for row in connection.execute(query).mappings()]

    def _matches(self, wanted: RecordFilter) -> tuple[sa.ColumnElement[bool], ...]:
        of_shop = (record.c.shop_id == self._database.shop_id, record.c.pipeline.in_(wanted.pipelines))
        return (*of_shop, *_conditions(wanted))


def _conditions(wanted: RecordFilter, *, use_indexes: bool = True) -> Iterator[sa.ColumnElement[bool]]:
    """The conditions of a filter except shop and pipeline.

    Without indexes, a query in the order of the primary key reads each row once. With them, SQLite would sort
    all rows of a reason again for each batch.
    """
    if wanted.outcome is not None:
        yield record.c.outcome == wanted.outcome
    if wanted.reason is not None:
        reason = record.c.reason if use_indexes else sa.func.coalesce(record.c.reason, "")
        yield reason == wanted.reason
    if wanted.run:
        run_key = record.c.run_key if use_indexes else sa.func.coalesce(record.c.run_key, "")
        yield sa.or_(run_key == wanted.run, run_key.startswith(f"{wanted.run}/", autoescape=True))
    if wanted.text:
        yield sa.or_(
            record.c.record_key.icontains(wanted.text, autoescape=True),
            record.c.detail.icontains(wanted.text, autoescape=True),
        )
    if wanted.since is not None:
        yield record.c[wanted.seen] >= wanted.since
    if wanted.until is not None:
        yield record.c[wanted.seen] < wanted.until


def _to_found(row: sa.RowMapping) -> FoundRecord:
    return FoundRecord(PipelineName(row["pipeline"]), to_stored_outcome(row))
