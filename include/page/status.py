"""The status page and the list of records with a reason, as HTML."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from jinja2 import Environment
from markupsafe import Markup

from include.outcomes import PipelineName, Reason
from include.page.charts import draw_bars
from include.page.overview import Overview
from include.page.rendering import Level, number, short, templates
from include.page.trends import DAYS, Trend
from include.pipelines import DAILY_PIPELINES
from include.state import StoredOutcome, StoredReport
from include.window import local_text

PER_PAGE = 50
SYMBOLS = {Level.GOOD: "✓", Level.WARNING: "!", Level.BAD: "✕", Level.NONE: "○"}
"""Beside each state, so that it can be read without colour."""


@dataclass(frozen=True)
class Reader:
    """The reader of a page: time zone and account of the shop, the reader's permission, the forms' token."""

    zone: ZoneInfo
    account: str
    may_explain: bool
    form_token: str = ""


@dataclass(frozen=True)
class RecordsPage:
    """One page of a pipeline's records with a reason; `more` if another page follows."""

    pipeline: PipelineName
    reason: Reason
    records: Sequence[StoredOutcome]
    number: int
    more: bool


def status_page(shown: Overview, reader: Reader, now: datetime) -> str:
    """The status page."""
    return _page("status.html", reader, shown=shown, now=now, days=DAYS, symbols=SYMBOLS)


def records_page(shown: RecordsPage, reader: Reader) -> str:
    """One page of the records with a reason."""
    kind = (
        DAILY_PIPELINES[shown.pipeline].kind
        if reader.may_explain and shown.pipeline in DAILY_PIPELINES
        else ""
    )
    return _page("records.html", reader, shown=shown, kind=kind)


def message_page(message: str) -> str:
    """The page that replaces the status page if the state store cannot be read: the error and what to do."""
    return _templates().get_template("message.html").render(message=message)


def run_link(run: StoredReport) -> str:
    """The address of the run in Airflow's UI, relative to the page."""
    return f"../dags/{quote(run.dag_id, safe='')}/runs/{quote(run.run_id, safe='')}"


def _page(name: str, reader: Reader, **values: object) -> str:
    def at(instant: datetime) -> str:
        return local_text(instant, reader.zone)

    template = _templates().get_template(name)
    return template.render(reader=reader, at=at, run_link=run_link, **values)


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
        "key": _key,
        "price": _price,
    }
    return templates(Path(__file__).parent / "templates", filters)


def _price(price: Decimal) -> str:
    return f"{price:,.2f}"


def _change(change: float) -> str:
    """`+12.5 %`, `-30 %`."""
    return f"{change:+,.1f} %"


def _key(key: str) -> str:
    """The key of a record; of a person's hash only the first 12 digits."""
    return f"{key[:12]}…" if len(key) == 64 else key
