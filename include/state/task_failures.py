"""The failure of each task whose last try did not succeed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from include.airflow_paths import task_log_path
from include.state.database import Part
from include.state.tables import task_failure
from include.task_failure import TaskFailure

if TYPE_CHECKING:
    from datetime import datetime

_OF_THE_TRY = {"try_number", "error", "sentence", "failed_at", "retried"}


@dataclass(frozen=True)
class StoredFailure:
    """A failure and its run. A cleared run has a new `run_started_at`."""

    dag_id: str
    run_id: str
    run_started_at: datetime
    failure: TaskFailure


class TaskFailures(Part):
    """One row per run and task. A later try of the task replaces or removes it."""

    def save(self, stored: StoredFailure) -> None:
        """Write the failure, in place of an earlier one of the same task."""
        failure = stored.failure
        values = {"run_started_at": stored.run_started_at, **failure.model_dump(include=_OF_THE_TRY)}
        insert = self._database.insert(task_failure).values(
            shop_id=self._database.shop_id,
            dag_id=stored.dag_id,
            run_id=stored.run_id,
            task_id=failure.task,
            map_index=failure.map_index,
            **values,
        )
        with self._database.write() as connection:
            connection.execute(
                insert.on_conflict_do_update(index_elements=list(task_failure.primary_key), set_=values)
            )

    def remove(self, dag_id: str, run_id: str, task_id: str, map_index: int) -> None:
        """Remove the failure of a task that has succeeded since."""
        key = (*self._of(dag_id), task_failure.c.run_id == run_id, task_failure.c.task_id == task_id)
        statement = sa.delete(task_failure).where(*key, task_failure.c.map_index == map_index)
        with self._database.write() as connection:
            connection.execute(statement)

    def of_run(self, dag_id: str, run_id: str, run_started_at: datetime) -> list[TaskFailure]:
        """The failures of a run since it was started or cleared, the earliest first."""
        found = self._select(
            *self._of(dag_id),
            task_failure.c.run_id == run_id,
            task_failure.c.run_started_at == run_started_at,
        )
        return [stored.failure for stored in found]

    def since(self, dag_id: str, run_started_at: datetime) -> list[StoredFailure]:
        """The failures of a DAG in runs that started at or after then, the earliest first."""
        return self._select(*self._of(dag_id), task_failure.c.run_started_at >= run_started_at)

    def _of(self, dag_id: str) -> tuple[sa.ColumnElement[bool], ...]:
        return task_failure.c.shop_id == self._database.shop_id, task_failure.c.dag_id == dag_id

    def _select(self, *where: sa.ColumnElement[bool]) -> list[StoredFailure]:
        query = (
            sa.select(task_failure).where(*where).order_by(task_failure.c.failed_at, task_failure.c.task_id)
        )
        with self._database.read() as connection:
            return [_to_stored_failure(row) for row in connection.execute(query).mappings()]


def _to_stored_failure(row: sa.RowMapping) -> StoredFailure:
    run, task = (row["dag_id"], row["run_id"]), (row["task_id"], row["map_index"])
    failure = TaskFailure(
        task=row["task_id"],
        map_index=row["map_index"],
        log=task_log_path(*run, *task, row["try_number"]),
        **{name: row[name] for name in _OF_THE_TRY},
    )
    return StoredFailure(*run, row["run_started_at"], failure)
