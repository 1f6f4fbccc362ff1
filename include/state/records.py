"""The outcome of each record that was not simply sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from include.batching import in_batches
from include.outcomes import Outcome, Reason
from include.state.database import Part
from include.state.tables import record

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from include.outcomes import PipelineName

BATCH = 5_000
"""Rows of one transaction: it limits how long other processes wait for SQLite's single writer."""
REPLAYED = (Outcome.REJECTED, Outcome.HELD)
"""The outcomes that a replay of "all" sends again. A reason code or a key selects any unsent record."""


class RecordOutcome(NamedTuple):
    """`key` is a `CL` document id, product id or order id; `detail` a sentence without personal data."""

    key: str
    outcome: Outcome
    reason: Reason | None = None
    detail: str = ""


class StoredOutcome(NamedTuple):
    """The last outcome of a record, and its run. `attempts` counts the runs since `first_seen`."""

    key: str
    outcome: Outcome
    reason: Reason | None
    detail: str
    run_key: str
    attempts: int
    first_seen: datetime
    last_seen: datetime


class Records(Part):
    """One row per record: its last outcome. A rejected record that is sent later is saved as sent."""

    def save(self, pipeline: PipelineName, run_key: str, rows: Iterable[RecordOutcome]) -> None:
        """Write the outcomes of a run. A repeated call for the same run changes only `last_seen`.

        Another run counts as another attempt; after `sent` the count starts again.
        """
        now = self._database.clock()
        shared = {"shop_id": self._database.shop_id, "pipeline": pipeline, "run_key": run_key}
        times = {"attempts": 1, "first_seen": now, "last_seen": now}
        statement = self._upsert()
        for batch in in_batches(rows, BATCH):
            # PostgreSQL rejects a statement with the same key twice: the last row wins
            latest = {row.key: row for row in batch}
            with self._database.write() as connection:
                connection.execute(statement, [shared | times | _to_columns(row) for row in latest.values()])

    def outcomes(
        self,
        pipeline: PipelineName,
        *,
        run_key: str | None = None,
        outcome: Outcome | None = None,
        reason: Reason | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[StoredOutcome]:
        """Records of a pipeline, the last seen first; with `run_key` only those that this run saw last."""
        query = (
            sa.select(record)
            .where(record.c.shop_id == self._database.shop_id, record.c.pipeline == pipeline)
            .order_by(record.c.last_seen.desc(), record.c.record_key)
            .limit(limit)
            .offset(offset)
        )
        for column, wanted in (
            (record.c.run_key, run_key),
            (record.c.outcome, outcome),
            (record.c.reason, reason),
        ):
            if wanted is not None:
                query = query.where(column == wanted)
        with self._database.read() as connection:
            return [to_stored_outcome(row) for row in connection.execute(query).mappings()]

    def outcomes_of(self, pipeline: PipelineName, keys: Iterable[str]) -> dict[str, StoredOutcome]:
        """The stored outcomes of these keys, by key."""
        found: dict[str, StoredOutcome] = {}
        with self._database.read() as connection:
            for batch in in_batches(keys, BATCH):
                query = sa.select(record).where(
                    record.c.shop_id == self._database.shop_id,
                    record.c.pipeline == pipeline,
                    record.c.record_key.in_(batch),
                )
                found |= {
                    row["record_key"]: to_stored_outcome(row) for row in connection.execute(query).mappings()
                }
        return found

    def open_keys(self, pipeline: PipelineName, keys: Iterable[str]) -> set[str]:
        """The keys whose stored outcome is not `sent`."""
        found: set[str] = set()
        is_open = self._is_open(pipeline)
        with self._database.read() as connection:
            if connection.execute(sa.select(record.c.pipeline).where(*is_open).limit(1)).first() is None:
                return found
            for batch in in_batches(keys, BATCH):
                query = sa.select(record.c.record_key).where(*is_open, record.c.record_key.in_(batch))
                found.update(connection.execute(query).scalars())
        return found

    def keys_to_replay(self, pipeline: PipelineName, wanted: str) -> list[str]:
        """Sorted keys of records that were not sent; `wanted` is "all" (rejected or held), a reason code, or
        a key."""
        query = sa.select(record.c.record_key).where(*self._is_open(pipeline))
        query = query.where(replay_condition(record, record.c.record_key, wanted)).order_by(
            record.c.record_key
        )
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())

    def _is_open(self, pipeline: PipelineName) -> tuple[sa.ColumnElement[bool], ...]:
        return (
            record.c.shop_id == self._database.shop_id,
            record.c.pipeline == pipeline,
            record.c.outcome != Outcome.SENT,
        )

    def _upsert(self) -> sa.Insert:
        insert = self._database.insert(record)
        new = insert.excluded
        was_sent = record.c.outcome == Outcome.SENT
        again = sa.case((record.c.run_key == new.run_key, record.c.attempts), else_=record.c.attempts + 1)
        return insert.on_conflict_do_update(
            index_elements=["shop_id", "pipeline", "record_key"],
            set_={
                **{name: new[name] for name in ("run_key", "outcome", "reason", "detail", "last_seen")},
                "attempts": sa.case((was_sent, new.attempts), else_=again),
                "first_seen": sa.case((was_sent, new.first_seen), else_=record.c.first_seen),
            },
        )


def replay_condition(table: sa.Table, key: sa.Column[str], wanted: str) -> sa.ColumnElement[bool]:
    """The condition for a replay: "all" rejected and held rows, the rows of a reason code, or one key."""
    if wanted == "all":
        return table.c.outcome.in_(REPLAYED)
    return table.c.reason == wanted if wanted in set(Reason) else key == wanted


def _to_columns(row: RecordOutcome) -> dict[str, str | None]:
    return {"record_key": row.key, "outcome": row.outcome, "reason": row.reason, "detail": row.detail}


def to_stored_outcome(row: sa.RowMapping) -> StoredOutcome:
    return StoredOutcome(
        key=row["record_key"],
        outcome=Outcome(row["outcome"]),
        reason=None if row["reason"] is None else Reason(row["reason"]),
        detail=row["detail"],
        run_key=row["run_key"],
        attempts=row["attempts"],
        first_seen=row["first_seen"],
        last_seen=row["last_seen"],
    )
