"""The report of each run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from include.outcomes import Area
from include.report import Report
from include.store.database import Part
from include.store.tables import run

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True)
class StoredReport:
    """One run and its report. `run_key` is the run and its clear number; `state` is the caller's word."""

    area: Area
    dag_id: str
    run_id: str
    clear_number: int
    run_key: str
    state: str
    started_at: datetime
    finished_at: datetime | None
    report: Report


class Reports(Part):
    """One row per run and clear."""

    def save_report(
        self,
        report: Report,
        area: Area,
        *,
        dag_id: str,
        run_id: str,
        clear_number: int,
        run_key: str,
        state: str,
        started_at: datetime,
        finished_at: datetime | None,
    ) -> None:
        """Write the report of a run, over what was there for the same `run_key`."""
        values = {
            "area": area,
            "dag_id": dag_id,
            "run_id": run_id,
            "clear_number": clear_number,
            "state": state,
            "started_at": started_at,
            "finished_at": finished_at,
            "report": report.model_dump(mode="json"),
        }
        insert = self._database.insert(run).values(pair_id=self._database.pair_id, run_key=run_key, **values)
        new = {name: insert.excluded[name] for name in values}
        with self._database.write() as connection:
            connection.execute(insert.on_conflict_do_update(index_elements=["pair_id", "run_key"], set_=new))

    def reports(self, area: Area, limit: int = 1, *, since: datetime | None = None) -> list[StoredReport]:
        """The last runs of an area (that started `since` then), the youngest first."""
        query = (
            sa.select(run)
            .where(run.c.pair_id == self._database.pair_id, run.c.area == area)
            .order_by(run.c.started_at.desc())
            .limit(limit)
        )
        if since is not None:
            query = query.where(run.c.started_at >= since)
        with self._database.read() as connection:
            return [_stored(row) for row in connection.execute(query).mappings()]


def _stored(row: sa.RowMapping) -> StoredReport:
    return StoredReport(
        area=Area(row["area"]),
        dag_id=row["dag_id"],
        run_id=row["run_id"],
        clear_number=row["clear_number"],
        run_key=row["run_key"],
        state=row["state"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        report=Report.model_validate(row["report"]),
    )
