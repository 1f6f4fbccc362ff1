"""The status page and the list of records with a reason, as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment
from markupsafe import Markup

from include.airflow_paths import run_path
from include.outcomes import PipelineName, Reason
from include.page.charts import draw_bars
from include.page.overview import DAYS, Overview, Trend
from include.page.rendering import age, number, short, templates
from include.pipelines import DAILY_PIPELINES
from include.state import StoredFailure, StoredOutcome, StoredReport

PER_PAGE = 50


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
    return _page("status.html", reader, shown=shown, now=now, days=DAYS)


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


def run_link(run: StoredReport | StoredFailure) -> str:
    """The address of the run in Airflow's UI, relative to the page."""
    return f"../{run_path(run.dag_id, run.run_id)}"


def _page(name: str, reader: Reader, **values: object) -> str:
    def at(instant: datetime) -> str:
        local = instant.astimezone(reader.zone)
        return f"{local.day} {local:%b %H:%M}"

    template = _templates().get_template(name)
    return template.render(reader=reader, at=at, run_link=run_link, **values)


def _chart(trend: Trend, days: Sequence[date]) -> Markup:
    side = short if trend.shown is number else trend.shown
    return draw_bars(f"{trend.title}: {trend.summary}", days, trend.values, trend.shown, side)


@cache
def _templates() -> Environment:
    return templates(
        Path(__file__).parent / "templates", {"number": number, "age": age, "chart": _chart, "key": _key}
    )


def _key(key: str) -> str:
    """The key of a record; of a person's hash only the first 12 digits."""
    return f"{key[:12]}…" if len(key) == 64 else key
