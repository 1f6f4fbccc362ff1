"""The status page as HTML."""

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

from include.page.charts import draw_bars
from include.page.differences import differences_of
from include.page.overview import DAYS, Overview, Trend
from include.page.rendering import age, number, short, short_key, templates
from include.state import StoredReport


@dataclass(frozen=True)
class Reader:
    """The reader of a page: time zone and account of the shop, the reader's permission, the forms' token."""

    zone: ZoneInfo
    account: str
    may_explain: bool
    form_token: str = ""


def status_page(shown: Overview, reader: Reader, now: datetime) -> str:
    """The status page."""
    return _page("status.html", reader, shown=shown, now=now, days=DAYS)


def message_page(message: str, back: str = "./") -> str:
    """The page that replaces another one: an error and what to do, with a link back."""
    return _templates().get_template("message.html").render(message=message, back=back)


def run_link(run: StoredReport) -> str:
    """The address of the run in Airflow's UI, relative to the page."""
    return f"../dags/{quote(run.dag_id, safe='')}/runs/{quote(run.run_id, safe='')}"


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
        Path(__file__).parent / "templates",
        {"number": number, "age": age, "chart": _chart, "key": short_key, "differences": differences_of},
    )
