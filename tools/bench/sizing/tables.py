"""Prints the figures of tasks, the concurrency of workers and what binds, as tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tools.bench.durations import CONNECTIF, CallRates
from tools.bench.sizing.figures import Figures, TaskFigures
from tools.bench.sizing.task_process import COMPARE
from tools.bench.sizing.workers import (
    IMPORTS,
    MEGABYTES_OF_A_GIBIBYTE,
    PROCESSOR,
    bound_of,
    largest,
    memory_for,
    seconds_at_limits,
    tasks_at_once,
    tasks_of_a_shop,
)

GIBIBYTES = (2, 4, 8)
BOUNDS = {
    PROCESSOR: "processor",
    IMPORTS: "Connectif, imports",
    "master_data": "VTEX, Master Data",
    "catalog": "VTEX, catalogue and prices",
    "order_list": "VTEX, list of orders",
    "order_detail": "VTEX, orders",
    CONNECTIF: "Connectif, calls",
}

RatesOf = dict[str, CallRates]
"""The rates by pipeline: `update_newsletter` has a rate of its own."""


def idle_line(figures: Figures) -> str:
    """What a worker and a task take before any work."""
    base_seconds = max(task.base_seconds for task in figures.tasks)
    return (
        f"An idle worker takes {figures.worker.base_megabytes:,.0f} MB, and "
        f"{figures.worker.slot_megabytes:,.0f} MB for each slot. A task's process takes at most "
        f"{max(task.base_megabytes for task in figures.tasks):,.0f} MB and {base_seconds:.1f} s of processor "
        "time before its work."
    )


def tasks_table(figures: Figures, rates: RatesOf) -> str:
    """A row for each task."""
    head = (
        "task", "records", "base, MB", "peak, MB", "processor, s", "calls to VTEX", "calls to Connectif",
        "at the limits", "what binds",
    )  # fmt: skip
    return table(head, (_task_row(task, rates[task.pipeline]) for task in figures.tasks))


def _task_row(task: TaskFigures, rates: CallRates) -> list[str]:
    next_day = ", next day" if task.day > 1 else ""
    return [
        f"{task.pipeline}, {task.task}{next_day}",
        f"{task.records:,}",
        f"{task.base_megabytes:,.0f}",
        f"{task.peak_megabytes:,.0f}",
        f"{task.work_seconds:,.1f}",
        *(f"{sum(task.calls[vendor].values()):,}" for vendor in ("vtex", "connectif")),
        time_text(seconds_at_limits(task, rates)),
        BOUNDS[bound_of(task, rates).name],
    ]


def workers_table(figures: Figures) -> str:
    """How many tasks fit on a worker, for the smallest and the largest of the measured shops."""
    sizes = _by_size(figures)
    head = (
        "worker's memory",
        *(f"{size}: {largest(tasks).peak_megabytes:,.0f} MB a task" for size, tasks in sizes),
    )
    rows = (
        [
            f"{gibibytes} GB",
            *(
                str(
                    tasks_at_once(
                        gibibytes * MEGABYTES_OF_A_GIBIBYTE, figures.worker, largest(tasks).peak_megabytes
                    )
                )
                for _, tasks in sizes
            ),
        ]
        for gibibytes in GIBIBYTES
    )
    return table(head, rows)


def shop_line(figures: Figures) -> str:
    """What all tasks of one shop need if they run at once."""
    sizes = [(size, tasks_of_a_shop(tasks)) for size, tasks in _by_size(figures)]
    needs = " and ".join(f"{memory_for(tasks, figures.worker):,.0f} MB ({size})" for size, tasks in sizes)
    return f"All {len(sizes[-1][1])} tasks that one shop can run at once need {needs} on one worker."


def _by_size(figures: Figures) -> list[tuple[str, list[TaskFigures]]]:
    """The tasks of the smallest and those of the largest measured shop, each with a name."""
    sizes: dict[str, set[int]] = {}
    for task in figures.tasks:
        sizes.setdefault(task.pipeline, set()).add(task.records)
    smallest = {pipeline: min(found) for pipeline, found in sizes.items()}
    of_largest = {pipeline: max(found) for pipeline, found in sizes.items()}
    return [
        (name, [task for task in figures.tasks if task.records == of[task.pipeline]])
        for name, of in (("smaller shop", smallest), ("larger shop", of_largest))
    ]


def pipelines_table(figures: Figures, rates: RatesOf) -> str:
    """A row for each pipeline and size: its tasks one after the other, and what more workers could save."""
    head = (
        "run", "records", "at the limits", "of it bound by the processor", "processor, s", "a core is busy",
        "what binds longest",
    )  # fmt: skip
    return table(head, (_pipeline_row(tasks, rates[tasks[0].pipeline]) for tasks in _runs(figures)))


def _runs(figures: Figures) -> Iterator[list[TaskFigures]]:
    """The tasks of each run of a sync. A comparison belongs to a run of `reconcile`."""
    runs: dict[tuple[str, int, int], list[TaskFigures]] = {}
    for task in figures.tasks:
        if task.task != COMPARE:
            runs.setdefault((task.pipeline, task.records, task.day), []).append(task)
    yield from runs.values()


def _pipeline_row(tasks: Sequence[TaskFigures], rates: CallRates) -> list[str]:
    first = tasks[0]
    all_seconds = sum(seconds_at_limits(task, rates) for task in tasks)
    bounds = [bound_of(task, rates) for task in tasks]
    by_processor = sum(bound.seconds for bound in bounds if bound.name == PROCESSOR)
    work = sum(task.work_seconds for task in tasks)
    next_day = ", next day" if first.day > 1 else ""
    return [
        f"{first.pipeline}{next_day}",
        f"{first.records:,}",
        time_text(all_seconds),
        time_text(by_processor),
        f"{work:,.1f}",
        f"{100 * work / all_seconds:.0f} %",
        BOUNDS[max(bounds, key=lambda bound: bound.seconds).name],
    ]


def table(head: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    titles = list(head)
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def time_text(seconds: float) -> str:
    """`0.4 s`, `38 s`, `12 min`, `3.4 h`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 6_000:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3_600:,.1f}".removesuffix(".0") + " h"
