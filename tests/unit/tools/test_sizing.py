"""Sizing: what fits on a worker, what binds, and the plan for a larger shop, from made-up figures."""

from __future__ import annotations

import math
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from subprocess import PIPE

import pytest

from include.outcomes import PipelineName
from include.pipeline.csv_files import MOST_BYTES
from include.vtex.client import RateLimits
from tools.bench.durations import CallRates
from tools.bench.sizing.command import main, plan_blocks, sizes_for, sizing_blocks
from tools.bench.sizing.figures import (
    STORED,
    Figures,
    IdleWorker,
    ImportFiles,
    TaskFigures,
    read_figures,
)
from tools.bench.sizing.growth import line_of
from tools.bench.sizing.large_load import LargeLoad, Reading
from tools.bench.sizing.measure import measure_tasks, megabytes_of
from tools.bench.sizing.tables import pipelines_table, shop_line, time_text, workers_table
from tools.bench.sizing.workers import bound_of, memory_for, seconds_at_limits, tasks_at_once, tasks_of_a_shop
from tools.sandbox_shop import ROOT

WORKER = IdleWorker(base_megabytes=300, slot_megabytes=20)
RATES = CallRates.of(RateLimits(10, 2, 20, 15), keep_free_percent=40)  # 60 calls a minute at Connectif


def task(
    name: str = "extract",
    *,
    pipeline: str = "contacts",
    records: int = 1_000,
    peak: float = 280.0,
    work: float = 10.0,
    vtex: dict[str, int] | None = None,
    connectif: dict[str, int] | None = None,
    staged: int = 0,
    rows: int = 0,
    imports: dict[str, ImportFiles] | None = None,
) -> TaskFigures:
    return TaskFigures(
        pipeline=pipeline, records=records, day=1, task=name, base_megabytes=250, base_seconds=5,
        peak_megabytes=peak, processor_seconds=5 + work, elapsed_seconds=1,
        calls={"vtex": vtex or {}, "connectif": connectif or {}},
        staged_bytes=staged, state_rows=rows, state_bytes=10 * rows, imports=imports or {},
    )  # fmt: skip


def test_tasks_at_once__is_the_memory_beside_the_idle_worker() -> None:
    assert tasks_at_once(2_000, WORKER, 320) == 5
    assert tasks_at_once(1_999, WORKER, 320) == 4
    assert memory_for([task(peak=320)] * 5, WORKER) == 2_000


def test_tasks_at_once__of_a_worker_that_is_too_small_is_none() -> None:
    assert tasks_at_once(600, WORKER, 320) == 0
    assert tasks_at_once(100, WORKER, 320) == 0


def test_seconds__of_calls_are_counted_by_budget() -> None:
    calls = {
        "vtex": {"order": 200, "order group": 40, "list of orders": 4},
        "connectif": {"post purchase": 6},
    }
    assert RATES.seconds(calls) == {"order_detail": 12, "order_list": 2, "connectif": 0}


@pytest.mark.parametrize(("number", "seconds"), [(1, 0), (60, 0), (61, 60), (120, 60), (121, 120)])
def test_seconds__of_connectif_are_the_minutes_that_end_before_the_last_call(
    number: int, seconds: int
) -> None:
    assert RATES.seconds({"vtex": {}, "connectif": {"post purchase": number}}) == {"connectif": seconds}


def test_seconds__agree_with_runs_at_the_limits() -> None:
    """Two runs of docs/measurements.md, the first twice and the second six times as fast as in production."""
    rates = CallRates.of(RateLimits(), keep_free_percent=20)
    calls = {"price of a SKU": 2_460, "catalogue search": 1_204}
    extract_of_products = rates.seconds({"vtex": calls, "connectif": {}})
    assert sum(extract_of_products.values()) / 2 == pytest.approx(183.38, rel=0.01)
    load_of_purchases = rates.seconds({"vtex": {}, "connectif": {"post purchase": 1_477}})
    assert sum(load_of_purchases.values()) / 6 == pytest.approx(178.82, rel=0.01)


def test_seconds_at_limits__are_the_calls_one_kind_after_the_other_or_the_processor() -> None:
    calls = {"order": 200, "list of orders": 4}
    assert seconds_at_limits(task(work=11, vtex=calls), RATES) == 12
    assert seconds_at_limits(task(work=13, vtex=calls), RATES) == 13


@pytest.mark.parametrize(("work", "bound"), [(9.0, "order_detail"), (11.0, "processor")])
def test_bound__is_what_takes_longest(work: float, bound: str) -> None:
    found = bound_of(task(work=work, vtex={"order": 200, "list of orders": 4}), RATES)
    assert (found.name, found.seconds) == (bound, max(10, work))


