"""The overview of all shops: its figures are those of each shop's page, and its rows can be sorted."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from include.outcomes import PipelineName
from include.page.all_shops import (
    PipelineCell,
    ShopFigures,
    ShopOrder,
    ShopRow,
    WrongOrder,
    columns_of,
    figures_of,
    shops_page,
)
from include.page.newsletter_answer import AirflowFacts, Receiver
from include.page.overview import overview
from include.page.rendering import Level
from include.report import Report
from include.settings import load_settings
from include.state import Shop, StateStore, StoredFailure, open_state_store, upgrade
from include.task_failure import TaskFailure
from tools.made_up_history import fill

NOW = datetime(2026, 11, 23, 15, tzinfo=UTC)
ES = Shop("myshopes", "http://v", "http://c", "key", name="es")
EMPTY = Shop("myshoppt", "http://v", "http://c", "key", name="pt")
ALL = tuple(PipelineName)
COLUMNS = columns_of(ALL)
EVIL = "<script>alert('x')</script>"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    url = f"sqlite:///{tmp_path_factory.mktemp('state')}/state.db"
    upgrade(url)
    fill(url, "k" * 32, ES, NOW)
    return url


def figures(
    url: str, facts: AirflowFacts | None = None, *, shop: Shop = ES, pipelines: tuple[PipelineName, ...] = ALL
) -> ShopFigures:
    with open_state_store(url, "k" * 32, shop) as state:
        return figures_of(
            state, pipelines, load_settings(), NOW, facts or AirflowFacts(), live=True, section=shop.name
        )


def test_figures__are_those_of_the_shops_own_page(url: str) -> None:
    facts = AirflowFacts(paused=frozenset({"sync_products__es", "sync_contacts"}))
    with open_state_store(url, "k" * 32, ES) as state:
        page = overview(state, ALL, load_settings(), NOW, facts, section="es")
    found = figures(url, facts)
    assert {name: (cell.word, cell.level, cell.is_paused) for name, cell in found.pipelines.items()} == {
        one.pipeline: (one.word, one.level, one.is_paused) for one in page.pipelines
    }
    assert [name for name, cell in found.pipelines.items() if cell.is_paused] == [PipelineName.PRODUCTS]
    assert {name: cell.since for name, cell in found.pipelines.items()} == {
        one.pipeline: one.since for one in page.pipelines
    }
    assert found.rejected + found.held == sum(one.records for one in page.to_fix) > 0
    summaries = {trend.title: trend.summary for one in page.pipelines for trend in one.trends}
    assert summaries["Lost by the web tag"].startswith(f"{found.lost_percent:.3g} % of")
    assert summaries["Latency, median"].endswith(f"95 % within {found.latency:.2g} s")


def test_figures__of_a_shop_without_runs_are_unknown(url: str) -> None:
    found = figures(url, shop=EMPTY)
    assert {cell.since for cell in found.pipelines.values()} == {None}
    assert found.pipelines[PipelineName.CONTACTS] == PipelineCell("no run yet", Level.NONE, None, False)
    assert (found.rejected, found.held, found.lost_percent, found.latency) == (0, 0, None, None)


def test_figures__hold_no_pipeline_that_the_reader_may_not_see(url: str) -> None:
    found = figures(url, pipelines=(PipelineName.PRODUCTS,))
    assert list(found.pipelines) == [PipelineName.PRODUCTS]
    assert (found.lost_percent, found.latency) == (None, None)
    assert found.rejected + found.held < figures(url).rejected + figures(url).held


@pytest.mark.parametrize("others", [3, 20])
def test_figures__the_state_is_that_of_the_last_regular_run(tmp_path: Path, others: int) -> None:
    """Also if many newer runs are replays; the failed task of a replay changes nothing."""
    url = f"sqlite:///{tmp_path}/state.db"
    upgrade(url)
    with open_state_store(url, "k" * 32, ES) as state:
        save(state, "full", timedelta(hours=9))
        for number in range(others):
            save(state, "replay", timedelta(hours=8, minutes=-number), run_state="failed")
        fail(state, timedelta(hours=8))
        assert figures(url).pipelines[PipelineName.CONTACTS].word == "passed"
        fail(state, timedelta(hours=1))
    cell = figures(url).pipelines[PipelineName.CONTACTS]
    assert (cell.word, cell.level, cell.since) == ("failed", Level.BAD, timedelta(hours=9))


def save(state: StateStore, mode: str, ago: timedelta, run_state: str = "success") -> None:
    started = NOW - ago
    state.reports.save(
        Report.model_validate({"pipeline": PipelineName.CONTACTS, "mode": mode}),
        PipelineName.CONTACTS,
        dag_id="sync_contacts__es",
        run_id=str(started),
        clear_number=0,
        run_key=str(started),
        state=run_state,
        started_at=started,
        finished_at=started,
    )


def fail(state: StateStore, ago: timedelta) -> None:
    started = NOW - ago
    failure = TaskFailure(
        task="load", try_number=1, failed_at=started, sentence="It failed", error="X", log="x"
    )
    state.task_failures.save(StoredFailure("sync_contacts__es", str(started), started, failure))


def row(key: str, *, level: Level = Level.GOOD, held: int = 0, lost: float | None = None) -> ShopRow:
    cell = PipelineCell("a word", level, timedelta(hours=held), is_paused=False)
    found = ShopFigures({PipelineName.CONTACTS: cell}, 0, held, lost, lost, live=held > 0)
    return ShopRow(key, f"account-{key}", found)


ROWS = [
    row("a", held=2, lost=5.0),
    row("b", level=Level.BAD, held=1),
    ShopRow("c", problem="There is no connection vtex_c"),
    row("d", level=Level.WARNING, held=3, lost=0.0),
]


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("", "cbda"),
        ("shop", "abcd"),
        ("-shop", "dcba"),
        ("account", "abdc"),
        ("contacts", "bdac"),
        ("-contacts", "adbc"),
        ("held", "dabc"),
        ("-held", "badc"),
        ("lost", "adbc"),
        ("-lost", "dabc"),
        ("latency", "adbc"),
    ],
)
def test_order__is_worst_first_and_unknown_values_are_last(sort: str, order: str) -> None:
    assert "".join(one.key for one in ShopOrder.parse(sort, COLUMNS).sort(ROWS)) == order


@pytest.mark.parametrize("sort", ["canary", "--held", "-", "held-"])
def test_order__by_an_unknown_column_is_refused(sort: str) -> None:
    with pytest.raises(WrongOrder):
        ShopOrder.parse(sort, COLUMNS)


def html(sort: str = "", rows: list[ShopRow] | None = None) -> str:
    return shops_page(ROWS if rows is None else rows, ALL, COLUMNS, ShopOrder.parse(sort, COLUMNS))


def test_page__the_sorted_column_says_so_and_its_link_turns_the_order() -> None:
    text = html()
    assert "aria-sort" not in text
    assert re.findall(r'href="\./\?sort=([^"]*)"', text) == [column.name for column in COLUMNS]
    text = html("held")
    assert text.count("aria-sort") == 1
    assert 'aria-sort="descending"><a href="./?sort=-held">Held</a>' in text
    assert 'aria-sort="ascending"><a href="./?sort=held">Held</a>' in html("-held")
    assert 'aria-sort="ascending"><a href="./?sort=-shop">Shop</a>' in html("shop")


def test_page__links_each_state_and_each_number_to_the_shops_own_page(url: str) -> None:
    text = html(rows=[ShopRow("es", "myshopes", figures(url))])
    for pipeline in PipelineName:
        assert f'href="./?shop=es#{pipeline}"' in text
    assert 'href="records?outcome=rejected&amp;shop=es"' in text
    assert 'href="records?outcome=held&amp;shop=es"' in text
    own = [link for link in re.findall('href="([^"]*)"', text) if not link.startswith(("static", "./?sort"))]
    assert [link for link in own if "shop=es" not in link] == []


def test_page__says_why_a_shop_cannot_be_read_and_escapes_the_text() -> None:
    facts = row("es", held=1)
    assert facts.found
    text = html(rows=[ShopRow("c", problem=EVIL), facts])
    assert EVIL not in text
    assert text.count("&lt;script&gt;") == 1
    assert text.count("<tr>") == 3


def test_page__says_once_that_airflows_database_does_not_answer(url: str) -> None:
    facts = AirflowFacts(problem="Airflow's database is locked", receiver=Receiver.DOWN)
    found = figures(url, facts)
    text = html(rows=[ShopRow(key, "account", found) for key in ("es", "pt")])
    assert text.count("So paused DAGs and waiting runs are not known") == 1


def test_page__needs_no_colour_to_tell_the_states_apart(url: str) -> None:
    found = figures(url, AirflowFacts(receiver=Receiver.DOWN, receiver_problem="no secret"))
    text = html(rows=[ShopRow("es", "myshopes", found)])
    assert '<span aria-hidden="true">✕</span> receiver down' in text
    assert '<span aria-hidden="true">✓</span> passed' in text
    assert "<strong" not in text, "the shop is live"
    assert "not live" in html(rows=[row("a")])
