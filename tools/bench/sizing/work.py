"""What each task does: the functions that the tasks of the DAGs call, with the clients of `make bench`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from include.outcomes import PipelineName
from include.pipeline.comparison import plan_comparison
from include.pipeline.finish import finish
from include.pipeline.run import SyncRun, run_stage
from include.pipelines import DAILY_PIPELINES, PipelineCode
from include.plan import RunRequest
from include.run_name import RunIdentity
from include.state.tables import metadata
from tools.bench.client import Meter, apply_events, clients_of, run_of, state_of
from tools.bench.sizing.task_process import APPLY

STAGES = ("extract", "transform", "load")
REPORT = "report"


def prepare(pipeline: str, task: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Import the task's code; returns the function that does the work of a job."""
    if task == APPLY:
        return _apply
    code = DAILY_PIPELINES[PipelineName(pipeline)].code()
    return partial(_run_task, code, task)


def _run_task(code: PipelineCode, task: str, job: Mapping[str, Any]) -> dict[str, Any]:
    vtex, connectif = clients_of(job["connections"], 0)
    meter = Meter(vtex, connectif)
    with state_of(Path(job["folder"]), vtex, connectif) as state:
        run = run_of(dict(job), vtex, connectif, state)
        with meter.stage(task):
            _do(run, code, task)
    return {"calls": meter.stages[0].calls, **_state_size(Path(job["folder"]))}


def _do(run: SyncRun, code: PipelineCode, task: str) -> None:
    folders = {name: run.staging.within(name) for name in STAGES}
    match task:
        case "extract":
            run_stage(run, task, code.extract)
        case "transform":
            run_stage(run, task, code.transform, source=folders["extract"])
        case "load":
            run_stage(run, task, code.load, source=folders["transform"])
        case "report":
            finish(run, RunIdentity("bench", run.run_key, 0, run.now()), folders)
        case _:
            run_stage(_reconcile_run(run), task, code.compare)


def _reconcile_run(run: SyncRun) -> SyncRun:
    """The run of `reconcile` on the same shop, with its default window."""
    request = RunRequest(run_type="manual", run_after=datetime.now(UTC))
    plan = plan_comparison(request, run.pipeline, run.settings)
    return replace(run, plan=plan, backfill=True, allow_empty=True)


def _apply(job: Mapping[str, Any]) -> dict[str, Any]:
    vtex, connectif = clients_of(job["connections"], 0)
    meter = Meter(vtex, connectif)
    with state_of(Path(job["folder"]), vtex, connectif) as state:
        apply_events(vtex, state, meter, job["scenario"]["records"])
    return {"calls": meter.stages[0].calls, **_state_size(Path(job["folder"]))}


def _state_size(folder: Path) -> dict[str, int]:
    """All rows of the state store, and the bytes of its file."""
    database = folder / "state.db"
    engine = sa.create_engine(f"sqlite:///{database}")
    with engine.connect() as connection:
        counts = [
            connection.scalar(sa.select(sa.func.count()).select_from(table))
            for table in metadata.sorted_tables
        ]
    engine.dispose()
    return {"state_rows": sum(filter(None, counts)), "state_bytes": database.stat().st_size}