def test_bound__of_a_load_is_the_imports_unless_its_calls_take_longer() -> None:
    assert bound_of(task("load", connectif={"create import": 9}), RATES).name == "imports"
    assert bound_of(task("load", connectif={"create import": 900}), RATES).name == "connectif"


def test_workers_table__uses_the_largest_peak_of_each_size() -> None:
    tasks = [task(records=100, peak=280), task("load", records=100, peak=320), task(records=900, peak=800)]
    lines = workers_table(Figures("", WORKER, tasks)).splitlines()
    assert lines[0] == "| worker's memory | smaller shop: 320 MB a task | larger shop: 800 MB a task |"
    assert lines[2] == "| 2 GB | 5 | 2 |"


def test_tasks_of_a_shop__are_one_of_each_dag_and_two_small_ones() -> None:
    tasks = [
        task(peak=300), task("load", peak=320), task("compare", peak=900),
        task("apply", pipeline="newsletter", peak=260),
    ]  # fmt: skip
    assert [each.peak_megabytes for each in tasks_of_a_shop(tasks)] == [320, 900, 260, 260]
    line = shop_line(Figures("", WORKER, tasks))
    assert line.startswith("All 4 tasks that one shop can run at once need 2,120 MB (smaller shop) and")


def test_pipelines_table__leaves_the_comparison_out() -> None:
    tasks = [task(work=1, vtex={"order": 200}), task("transform", work=4), task("compare", work=999)]
    row = pipelines_table(Figures("", WORKER, tasks), {"contacts": RATES}).splitlines()[2]
    assert row == "| contacts | 1,000 | 14 s | 4.0 s | 5.0 | 36 % | VTEX, orders |"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (99, "99 s"),
        (600, "10 min"),
        (6_000, "1.7 h"),
        (7_200_000, "2,000 h"),
    ],
)
def test_time_text__has_a_fitting_unit(seconds: float, text: str) -> None:
    assert time_text(seconds) == text


def test_line__extends_two_sizes_and_finds_where_a_value_is_reached() -> None:
    figures = Figures("", WORKER, [task(records=3_000, peak=400), task(records=1_000, peak=300)])
    line = line_of(figures, "contacts", "extract", lambda each: each.peak_megabytes)
    assert line.at(5_000) == 500
    assert line.reaches(450) == 4_000


def test_line__that_does_not_grow_reaches_nothing() -> None:
    figures = Figures("", WORKER, [task(records=1_000), task(records=2_000)])
    assert math.isinf(line_of(figures, "contacts", "extract", lambda each: each.peak_megabytes).reaches(1e9))


def test_line__needs_two_sizes() -> None:
    with pytest.raises(ValueError, match="contacts in two sizes; measured: 1 for extract"):
        line_of(Figures("", WORKER, [task()]), "contacts", "extract", lambda each: each.peak_megabytes)


def test_reading__is_bound_by_slow_pages_or_by_the_rate() -> None:
    reading = Reading("two scrolls", dated=2)
    assert reading.calls(100_000) == 106
    assert reading.seconds(100_000, page_seconds=1, calls_a_second=15) == 50
    assert reading.seconds(100_000, page_seconds=0.01, calls_a_second=10) == pytest.approx(10.6)
    assert reading.fastest_page(10) == 0.2


def test_reading__of_more_slices_than_slots_waits_until_slots_are_idle() -> None:
    reading = Reading("two scrolls", dated=2)
    assert reading.waiting_seconds(4_000_000, 2_000_000) == 0
    assert reading.waiting_seconds(5_000_000, 1_000_000) == 2 * 20 * 60


