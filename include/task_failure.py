"""Why a task failed, in one sentence without personal data."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from include.airflow_paths import task_log_path
from include.errors import SyncError

KILLED = (
    "the process of the task ended without an error, because it was killed or its machine was lost: "
    "the last lines of the task's log say more"
)
NOT_RECORDED = (
    "the task recorded no error, because its process was killed or the state store was out of reach: "
    "the last lines of the task's log say more"
)


class TaskFailure(BaseModel):
    """The failure of a task's last try. `log` is the path of its log in Airflow's UI.

    `error` is the class of the error, or empty if none is known. `retried`: Airflow tries the task again.
    `try_number` is None if the task recorded no failure.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: str
    map_index: int = -1
    try_number: int | None = None
    error: str = ""
    sentence: str
    failed_at: datetime
    retried: bool = False
    log: str

    def __str__(self) -> str:
        """`load, try 3: VTEX, Master Data search: HTTP 503 …`."""
        tried = f", try {self.try_number}" if self.try_number else ""
        return f"{self.task}{tried}: {self.sentence}"


def task_failure(
    dag_id: str,
    run_id: str,
    task_id: str,
    *,
    map_index: int,
    try_number: int,
    error: BaseException | None,
    failed_at: datetime,
    retried: bool = False,
) -> TaskFailure:
    """Describe the failure of a try; `error` is None if the process ended without one."""
    return TaskFailure(
        task=task_id,
        map_index=map_index,
        try_number=try_number,
        error=type(error).__name__ if error is not None else "",
        sentence=sentence_of(error),
        failed_at=failed_at,
        retried=retried,
        log=task_log_path(dag_id, run_id, task_id, map_index, try_number),
    )


def unrecorded_failure(dag_id: str, run_id: str, task_id: str, now: datetime) -> TaskFailure:
    """The failure of a task that recorded none."""
    log = task_log_path(dag_id, run_id, task_id)
    return TaskFailure(task=task_id, sentence=NOT_RECORDED, failed_at=now, log=log)


def sentence_of(error: BaseException | None) -> str:
    """The message of our own errors, which holds no personal data. Of all other errors only the class."""
    if isinstance(error, SyncError):
        return str(error)
    if error is None:
        return KILLED
    return f"{type(error).__name__}: the last lines of the task's log say more"
