"""The report of each run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from include.outcomes import PipelineName
from include.report import Report
from include.state.database import Part
from include.state.tables import run

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True)
class StoredReport:
    """One run and its report. `run_key` names the run and its clear number; the caller sets `state`."""

    pipeline: PipelineName
    dag_id: str
    run_id: str
    clear_number: int
    run_key: str
    state: str
    started_at: datetime
    finished_at: datetime | None
    report: Report


class Reports(Part):
    """One row per run and clear number."""

    def save(
        self,
        report: Report,
        pipeline: PipelineName,
        *,
        dag_id: str,
        run_id: str,
        clear_number: int,
        run_key: str,
        state: str,
        started_at: datetime,
        finished_at: datetime | None,
    ) -> None:
        """Write the report of a run, in place of an earlier one with the same `run_key`."""
        values = {
            "pipeline": pipeline,
            "dag_id": dag_id,
            "run_id": run_id,
            "clear_number": clear_number,
            "state": state,
            "started_at": started_at,
            "finished_at": finished_at,
            "report": report.model_dump(mode="json"),
        }
        insert = self._database.insert(run).values(shop_id=self._database.shop_id, run_key=run_key, **values)
        new = {name: insert.excluded[name] for name in values}
        with self._database.write() as connection:
            connection.execute(insert.on_conflict_do_update(index_elements=["shop_id", "run_key"], set_=new))

    def latest(
        self, pipeline: PipelineName, limit: int = 1, *, since: datetime | None = None
    ) -> list[StoredReport]:
        """The last runs of a pipeline, the newest first; with `since`, those that started at or after it."""
        query = (
            sa.select(run)
            .where(run.c.shop_id == self._database.shop_id, run.c.pipeline == pipeline)
            .order_by(run.c.started_at.desc())
            .limit(limit)
        )
        if since is not None:
            query = query.where(run.c.started_at >= since)
        with self._database.read() as connection:
            return [_to_stored_report(row) for row in connection.execute(query).mappings()]


def _to_stored_report(row: sa.RowMapping) -> StoredReport:
    return StoredReport(
        pipeline=PipelineName(row["pipeline"]),
        dag_id=row["dag_id"],
        run_id=row["run_id"],
        clear_number=row["clear_number"],
        run_key=row["run_key"],
        state=row["state"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        report=Report.model_validate(row["report"]),
    )
