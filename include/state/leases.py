"""Leases: only one run of one installation does a writing stage at a time, until its lease expires."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from include.state.database import Part
from include.state.tables import lease

if TYPE_CHECKING:
    from include.outcomes import PipelineName

LEASE = timedelta(minutes=3)
"""How long a lease lasts without renewal.

It is longer than a restart of PostgreSQL and SQLite's wait of 30 seconds, so that a running run keeps its
lease. It is shorter than the first three retry delays of Airflow together (at least 40, 80 and 160 seconds):
after a kill, another run continues with its third retry at the latest.
"""


@dataclass(frozen=True)
class Lease:
    """The run that holds a stage. `remaining_seconds` uses the same clock as the expiry."""

    run_key: str
    owner: str
    expires_at: datetime
    remaining_seconds: float


class Leases(Part):
    """One row per pipeline and stage. Expiry uses PostgreSQL's clock, or this machine's clock for SQLite."""

    def take(self, pipeline: PipelineName, stage: str, run_key: str, owner: str) -> Lease | None:
        """Take the lease; after a kill, a run takes its own lease again.

        Returns None on success, else the unexpired lease of the other run.
        """
        insert = self._database.insert(lease)
        with self._database.write() as connection:
            now = self._database.now(connection)
            self._shorten(connection, pipeline, stage, now)
            free = sa.or_(lease.c.run_key == run_key, lease.c.expires_at <= now)
            row = {"run_key": run_key, "owner": owner[:500], "acquired_at": now, "expires_at": now + LEASE}
            values = insert.values(shop_id=self._database.shop_id, pipeline=pipeline, stage=stage, **row)
            connection.execute(
                values.on_conflict_do_update(index_elements=list(lease.primary_key), set_=row, where=free)
            )
            held = connection.execute(sa.select(lease).where(*self._of(pipeline, stage))).one()
        if held.run_key == run_key:
            return None
        return Lease(held.run_key, held.owner, held.expires_at, (held.expires_at - now).total_seconds())

    def renew(self, pipeline: PipelineName, stage: str, run_key: str) -> bool:
        """Extend the run's own lease. False if another run has taken it."""
        with self._database.write() as connection:
            until = self._database.now(connection) + LEASE
            mine = sa.update(lease).where(*self._of(pipeline, stage), lease.c.run_key == run_key)
            return bool(connection.execute(mine.values(expires_at=until)).rowcount)

    def release(self, pipeline: PipelineName, stage: str, run_key: str) -> None:
        """Remove the run's own lease, but never another run's."""
        mine = sa.delete(lease).where(*self._of(pipeline, stage), lease.c.run_key == run_key)
        with self._database.write() as connection:
            connection.execute(mine)

    def _of(self, pipeline: PipelineName, stage: str) -> tuple[sa.ColumnElement[bool], ...]:
        return lease.c.shop_id == self._database.shop_id, lease.c.pipeline == pipeline, lease.c.stage == stage

    def _shorten(self, connection: sa.Connection, pipeline: PipelineName, stage: str, now: datetime) -> None:
        """Shorten a lease that lasts longer than `LEASE`: the clock was set back after it was written."""
        later = sa.update(lease).where(*self._of(pipeline, stage), lease.c.expires_at > now + LEASE)
        connection.execute(later.values(expires_at=now + LEASE))
