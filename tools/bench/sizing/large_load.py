"""A plan for the first load of a shop with many more customers: one task for each stage, or mapped slices.

Nothing of it is measured at that size. It extends the figures of two measured sizes by a straight line, and
computes calls, files and times from the limits in include/vtex/limits.py and include/connectif/limits.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter

from include.connectif.limits import QUEUED_IMPORTS
from include.pipeline.csv_files import MOST_BYTES
from include.vtex import limits
from tools.bench.durations import CallRates
from tools.bench.sizing.figures import Figures, ImportFiles
from tools.bench.sizing.growth import Line, line_of
from tools.bench.sizing.tables import table, time_text
from tools.bench.sizing.task_process import COMPARE
from tools.bench.sizing.workers import MEGABYTES_OF_A_GIBIBYTE, tasks_at_once

CONTACTS = "contacts"
STAGES = ("extract", "transform", "load", "report")
TASKS = (*STAGES, COMPARE)
SLICED = frozenset({"extract", "transform", COMPARE})
"""The tasks that the plan splits. `load` stays one: the queue of imports belongs to the account."""
HORIZON = 100_000_000
"""The plan names no limit that is reached by more contacts than this."""
SLOTS_LEFT_FREE = 2
"""Scroll slots that the plan leaves to other readers of the account."""
PAGE_SECONDS = (0.25, 0.5, 1.0, 2.0, 5.0)
"""How long VTEX may need for a page of 1,000 documents. It publishes no time, so the plan tries some."""
TYPICAL_PAGE = 1.0
SMALL_SLICE = 1_000_000
"""Documents of a slice that is cheap to read again."""
ROWS_A_SECOND = (500, 1_000, 5_000)
"""How many rows Connectif may import in a second. It publishes no number, so the plan tries some."""
WORKER_GIBIBYTES = 4


@dataclass(frozen=True)
class Reading:
    """How a load reads VTEX: `dated` scrolls at once, and one more for documents without a date."""

    name: str
    dated: int

    @property
    def slots(self) -> int:
        """Scroll slots in use: that of the scroll without a date may still count as used."""
        return self.dated + 1

    def calls(self, contacts: int) -> int:
        """Calls of the scrolls: the pages, and for each slice a partial and an empty one."""
        return math.ceil(contacts / limits.SCROLL_PAGE) + 2 * self.slots

    def seconds(self, contacts: int, page_seconds: float, calls_a_second: float) -> float:
        """How long the reading takes: the pages of a scroll come one after the other."""
        in_turn = math.ceil(contacts / limits.SCROLL_PAGE / self.dated) * page_seconds
        return max(in_turn, self.calls(contacts) / calls_a_second)

    def waiting_seconds(self, contacts: int, documents_of_a_slice: int) -> float:
        """How long smaller slices wait for slots: a scroll keeps its slot until it has been idle for long."""
        in_turn = math.ceil(contacts / documents_of_a_slice / self.dated)
        return (in_turn - 1) * limits.SCROLL_IDLE_MINUTES * 60

    def fastest_page(self, calls_a_second: float) -> float:
        """A page that takes longer than this leaves a part of the allowed calls unused."""
        return self.dated / calls_a_second


@dataclass(frozen=True)
class LargeLoad:
    """The plan for a number of contacts. ValueError if contacts were not measured in two sizes.

    `parallel` is the setting `vtex.master_data_parallel`, and `most_seconds` the longest that Airflow lets a
    task run.
    """

    contacts: int
    figures: Figures
    rates: CallRates
    parallel: int
    most_seconds: float

    @property
    def today(self) -> Reading:
        return Reading(f"one task with {self.parallel} scrolls", self.parallel)

    @property
    def mapped(self) -> Reading:
        dated = limits.SCROLL_SLOTS_OF_THE_ACCOUNT - SLOTS_LEFT_FREE - 1
        return Reading(f"{dated} mapped slices, or one task with {dated} scrolls", dated)

    @property
    def calls_a_second(self) -> float:
        return self.rates.vtex["master_data"]

    def peak(self, task: str) -> Line:
        return line_of(self.figures, CONTACTS, task, lambda figures: figures.peak_megabytes)

    def work_seconds(self, task: str) -> Line:
        return line_of(self.figures, CONTACTS, task, lambda figures: figures.work_seconds)

    def staged_bytes(self, task: str) -> Line:
        return line_of(self.figures, CONTACTS, task, lambda figures: figures.staged_bytes)

    def state(self, value: str) -> Line:
        """`state_rows` or `state_bytes` after the report of the load."""
        return line_of(self.figures, CONTACTS, "report", lambda figures: float(getattr(figures, value)))

    def imports(self, step: str) -> ImportFiles:
        """The files of an import step: one for each set of columns, and more as each becomes full."""
        measured = [task.imports[step] for task in self.figures.of(CONTACTS, "transform")]

        def line(value: str) -> Line:
            return line_of(
                self.figures, CONTACTS, "transform", lambda figures: getattr(figures.imports[step], value)
            )

        size = math.ceil(line("size").at(self.contacts))
        full = math.ceil(max(0, size - measured[-1].size) / MOST_BYTES)
        return ImportFiles(measured[-1].files + full, round(line("rows").at(self.contacts)), size)

    # --- tables

    def tasks_table(self) -> str:
        """Memory and processor time of each task of today's code at this size, and of one slice."""
        slices = self.mapped.dated
        head = ("task", "peak, MB", "processor", "staged, GB", f"peak of one of {slices} slices, MB")
        rows = (
            [
                task,
                f"{self.peak(task).at(self.contacts):,.0f}",
                time_text(self.work_seconds(task).at(self.contacts)),
                f"{self.staged_bytes(task).at(self.contacts) / 1e9:,.1f}",
                f"{self.peak(task).at(self.contacts / slices):,.0f}" if task in SLICED else "",
            ]
            for task in TASKS
        )
        return table(head, rows)

    def check_table(self) -> str:
        """What a larger shop really took, beside the straight line."""
        head = ("task", "contacts", "peak, MB", "by the line", "processor, s", "by the line")
        rows = (
            [
                task.task,
                f"{task.records:,}",
                f"{task.peak_megabytes:,.0f}",
                f"{self.peak(task.task).at(task.records):,.0f}",
                f"{task.work_seconds:,.1f}",
                f"{self.work_seconds(task.task).at(task.records):,.1f}",
            ]
            for task in self.figures.checks
        )
        return table(head, rows)

    def reading_table(self) -> str:
        """The reading of VTEX with the scrolls of the settings, and with the most that the plan allows."""
        ways = (self.today, self.mapped)
        rate = self.calls_a_second
        rows = [
            ["scrolls at once", *(str(way.dated) for way in ways)],
            [
                f"of {limits.SCROLL_SLOTS_OF_THE_ACCOUNT} scroll slots in use",
                *(str(way.slots) for way in ways),
            ],
            ["documents that a lost scroll reads again", *(f"{self.contacts / w.dated:,.0f}" for w in ways)],
            [
                f"with slices of {SMALL_SLICE:,} documents: wait for slots",
                *(time_text(way.waiting_seconds(self.contacts, SMALL_SLICE)) for way in ways),
            ],
            ["calls to VTEX", *(f"{way.calls(self.contacts):,}" for way in ways)],
            [
                f"all calls at {rate:g} a second",
                *(time_text(way.calls(self.contacts) / rate) for way in ways),
            ],
            ["the rate is reached if a page takes at most", *(f"{w.fastest_page(rate):.2f} s" for w in ways)],
            *(
                [
                    f"reading, if a page takes {page:g} s",
                    *(time_text(way.seconds(self.contacts, page, rate)) for way in ways),
                ]
                for page in PAGE_SECONDS
            ),
            [
                f"the whole load without imports, if a page takes {TYPICAL_PAGE:g} s",
                *(time_text(self.seconds_without_imports(way)) for way in ways),
            ],
        ]
        return table(("", *(way.name for way in ways)), rows)

    def seconds_without_imports(self, way: Reading) -> float:
        """Reading and the processor time of the later tasks, one after the other and on one core."""
        later = sum(self.work_seconds(task).at(self.contacts) for task in ("transform", "load", "report"))
        return way.seconds(self.contacts, TYPICAL_PAGE, self.calls_a_second) + later

    def importing_table(self) -> str:
        """The imports at Connectif and the rows of the state store."""
        steps = {step: self.imports(step) for step in ("consent", CONTACTS)}
        rows = [
            *(
                [f"{step}: files, rows, MB", f"{files.files:,}, {files.rows:,}, {files.size / 1e6:,.0f}"]
                for step, files in steps.items()
            ),
            [
                f"times that the queue of {QUEUED_IMPORTS} is filled",
                str(sum(math.ceil(files.files / QUEUED_IMPORTS) for files in steps.values())),
            ],
            *(
                [f"imports, if Connectif takes {rate:,} rows a second", time_text(self.import_rows / rate)]
                for rate in ROWS_A_SECOND
            ),
            [
                f"rows a second for imports to end within {time_text(self.most_seconds)}",
                f"{self.rows_a_second:,.0f}",
            ],
            [
                "rows of the state store, MB in SQLite",
                f"{self.state('state_rows').at(self.contacts):,.0f}, "
                f"{self.state('state_bytes').at(self.contacts) / 1e6:,.0f}",
            ],
        ]
        return table(("", "at Connectif and in the state store"), rows)

    @property
    def import_rows(self) -> int:
        """The rows of all imports."""
        return sum(self.imports(step).rows for step in ("consent", CONTACTS))

    @property
    def rows_a_second(self) -> float:
        """How many rows a second Connectif must take, so that the load ends before Airflow stops it."""
        return self.import_rows / self.most_seconds

    def bounds_table(self) -> str:
        """The sizes at which today's code reaches a limit, the smallest first; none beyond HORIZON."""
        head = ("limit", "contacts, one task for each stage", f"contacts, {self.mapped.dated} mapped slices")
        rows = sorted((bound for bound in self._bounds() if bound[1] < HORIZON), key=itemgetter(1))
        return table(head, ([name, _contacts(today), _contacts(mapped)] for name, today, mapped in rows))

    def _bounds(self) -> Iterator[tuple[str, float, float]]:
        """A limit, and the number of contacts at which each way reaches it."""
        worker = self.figures.worker
        for_a_task = (
            WORKER_GIBIBYTES * MEGABYTES_OF_A_GIBIBYTE - worker.base_megabytes - worker.slot_megabytes
        )
        for task in TASKS:
            reached = self.peak(task).reaches(for_a_task)
            parts = self.mapped.dated if task in SLICED else 1
            yield f"memory of `{task}`, alone on a worker of {WORKER_GIBIBYTES} GB", reached, reached * parts
        until = time_text(self.most_seconds)
        for page in PAGE_SECONDS[-3:]:
            today, mapped = (
                way.dated * self.most_seconds / page * limits.SCROLL_PAGE for way in (self.today, self.mapped)
            )
            yield f"{until} of `extract`, if a page takes {page:g} s", today, mapped
        at_rate = self.most_seconds * self.calls_a_second * limits.SCROLL_PAGE
        yield f"{until} of `extract`, at {self.calls_a_second:g} calls a second", at_rate, at_rate
        by_processor = self.work_seconds("transform").reaches(self.most_seconds)
        yield f"{until} of processor time in `transform`", by_processor, by_processor * self.mapped.dated

    def workers_line(self) -> str:
        """How many workers the mapped slices of `extract` need."""
        peak = self.peak("extract").at(self.contacts / self.mapped.dated)
        fit = tasks_at_once(WORKER_GIBIBYTES * MEGABYTES_OF_A_GIBIBYTE, self.figures.worker, peak)
        return (
            f"{self.mapped.slots} mapped `extract` tasks of {peak:,.0f} MB each: a worker of "
            f"{WORKER_GIBIBYTES} GB runs {fit} at once."
        )


def _contacts(number: float) -> str:
    return f"{number / 1e6:,.0f} million" if number < HORIZON else f"over {HORIZON / 1e6:,.0f} million"
