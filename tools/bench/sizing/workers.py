"""What a task needs, what fits on a worker, and what binds: a vendor's limit, or the processor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from include.connectif.routes import CREATE_IMPORT
from include.outcomes import PipelineName
from tools.bench.durations import CallRates
from tools.bench.sizing.figures import IdleWorker, TaskFigures
from tools.bench.sizing.task_process import COMPARE

MEGABYTES_OF_A_GIBIBYTE = 1024**3 / 1_000_000
PROCESSOR = "processor"
IMPORTS = "imports"
_SMALL_TASKS = 2
"""`resolve_newsletter` and `check_setup` are not measured. They count as the task of `update_newsletter`."""


class Bound(NamedTuple):
    """What decides how long a task takes: `processor` or a budget of calls; and its seconds."""

    name: str
    seconds: float


def tasks_at_once(memory_megabytes: float, worker: IdleWorker, largest_peak: float) -> int:
    """How many tasks fit into the memory of a worker's container, if each needs the largest peak."""
    for_tasks = memory_megabytes - worker.base_megabytes
    return max(0, int(for_tasks // (largest_peak + worker.slot_megabytes)))


def largest(tasks: Iterable[TaskFigures]) -> TaskFigures:
    """The task with the largest peak. ValueError without tasks."""
    return max(tasks, key=lambda task: task.peak_megabytes)


def tasks_of_a_shop(tasks: Sequence[TaskFigures]) -> list[TaskFigures]:
    """The tasks that one shop can run at once on the queue `default`, each with its largest peak.

    Every DAG has one run at a time. So these are one task of each daily sync, the three comparisons of
    `reconcile`, and two small tasks.
    """
    groups: dict[tuple[str, bool], list[TaskFigures]] = {}
    for task in tasks:
        groups.setdefault((task.pipeline, task.task == COMPARE), []).append(task)
    return [
        found
        for (pipeline, _), some in groups.items()
        for found in [largest(some)] * (_SMALL_TASKS if pipeline == PipelineName.NEWSLETTER else 1)
    ]


def memory_for(tasks: Sequence[TaskFigures], worker: IdleWorker) -> float:
    """The memory in MB that these tasks need at once on one worker."""
    return worker.base_megabytes + sum(task.peak_megabytes + worker.slot_megabytes for task in tasks)


def seconds_at_limits(task: TaskFigures, rates: CallRates) -> float:
    """How long the task takes at the limits: its calls, one kind after the other, or its processor time.

    Without the time that the vendors need for their answers, and for imports and exports.
    """
    return max(task.work_seconds, sum(rates.seconds(task.calls).values()))


def bound_of(task: TaskFigures, rates: CallRates) -> Bound:
    """The one that takes longest: the processor time of one core, or the calls of one budget.

    `imports` stands for the time that Connectif needs for imports, if nothing else keeps the task waiting.
    """
    bounds = [
        Bound(PROCESSOR, task.work_seconds),
        *(Bound(*each) for each in rates.seconds(task.calls).items()),
    ]
    longest = max(bounds, key=lambda bound: bound.seconds)
    waits_for_imports = longest.name == PROCESSOR and CREATE_IMPORT.name in task.calls["connectif"]
    return Bound(IMPORTS, 0.0) if waits_for_imports else longest
