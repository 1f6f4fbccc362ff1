"""The overview of all shops: a row of plain values for each, in the order that the reader wants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, partial
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple, Self

from jinja2 import Template

from include.outcomes import Outcome, PipelineName
from include.page.newsletter_answer import AirflowFacts
from include.page.overview import MOST_RUNS
from include.page.pipeline_state import RUNS_CHECKED, Sources, shows_the_state
from include.page.rendering import Level, templates
from include.page.status import SYMBOLS
from include.page.trends import DAYS, MOST_CHANGES, Span, latency_of, total_of, tracking_by_day
from include.setting_types import Settings
from include.state import StateStore, StoredReport

_FIRST_RUNS = 5
"""Among so many runs there is usually a regular one."""


class PipelineCell(NamedTuple):
    """The state of a pipeline in a word; `since` is the age of its last run, None without a run."""

    word: str
    level: Level
    since: timedelta | None
    is_paused: bool


class ShopFigures(NamedTuple):
    """What is known about a shop, of the pipelines that the reader may see.

    `lost_percent` is the tracking loss of the last 30 days, None if no purchase is known. `latency` is the
    time in seconds within which 95 % of the subscription changes of these days were applied at VTEX.
    `problem` says why paused DAGs and waiting runs are not known.
    """

    pipelines: Mapping[PipelineName, PipelineCell]
    rejected: int
    held: int
    lost_percent: float | None
    latency: float | None
    live: bool
    problem: str = ""


@dataclass(frozen=True)
class ShopRow:
    """A shop by its key. Without `found`, `problem` says why the shop could not be read."""

    key: str
    account: str = ""
    found: ShopFigures | None = None
    problem: str = ""


def figures_of(
    state: StateStore,
    pipelines: Sequence[PipelineName],
    settings: Settings,
    now: datetime,
    airflow: AirflowFacts,
    *,
    live: bool,
    section: str,
) -> ShopFigures:
    """Read the figures of the shop with this section, with the numbers of its status page.

    It reads few runs: of purchases those of 30 days, of other pipelines only the last ones.
    """
    sources = Sources(state, settings, Span.until(now, settings.schedule.zone), airflow, section)
    unsent = state.figures.not_sent(pipelines)
    return ShopFigures(
        pipelines={name: _cell(sources, name) for name in pipelines},
        rejected=unsent[Outcome.REJECTED],
        held=unsent[Outcome.HELD],
        lost_percent=_lost_percent(sources) if PipelineName.PURCHASES in pipelines else None,
        latency=_latency(sources) if PipelineName.NEWSLETTER in pipelines else None,
        live=live,
        problem=airflow.problem,
    )


def _cell(sources: Sources, pipeline: PipelineName) -> PipelineCell:
    runs = _last_runs(sources, pipeline)
    last = next(filter(shows_the_state, runs), None)
    judged = sources.state_of(pipeline, last, runs)
    word, level = str(judged.state), judged.level
    if pipeline is PipelineName.NEWSLETTER:
        condition = sources.newsletter(last, latency="").condition
        word, level = condition.word, condition.level
    return PipelineCell(word, level, judged.since if last else None, judged.is_paused)


def _last_runs(sources: Sources, pipeline: PipelineName) -> list[StoredReport]:
    """The last runs, with the last regular one if there is one."""
    runs = sources.state.reports.latest(pipeline, _FIRST_RUNS)
    if len(runs) < _FIRST_RUNS or any(map(shows_the_state, runs)):
        return runs
    return sources.state.reports.latest(pipeline, RUNS_CHECKED)


def _lost_percent(sources: Sources) -> float | None:
    span = sources.span
    runs = sources.state.reports.latest(PipelineName.PURCHASES, MOST_RUNS, since=span.since)
    total = total_of(tracking_by_day(runs, span))
    return total.lost_percent if total.tracked + total.added else None


def _latency(sources: Sources) -> float | None:
    found = latency_of(sources.state.figures.changes_applied_since(sources.span.since, MOST_CHANGES))
    return found.most if found else None


class WrongOrder(ValueError):
    """There is no such column."""


class Column(NamedTuple):
    """A column by which the rows can be sorted. `value` is None if it is not known, then the row comes last.

    `from_a_to_z`: sorted from the least value on; other columns begin with the greatest, the worst.
    """

    name: str
    title: str
    value: Callable[[ShopRow], Any]
    from_a_to_z: bool = False
    is_number: bool = False


_RANKS = {Level.GOOD: 0, Level.NONE: 1, Level.WARNING: 2, Level.BAD: 3}
_FIRST = (
    Column("shop", "Shop", lambda row: row.key, from_a_to_z=True),
    Column("account", "VTEX account", lambda row: row.account or None, from_a_to_z=True),
)
_LAST = (
    Column("rejected", "Rejected", lambda row: row.found and row.found.rejected, is_number=True),
    Column("held", "Held", lambda row: row.found and row.found.held, is_number=True),
    Column("lost", "Lost by the tag", lambda row: row.found and row.found.lost_percent, is_number=True),
    Column("latency", "Newsletter, 95 % within", lambda row: row.found and row.found.latency, is_number=True),
    Column("live", "Live", lambda row: row.found and not row.found.live),
)


def columns_of(pipelines: Sequence[PipelineName]) -> tuple[Column, ...]:
    """The columns of the overview, with one for each of these pipelines."""
    return (*_FIRST, *(Column(name, name.capitalize(), partial(_rank, name)) for name in pipelines), *_LAST)


def _rank(pipeline: PipelineName, row: ShopRow) -> tuple[int, timedelta] | None:
    cell = row.found.pipelines.get(pipeline) if row.found else None
    return (_RANKS[cell.level], cell.since or timedelta()) if cell else None


@dataclass(frozen=True)
class ShopOrder:
    """The order of the rows: by a column, or without one the shops with the worst states first."""

    column: Column | None = None
    is_reversed: bool = False

    @classmethod
    def parse(cls, text: str, columns: Iterable[Column]) -> Self:
        """The order of the parameter `sort`: `held`, `-held`, or empty. WrongOrder for another text."""
        if not text:
            return cls()
        for column in columns:
            if column.name == text.removeprefix("-"):
                return cls(column, text.startswith("-"))
        raise WrongOrder

    def sort(self, rows: Iterable[ShopRow]) -> list[ShopRow]:
        """The rows in this order; equal ones stay as they are."""
        if self.column is None:
            return sorted(rows, key=_trouble, reverse=True)
        valued = [(self.column.value(row), row) for row in rows]
        known = [(value, row) for value, row in valued if value is not None]
        known.sort(key=itemgetter(0), reverse=not self._is_ascending)
        return [row for _, row in known] + [row for value, row in valued if value is None]

    def direction(self, column: Column) -> str:
        """`ascending` or `descending` if the rows are sorted by this column, for `aria-sort`; else empty."""
        if column is not self.column:
            return ""
        return "ascending" if self._is_ascending else "descending"

    def link(self, column: Column) -> str:
        """The relative address of the page sorted by this column, or the other way round if it is already."""
        turn = "-" if column is self.column and not self.is_reversed else ""
        return f"./?sort={turn}{column.name}"

    @property
    def _is_ascending(self) -> bool:
        return self.column is not None and self.column.from_a_to_z is not self.is_reversed


def _trouble(row: ShopRow) -> tuple[float, ...]:
    if row.found is None:
        return (1,)
    levels = Counter(cell.level for cell in row.found.pipelines.values())
    unsent = row.found.rejected + row.found.held
    return (0, levels[Level.BAD], levels[Level.WARNING], unsent, row.found.lost_percent or 0)


def shops_page(
    rows: Iterable[ShopRow], pipelines: Sequence[PipelineName], columns: Sequence[Column], order: ShopOrder
) -> str:
    """The overview as HTML, with a column for each of these pipelines."""
    sorted_rows = order.sort(rows)
    problems = (row.found.problem for row in sorted_rows if row.found)
    return _template().render(
        rows=sorted_rows,
        pipelines=pipelines,
        columns=columns,
        order=order,
        days=DAYS,
        symbols=SYMBOLS,
        problem=next(filter(None, problems), ""),
    )


@cache
def _template() -> Template:
    return templates(Path(__file__).parent / "templates", {}).get_template("shops.html")