def sized(records: int, *, peak: float) -> list[TaskFigures]:
    """The tasks of a contact run whose CSV files have a hundred bytes a row."""
    imports = {
        step: ImportFiles(files, records, 100 * records) for step, files in (("consent", 1), ("contacts", 4))
    }
    names = ("extract", "load", "report", "compare")
    transform = task("transform", records=records, peak=peak, work=records / 1e5, imports=imports)
    return [transform, *(task(name, records=records, rows=records // 100) for name in names)]


def plan(contacts: int = 20_000_000) -> LargeLoad:
    tasks = [*sized(100_000, peak=300), *sized(1_000_000, peak=390)]
    return LargeLoad(contacts, Figures("", WORKER, tasks), RATES, parallel=4, most_seconds=43_200)


def test_plan__extends_memory_files_and_rows() -> None:
    assert plan().peak("transform").at(20_000_000) == pytest.approx(2_290)
    assert plan().state("state_rows").at(20_000_000) == pytest.approx(200_000)
    consent, contacts = plan().imports("consent"), plan().imports("contacts")
    assert (contacts.rows, contacts.size) == (20_000_000, 2_000_000_000)
    assert consent.files == 1 + math.ceil(1_900_000_000 / MOST_BYTES)
    assert contacts.files == consent.files + 3
    assert plan().import_rows == 40_000_000
    assert plan().rows_a_second == pytest.approx(40_000_000 / 43_200)


def test_plan__shows_a_larger_shop_beside_the_line() -> None:
    checked = replace(
        plan(), figures=replace(plan().figures, checks=[task("transform", peak=600, records=3_000_000)])
    )
    assert checked.check_table().splitlines()[2] == "| transform | 3,000,000 | 600 | 590 | 10.0 | 30.0 |"


def test_plan__adds_up_the_load_without_imports() -> None:
    reading, transform, load_and_report = 5_000, 200, 20  # 20,000 pages by 4 scrolls, a second each
    found = plan().seconds_without_imports(plan().today)
    assert found == pytest.approx(reading + transform + load_and_report)
    assert "| imports, if Connectif takes 5,000 rows a second | 2.2 h |" in plan().importing_table()


def test_plan__leaves_two_of_the_scroll_slots_free() -> None:
    assert (plan().today.slots, plan().mapped.slots) == (5, 8)


def test_plan__names_the_limit_that_is_reached_first() -> None:
    rows = plan().bounds_table().splitlines()[2:]
    assert rows == [
        "| 12 h of `extract`, if a page takes 5 s | 35 million | 60 million |",
        "| memory of `transform`, alone on a worker of 4 GB | 37 million | over 100 million |",
        "| 12 h of `extract`, if a page takes 2 s | 86 million | over 100 million |",
    ]


def test_sizes__are_those_of_the_arguments() -> None:
    assert sizes_for(["contacts"], [5, 6]) == {PipelineName.CONTACTS: (5, 6)}
    assert set(sizes_for([], None)) == set(
        sizes_for(["contacts", "products", "purchases", "newsletter"], None)
    )
    with pytest.raises(ValueError, match="--records needs one pipeline"):
        sizes_for([], [5])
    with pytest.raises(ValueError, match="no such pipeline: orders"):
        sizes_for(["orders"], None)


def test_figures__survive_their_file(tmp_path: Path) -> None:
    figures = Figures("a machine", WORKER, sized(100_000, peak=300), checks=[task(records=3_000_000)])
    figures.write(tmp_path / "figures.json")
    assert read_figures(tmp_path / "figures.json") == figures


def test_command__says_why_it_cannot_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Figures("", WORKER, sized(100_000, peak=300)).write(tmp_path / "one.json")
    for name, sentence in (("one.json", "a plan needs contacts in two sizes"), ("none.json", "No such file")):
        with pytest.raises(SystemExit):
            main(["--figures", str(tmp_path / name), "--plan", "5000000"])
        assert sentence in capsys.readouterr().err


def test_task__is_measured_in_a_process_of_its_own(tmp_path: Path) -> None:
    (applied,) = measure_tasks(PipelineName.NEWSLETTER, 20, tmp_path)
    assert applied.peak_megabytes > applied.base_megabytes > 50
    assert applied.processor_seconds > applied.base_seconds > 0
    assert applied.calls["vtex"]["Master Data search"] >= 1
    assert "| newsletter, apply | 20 |" in "\n".join(sizing_blocks(Figures("", WORKER, [applied])))


def test_memory__of_processes_counts_the_files_that_they_share_once() -> None:
    waiting = (sys.executable, "-c", "data = bytearray(50_000_000); print(flush=True); input()")
    with ExitStack() as exits:
        pids = []
        for _ in range(2):
            process = exits.enter_context(subprocess.Popen(waiting, stdin=PIPE, stdout=PIPE))
            assert process.stdout is not None
            process.stdout.readline()
            pids.append(process.pid)
        one, both = megabytes_of(pids[:1]), megabytes_of(pids)
    assert 50 < one < 100
    assert one + 50 < both < 2 * one


def test_page__shows_what_the_command_prints() -> None:
    """Tables as they are; a line of text may be broken anywhere."""
    page = (ROOT / "docs" / "sizing.md").read_text(encoding="utf-8")
    figures = read_figures(STORED)
    blocks = [*sizing_blocks(figures), *plan_blocks(figures, 20_000_000)]
    assert [block for block in blocks if " ".join(block.split()) not in " ".join(page.split())] == []
