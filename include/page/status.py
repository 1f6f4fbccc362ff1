"""The status page and the list of records behind a reason, as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from urllib.parse import quote
from zoneinfo import ZoneInfo

from jinja2 import Environment
from markupsafe import Markup

from include.outcomes import PipelineName, Reason
from include.page.charts import bars
from include.page.formats import age, number, short
from include.page.frame import templates
from include.page.overview import DAYS, Overview, Trend
from include.pipelines import DAILY_PIPELINES
from include.state import StoredOutcome, StoredReport

PER_PAGE = 50


@dataclass(frozen=True)
class Reader:
    """Who looks: where the store's clock is, what the reader may be shown, and the token of the forms."""

    zone: ZoneInfo
    account: str
    may_explain: bool
    form_token: str = ""


@dataclass(frozen=True)
class RecordsPage:
    """One page of the records of a pipeline with a reason; `more` when another one follows."""

    pipeline: PipelineName
    reason: Reason
    records: Sequence[StoredOutcome]
    number: int
    more: bool


def status_page(shown: Overview, reader: Reader, now: datetime) -> str:
    """The page with everything."""
    return _page("status.html", reader, shown=shown, now=now, days=DAYS)


def records_page(shown: RecordsPage, reader: Reader) -> str:
    """All records of a reason, 50 at a time."""
    kind = (
        DAILY_PIPELINES[shown.pipeline].kind
        if reader.may_explain and shown.pipeline in DAILY_PIPELINES
        else ""
    )
    return _page("records.html", reader, shown=shown, kind=kind)


def message_page(message: str) -> str:
    """Instead of it, when the store cannot be read: what is missing, and what to do."""
    return _templates().get_template("message.html").render(message=message)


def run_link(run: StoredReport) -> str:
    """The run in Airflow's UI, as seen from the page."""
    return f"../dags/{quote(run.dag_id, safe='')}/runs/{quote(run.run_id, safe='')}"


def _page(name: str, reader: Reader, **values: object) -> str:
    def at(instant: datetime) -> str:
        local = instant.astimezone(reader.zone)
        return f"{local.day} {local:%b %H:%M}"

    template = _templates().get_template(name)
    return template.render(reader=reader, at=at, run_link=run_link, **values)


def _chart(trend: Trend, days: Sequence[date]) -> Markup:
    side = short if trend.shown is number else trend.shown
    return bars(f"{trend.title}: {trend.said}", days, trend.values, trend.shown, side)


@cache
def _templates() -> Environment:
    return templates(
        Path(__file__).parent / "templates", {"number": number, "age": age, "chart": _chart, "key": _key}
    )


def _key(key: str) -> str:
    """Keys as they are; the hash that stands for a person only by its beginning."""
    return f"{key[:12]}…" if len(key) == 64 else key
