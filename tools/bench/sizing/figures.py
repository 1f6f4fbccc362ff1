"""The measured figures of tasks and of an idle worker, and the file that holds them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tools.sandbox_shop import ROOT

STORED = ROOT / "docs" / "sizing.json"
"""The figures that docs/sizing.md shows."""


@dataclass(frozen=True)
class ImportFiles:
    """The CSV files of one import step: their number, and their rows and bytes without compression."""

    files: int
    rows: int
    size: int


@dataclass(frozen=True)
class TaskFigures:
    """The cost of one task in a process of its own.

    `records` is the size of the shop. `day` is 2 for a run that knows the catalogue that the run before it
    sent. Memory is the largest resident set in MB (1,000,000 bytes), and processor time is that of the whole
    process in seconds. `base_megabytes` and `base_seconds` are the same before the task's work: Airflow's
    modules, the DAG file and ours. `calls` are by vendor and route. `staged_bytes` are the files that the
    task staged; `state_rows` and `state_bytes` are all rows of the state store after it, and its SQLite file.
    """

    pipeline: str
    records: int
    day: int
    task: str
    base_megabytes: float
    base_seconds: float
    peak_megabytes: float
    processor_seconds: float
    elapsed_seconds: float
    calls: dict[str, dict[str, int]]
    staged_bytes: int = 0
    state_rows: int = 0
    state_bytes: int = 0
    imports: dict[str, ImportFiles] = field(default_factory=dict)

    @property
    def work_seconds(self) -> float:
        """Processor time of the task's own work, without the imports of modules."""
        return self.processor_seconds - self.base_seconds

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> TaskFigures:
        imports = {step: ImportFiles(**files) for step, files in value["imports"].items()}
        return cls(**(value | {"imports": imports}))


@dataclass(frozen=True)
class IdleWorker:
    """A Celery worker without a task. MB of all its processes, and what each slot adds."""

    base_megabytes: float
    slot_megabytes: float


@dataclass(frozen=True)
class Figures:
    """Everything that one measurement found. `machine` is a line about where and when. `checks` are tasks of
    a larger shop, which check the straight line of a plan.
    """

    machine: str
    worker: IdleWorker
    tasks: list[TaskFigures]
    checks: list[TaskFigures] = field(default_factory=list)

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    def of(self, pipeline: str, task: str) -> list[TaskFigures]:
        """The figures of one task on the first day, the smallest shop first."""
        found = [each for each in self.tasks if (each.pipeline, each.task, each.day) == (pipeline, task, 1)]
        return sorted(found, key=lambda each: each.records)


def read_figures(path: Path) -> Figures:
    """The figures of an earlier measurement."""
    found = json.loads(path.read_text(encoding="utf-8"))
    tasks, checks = (list(map(TaskFigures.from_json, found[name])) for name in ("tasks", "checks"))
    return Figures(found["machine"], IdleWorker(**found["worker"]), tasks, checks)
