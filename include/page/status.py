"""The status page as HTML."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment
from markupsafe import Markup

from include.airflow_paths import dag_path, of_shop, run_path
from include.live import live_variable
from include.outcomes import Kind, PipelineName
from include.page.charts import draw_bars
from include.page.differences import differences_of
from include.page.overview import Overview
from include.page.rendering import Level, short_key, templates
from include.page.trends import DAYS, Trend
from include.pipeline.replay import UNNAMED
from include.pipelines import DAILY_PIPELINES
from include.shops import dag_id_of
from include.state import StoredFailure, StoredReport
from include.values.wording import number, short
from include.window import local_text

SYMBOLS = {Level.GOOD: "✓", Level.WARNING: "!", Level.BAD: "✕", Level.NONE: "○"}
"""Beside each state, so that it can be read without colour."""


@dataclass(frozen=True)
class Reader:
    """The reader of a page: time zone and account of the shop, the reader's permission, the forms' token.

    `section` is the shop's in the ids of its DAGs. `shop` is its key in addresses, empty for the only shop.
    """

    zone: ZoneInfo
    account: str
    may_explain: bool
    form_token: str = ""
    section: str = ""
    shop: str = ""

    @property
    def live_variable(self) -> str:
        """The environment variable that makes the shop live."""
        return live_variable(self.section)

    @property
    def name(self) -> str:
        """The shop as the head of a page names it: `es (VTEX account myshopes)`, or its only account."""
        return f"{self.shop} (VTEX account {self.account})" if self.shop else self.account

    def at(self, instant: datetime) -> str:
        """An instant on the clock of the shop."""
        return local_text(instant, self.zone)

    def link(self, address: str) -> str:
        """An address of our pages, for this shop."""
        return of_shop(address, self.shop)

    def dag(self, dag: str) -> str:
        """The path of a DAG of this shop in Airflow's UI, relative to the page."""
        return f"../{dag_path(dag_id_of(dag, self.section))}"


def status_page(shown: Overview, reader: Reader, now: datetime) -> str:
    """The status page."""
    return _page("status.html", reader, shown=shown, now=now, days=DAYS, symbols=SYMBOLS, kind_of=kind_of_key)


def message_page(message: str, back: str = "./", choices: Mapping[str, str] | None = None) -> str:
    """The page that replaces another one: an error and what to do, with a link back.

    `choices` are addresses by their text.
    """
    return _templates().get_template("message.html").render(message=message, back=back, choices=choices or {})


def kind_of_key(pipeline: PipelineName, key: str) -> Kind | None:
    """The kind of a record that can be explained; None for a person's hash and for a row without a name."""
    daily = DAILY_PIPELINES.get(pipeline)
    return daily.kind if daily and not key.startswith(UNNAMED) else None


def run_link(run: StoredReport | StoredFailure) -> str:
    """The address of the run in Airflow's UI, relative to the page."""
    return f"../{run_path(run.dag_id, run.run_id)}"


def _page(name: str, reader: Reader, **values: object) -> str:
    template = _templates().get_template(name)
    return template.render(reader=reader, at=reader.at, run_link=run_link, **values)


def _chart(trend: Trend, days: Sequence[date], failed: Collection[date]) -> Markup:
    side = short if trend.shown is number else trend.shown
    return draw_bars(f"{trend.title}: {trend.summary}", days, trend.values, trend.shown, side, failed=failed)


def _day_rows(trend: Trend, days: Sequence[date], failed: Collection[date]) -> list[tuple[date, str, bool]]:
    """Day, value and whether a run failed, the newest first, without days before the first value."""
    rows = [
        (day, "no run" if value is None else trend.shown(value), day in failed)
        for day, value in zip(days, trend.values, strict=True)
    ]
    start = next((n for n, value in enumerate(trend.values) if value is not None), len(rows))
    return rows[start:][::-1]


@cache
def _templates() -> Environment:
    filters: dict[str, Callable[..., Any]] = {
        "change": _change,
        "chart": _chart,
        "day_rows": _day_rows,
        "differences": differences_of,
        "key": short_key,
        "price": _price,
    }
    return templates(Path(__file__).parent / "templates", filters)


def _price(price: Decimal) -> str:
    return f"{price:,.2f}"


def _change(change: float) -> str:
    """`+12.5 %`, `-30 %`."""
    return f"{change:+,.1f} %"
