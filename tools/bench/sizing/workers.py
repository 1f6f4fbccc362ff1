"""What a task needs, what fits on a worker, and what binds: a vendor's limit, or the processor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from include.connectif.routes import CREATE_IMPORT
from tools.bench.durations import CallRates
from tools.bench.sizing.figures import IdleWorker, TaskFigures

MEGABYTES_OF_A_GIBIBYTE = 1024**3 / 1_000_000
PROCESSOR = "processor"
IMPORTS = "imports"
TASKS_OF_A_SHOP = 8
"""The most tasks of one shop on the queue `default` at once: one of each daily sync, `resolve_newsletter`
beside that of contacts, three comparisons of `reconcile`, and `check_setup`. Every DAG has one run at a time.
"""


class Bound(NamedTuple):
    """What decides how long a task takes: `processor` or a budget of calls; and its seconds."""

    name: str
    seconds: float


def tasks_at_once(memory_megabytes: float, worker: IdleWorker, largest_peak: float) -> int:
    """How many tasks fit into the memory of a worker's container, if each needs the largest peak."""
    for_tasks = memory_megabytes - worker.base_megabytes
    return max(0, int(for_tasks // (largest_peak + worker.slot_megabytes)))


def memory_for(tasks: int, worker: IdleWorker, peak: float) -> float:
    """The memory in MB that so many tasks with this peak need on one worker."""
    return worker.base_megabytes + tasks * (peak + worker.slot_megabytes)


def largest(tasks: Iterable[TaskFigures]) -> TaskFigures:
    """The task with the largest peak. ValueError without tasks."""
    return max(tasks, key=lambda task: task.peak_megabytes)


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
