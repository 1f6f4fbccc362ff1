"""Measures the tasks of a pipeline one after the other, each in a process of its own, and an idle worker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from include.outcomes import PipelineName
from include.staging import Staging
from tools.bench.measure import READY_SECONDS
from tools.bench.scenarios import Scenario
from tools.bench.sizing.figures import IdleWorker, ImportFiles, TaskFigures
from tools.bench.sizing.task_process import APPLY, COMPARE
from tools.processes import ProcessFailed, Service, deferring_signals, family, ignoring_signals, start, stop
from tools.sandbox_shop import ROOT, running_sandbox, sandbox_connections

SIZES = {
    PipelineName.CONTACTS: (100_000, 1_000_000),
    PipelineName.PRODUCTS: (50_000, 200_000),
    PipelineName.PURCHASES: (20_000,),
    PipelineName.NEWSLETTER: (500,),  # the most events of one run
}
TASKS = {
    PipelineName.CONTACTS: ("extract", "transform", "load", "report", COMPARE),
    PipelineName.PRODUCTS: ("extract", "transform", "load", "report", COMPARE),
    PipelineName.PURCHASES: ("extract", "transform", "load", "report", COMPARE),
    PipelineName.NEWSLETTER: (APPLY,),
}
_SLOTS = (1, 5)
_WORKER_READY_SECONDS = 120.0
_STEADY_SECONDS = 3.0


def measure_tasks(pipeline: PipelineName, records: int, logs: Path) -> Iterator[TaskFigures]:
    """Run the tasks against a sandbox without limits, on each day of the scenario.

    The sandbox is another process. Raises ProcessFailed if a task fails.
    """
    scenario = Scenario(pipeline, records)
    options = scenario.sandbox_options
    with (
        running_sandbox(logs, options=options, ready_seconds=_ready_seconds(records)) as sandbox,
        tempfile.TemporaryDirectory(prefix="sizing-") as folder,
    ):
        for day in range(1, scenario.days + 1):
            for task in TASKS[pipeline]:
                job = {
                    "scenario": scenario.to_json(),
                    "connections": sandbox_connections(sandbox),
                    "folder": folder,
                    "day": day,
                    "days_ago": 0,
                    "bucket": None,
                    "task": task,
                }
                cost = _run(job, scenario.settings)
                yield _figures(scenario, day, task, cost, Path(folder) / f"day-{day}" / task)


def _ready_seconds(records: int) -> float:
    """The sandbox makes its records before it is ready."""
    return READY_SECONDS + records / 1_000


def _run(job: Mapping[str, Any], settings: dict[str, str]) -> dict[str, Any]:
    """Run one task in a process of its own; returns its cost."""
    process = subprocess.Popen(
        (sys.executable, "-m", "tools.bench.sizing.task_process"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | _airflow(Path(job["folder"])) | settings,
        start_new_session=True,
    )
    try:
        answer, _ = process.communicate(json.dumps(job))
    except BaseException:
        process.kill()
        raise
    if process.returncode:
        raise ProcessFailed(f"{job['task']} ended with status {process.returncode}; see its message above")
    cost: dict[str, Any] = json.loads(answer.splitlines()[-1])
    return cost


def _airflow(home: Path) -> dict[str, str]:
    """An Airflow without a database, whose files stay in a folder of the measurement."""
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__CELERY__BROKER_URL": "memory://",
        "AIRFLOW__CELERY__RESULT_BACKEND": "cache+memory://",
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "plugins"))),
    }


def _figures(scenario: Scenario, day: int, task: str, cost: Mapping[str, Any], folder: Path) -> TaskFigures:
    return TaskFigures(
        pipeline=str(scenario.pipeline),
        records=scenario.records,
        day=day,
        task=task,
        staged_bytes=sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()),
        imports=_imports(folder),
        **cost,
    )


def _imports(folder: Path) -> dict[str, ImportFiles]:
    """The CSV files that the task wrote for Connectif, by import step."""
    staged = Staging(folder)
    if not staged.has("files.json"):
        return {}
    found = staged.read_json("files.json")
    steps = found if isinstance(found, dict) else {"products": found}
    return {
        step: ImportFiles(len(files), sum(f["rows"] for f in files), sum(f["size"] for f in files))
        for step, files in steps.items()
    }


def measure_idle_worker(logs: Path) -> IdleWorker:
    """Start Airflow's Celery worker with few and with more slots, and compare the memory of its processes."""
    few, more = (_idle_megabytes(slots, logs) for slots in _SLOTS)
    slot = (more - few) / (_SLOTS[1] - _SLOTS[0])
    return IdleWorker(round(few - _SLOTS[0] * slot, 1), round(slot, 1))


def _idle_megabytes(slots: int, logs: Path) -> float:
    """The memory of a worker whose slots have started. Without a broker it has no task."""
    airflow = str(Path(sys.executable).with_name("airflow"))
    command = (airflow, "celery", "worker", "--skip-serve-logs", "--concurrency", str(slots))
    environment, log = os.environ | _airflow(logs / "airflow"), logs / "worker.log"
    services: list[Service] = []
    try:
        with deferring_signals():
            services.append(start("worker", command, environment=environment, cwd=ROOT, log=log))
        (worker,) = services
        _wait_until_ready(worker)
        return _steady_megabytes(worker)
    finally:
        with ignoring_signals():
            stop(services, grace_seconds=1.0)  # it has no task to end


def _steady_megabytes(worker: Service) -> float:
    """The memory as soon as it has not grown for some seconds: a slot imports modules after its start."""
    before, now = 0.0, megabytes_of(family(worker))
    while now > before:
        time.sleep(_STEADY_SECONDS)
        before, now = now, megabytes_of(family(worker))
    return now


def _wait_until_ready(worker: Service) -> None:
    deadline = time.monotonic() + _WORKER_READY_SECONDS
    while " ready." not in worker.log.read_text(errors="replace"):
        worker.check()
        if time.monotonic() > deadline:
            raise ProcessFailed(f"the worker was not ready after {_WORKER_READY_SECONDS:.0f} s")
        time.sleep(0.2)


def megabytes_of(pids: Sequence[int]) -> float:
    """The memory of processes in MB that started from each other.

    Pages of data that they share count once, and so do the files that they map: those of the process with
    the most. So processes of others that map the same files make no difference.
    """
    figures = [_kilobytes(pid) for pid in pids]
    data, files = sum(each["Pss_Anon"] for each in figures), max(each["RssFile"] for each in figures)
    return (data + files) * 1024 / 1_000_000


def _kilobytes(pid: int) -> Counter[str]:
    """The lines of a process's memory that are in KiB; none if it has ended."""
    found = Counter[str]()
    with suppress(OSError):
        for name in ("smaps_rollup", "status"):
            for line in Path(f"/proc/{pid}/{name}").read_text().splitlines():
                match line.split():
                    case [title, number, "kB"]:
                        found[title.removesuffix(":")] = int(number)
    return found
