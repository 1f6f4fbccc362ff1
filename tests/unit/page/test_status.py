"""The status page as HTML: escaped values, correct links, no foreign resources, no personal data."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from include.outcomes import PipelineName
from include.page.newsletter_answer import AirflowFacts
from include.page.overview import overview
from include.page.rendering import STATIC
from include.page.status import Reader, message_page, status_page
from include.settings import load_settings
from include.state import Shop, open_state_store, upgrade
from tools.made_up_history import fill

NOW = datetime(2026, 11, 23, 15, tzinfo=UTC)
SHOP = Shop("shop", "http://v", "http://c", "key")
READER = Reader(ZoneInfo("America/Sao_Paulo"), "<i>shop</i>", may_explain=True)
EVIL = "<script>alert('x')</script>"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    url = f"sqlite:///{tmp_path_factory.mktemp('state')}/state.db"
    upgrade(url)
    fill(url, "k" * 32, SHOP, NOW)
    return url


def page(
    url: str, *, pipelines: tuple[PipelineName, ...] = tuple(PipelineName), reader: Reader = READER
) -> str:
    with open_state_store(url, "k" * 32, SHOP) as state:
        return status_page(overview(state, pipelines, load_settings(), NOW), reader, NOW)


def test_page__shows_the_last_run_and_the_trends_of_every_pipeline(url: str) -> None:
    text = page(url)
    for pipeline in PipelineName:
        assert f'id="{pipeline}"' in text
    assert text.count("<svg") == 4 * 5 + 2
    assert "../dags/sync_purchases/runs/scheduled__2026-11-23T07%3A0" in text
    assert "Lost by the web tag" in text
    assert "half within" in text
    assert 'action="../vtex-connectif-explain/"' in text
    assert 'href="../dags/check_setup"' in text
    assert 'href="records?pipeline=products&amp;code=price_missing"' in text


def test_page__answers_the_questions(url: str) -> None:
    text = page(url)
    for answer in (
        "Is the newsletter working?",
        "Yes: the receiver is up, the last call from Connectif came",
        "What changed in the last catalogue?",
        "1,099.00",
        "+47.6 %",
        "How much does the web tag miss?",
        "Boleto Bancário",
    ):
        assert answer in text, answer


def test_page__has_a_table_behind_each_chart_and_marks_failed_days(url: str) -> None:
    text = page(url)
    charts = text.count("<svg")
    assert text.count(" by day</summary>") == charts
    assert text.count("<caption>") == text.count('<div class="values" tabindex="0"') == charts + 4
    assert text.count('class="failed" x="') == 5 + 2 * 4, "one failed day of purchases, two of contacts"
    assert '<span aria-hidden="true">✕</span> failed' in text


def test_page__names_the_time_zone_and_paused_dags(url: str) -> None:
    with open_state_store(url, "k" * 32, SHOP) as state:
        facts = AirflowFacts(paused=frozenset({"sync_contacts", "update_newsletter"}), problem="locked")
        found = overview(state, tuple(PipelineName), load_settings(), NOW, facts)
    text = status_page(found, READER, NOW)
    assert "2026-11-23 12:00. All times are America/Sao_Paulo" in text
    assert re.search(r"contacts, 2026-11-2\d 21:00 to 2026-11-2\d 21:00 America/Sao_Paulo: ", text)
    assert 'Unpause <a data-airflow href="../dags/sync_contacts">' in text
    assert "No: update_newsletter is paused." in text
    assert "locked" in text


def test_page__is_escaped_and_loads_no_foreign_resource(url: str) -> None:
    text = page(url)
    assert "<i>shop" not in text
    assert "style=" not in text
    loaded = re.findall(r'(?:src|href|action)="([^"]*)"', text)
    assert loaded
    assert not [address for address in loaded if "//" in address]
    assert "@" not in text


def test_page__shows_only_pipelines_that_the_reader_may_see(url: str) -> None:
    text = page(
        url, pipelines=(PipelineName.NEWSLETTER,), reader=Reader(READER.zone, "shop", may_explain=False)
    )
    assert "sync_contacts" not in text
    assert "email_missing" not in text
    assert "Explain one record" not in text


def test_people__are_shown_by_the_first_digits_of_their_hash(url: str) -> None:
    assert not re.search(r"\b[0-9a-f]{64}\b", page(url, pipelines=(PipelineName.NEWSLETTER,)))


def test_page__of_an_empty_state_store_says_what_to_do(tmp_path: Path) -> None:
    empty = f"sqlite:///{tmp_path}/state.db"
    upgrade(empty)
    text = page(empty)
    assert "Unpause" in text
    assert "Nothing is rejected or held" in text
    assert "<svg" not in text


def test_message__is_escaped() -> None:
    assert "<script>alert" not in message_page(EVIL)


def test_message__has_a_link_back() -> None:
    assert '<a href="records?page=1">Back</a>' in message_page("wrong", "records?page=1")


def test_style_sheet__supports_dark_and_narrow_and_loads_no_file() -> None:
    css = (STATIC / "page.css").read_text()
    assert "color-scheme: light dark" in css
    assert ":root[data-theme=dark]" in css
    assert "max-width" in css
    assert "url(" not in css
    assert "@import" not in css
