"""`make bench BENCH=sizing`: measures each task alone, and prints what workers need and what binds.

make bench BENCH=sizing                                       all tasks at their usual sizes; about an hour
make bench BENCH='sizing contacts --records 2000'             one pipeline, smaller
make bench BENCH='sizing --json figures.json'                 also write the figures to a file
make bench BENCH='sizing --figures docs/sizing.json'          print the tables of an earlier measurement
make bench BENCH='sizing --plan 20000000'                     a plan for so many customers
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from include.outcomes import PipelineName
from plugins.hooks.rate_limits import newsletter_rate_limits, vtex_rate_limits
from tools.bench.durations import CallRates
from tools.bench.sizing.figures import STORED, Figures, TaskFigures, read_figures
from tools.bench.sizing.large_load import LargeLoad
from tools.bench.sizing.measure import SIZES, measure_idle_worker, measure_tasks
from tools.bench.sizing.tables import (
    RatesOf,
    idle_line,
    pipelines_table,
    shop_line,
    tasks_table,
    workers_table,
)
from tools.bench.table import machine, machine_line
from tools.shop_choice import chosen_settings

Sizes = dict[PipelineName, tuple[int, ...]]
"""The numbers of records to measure, by pipeline."""


def main(arguments: Sequence[str]) -> int:
    """Measure, or read figures, and print; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="make bench BENCH=sizing",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("pipelines", nargs="*", metavar="PIPELINE", help=f"{', '.join(SIZES)} (default: all)")
    parser.add_argument("--records", nargs="+", type=int, help="sizes for one pipeline")
    parser.add_argument(
        "--check", type=int, metavar="CONTACTS", help="also measure contacts at this size, to check the plan"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    parser.add_argument(
        "--figures", type=Path, metavar="FILE", help="measure nothing; print the figures of this file"
    )
    parser.add_argument("--plan", type=int, metavar="CONTACTS", help="print a plan for so many customers")
    options = parser.parse_args(arguments)
    try:
        sizes = sizes_for(options.pipelines, options.records)
        known = read_figures(options.figures or STORED) if options.figures or options.plan else None
        plan = list(plan_blocks(known, options.plan)) if known and options.plan else []
    except (OSError, ValueError) as wrong:
        parser.error(str(wrong))
    figures = known or _measure(sizes, options.check)
    for block in plan or sizing_blocks(figures):
        print(f"\n{block}")
    if options.json:
        figures.write(options.json)
    return 0


def sizes_for(pipelines: Sequence[str], records: Sequence[int] | None) -> Sizes:
    """The sizes of each pipeline to measure. Raises ValueError if the arguments contradict each other."""
    if unknown := [pipeline for pipeline in pipelines if pipeline not in set(SIZES)]:
        raise ValueError(f"no such pipeline: {', '.join(unknown)}; use {', '.join(SIZES)}")
    chosen = [PipelineName(pipeline) for pipeline in pipelines] or list(SIZES)
    if records is None:
        return {pipeline: SIZES[pipeline] for pipeline in chosen}
    if len(chosen) != 1:
        raise ValueError("--records needs one pipeline: name it")
    return {chosen[0]: tuple(records)}


def sizing_blocks(figures: Figures) -> Iterator[str]:
    """The lines and tables that docs/sizing.md shows."""
    rates = call_rates()
    yield figures.machine
    yield idle_line(figures)
    yield tasks_table(figures, rates)
    yield workers_table(figures)
    yield shop_line(figures)
    yield pipelines_table(figures, rates)


def plan_blocks(figures: Figures, contacts: int) -> Iterator[str]:
    """The tables of the plan in docs/sizing.md."""
    from plugins.default_args import DEFAULT_ARGS  # noqa: PLC0415 - Airflow; only the plan needs it

    plan = LargeLoad(
        contacts,
        figures,
        call_rates()[PipelineName.CONTACTS],
        chosen_settings().vtex.master_data_parallel,
        DEFAULT_ARGS["execution_timeout"].total_seconds(),
    )
    yield plan.check_table()
    yield plan.tasks_table()
    yield plan.reading_table()
    yield plan.workers_line()
    yield plan.importing_table()
    yield plan.bounds_table()


def call_rates() -> RatesOf:
    """The rates that the settings allow, by pipeline."""
    settings = chosen_settings()
    free = settings.connectif.keep_free_percent
    daily = CallRates.of(vtex_rate_limits(settings.vtex), free)
    newsletter = CallRates.of(newsletter_rate_limits(settings.vtex), free)
    return {pipeline: newsletter if pipeline is PipelineName.NEWSLETTER else daily for pipeline in SIZES}


def _measure(sizes: Sizes, check: int | None) -> Figures:
    line = f"{datetime.now(UTC):%Y-%m-%d}: {machine_line(machine())}"
    with tempfile.TemporaryDirectory(prefix="sizing-") as logs:
        worker = measure_idle_worker(Path(logs))
        tasks = list(_measure_all(sizes, Path(logs)))
        checks = list(_measure_all({PipelineName.CONTACTS: (check,)}, Path(logs))) if check else []
        return Figures(line, worker, tasks, checks)


def _measure_all(sizes: Sizes, logs: Path) -> Iterator[TaskFigures]:
    for pipeline, numbers in sizes.items():
        for records in numbers:
            print(f"{pipeline}, {records:,} records …", flush=True)
            for figures in measure_tasks(pipeline, records, logs):
                print(f"  {figures.task}: {figures.peak_megabytes:,.0f} MB", flush=True)
                yield figures
