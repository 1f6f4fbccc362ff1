"""The page "VTEX ↔ Connectif" in Airflow's api-server: permissions, headers and errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import pytest

from include.state import Shop, upgrade
from include.web import HEADERS
from tests.api_server import Page, allowed, auth_manager

SHOP = Shop("shop", "https://shop.vtexcommercestable.com.br", "https://api.connectif.cloud", "key-id")
CONNECTIONS = {
    "vtex_default": {"conn_type": "vtex", "login": "key", "password": "t" * 20, "extra": {"account": "shop"}},
    "connectif_default": {"conn_type": "connectif", "login": "key-id", "password": "s" * 20},
}


@pytest.fixture(scope="module")
def page(airflow_db: None) -> Iterator[Page]:
    from plugins.web.status_page import build  # noqa: PLC0415

    with auth_manager():
        yield Page(build())


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Set valid connections; return the file of the state store, which has no tables yet."""
    file = tmp_path / "state.db"
    state = {"conn_type": "sqlite", "host": str(file), "extra": {"hash_key": "k" * 32}}
    for name, fields in {**CONNECTIONS, "sync_state": state}.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(fields))
    return file


def test_page__requires_a_login_and_the_permission_to_read_runs(page: Page) -> None:
    for path in ("/", "/records?pipeline=contacts&code=email_missing"):
        assert page.get(path).status_code == 401
        assert page.get(path, headers=allowed(role=None)).status_code == 403


def test_page__shows_only_pipelines_whose_runs_the_user_may_read(
    page: Page, connections: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade(f"sqlite:///{connections}")
    monkeypatch.setattr(
        "plugins.web.page_access.may_read_runs", lambda _user, dag_id: dag_id == "sync_products"
    )
    text = page.get("/", headers=allowed()).text
    assert 'id="products"' in text
    assert 'id="contacts"' not in text
    refused = page.get("/records?pipeline=contacts&code=email_missing", headers=allowed())
    assert refused.status_code == 403


def test_page__of_an_empty_state_store_says_what_to_do(page: Page, connections: Path) -> None:
    upgrade(f"sqlite:///{connections}")
    answer = page.get("/", headers=allowed())
    assert answer.status_code == 200, answer.text
    assert "Unpause" in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert page.get("/static/page.js").status_code == 200


def test_headers__are_on_every_answer_and_the_style_may_be_cached(page: Page, connections: Path) -> None:
    upgrade(f"sqlite:///{connections}")
    answers = {
        200: page.get("/", headers=allowed()),
        401: page.get("/"),
        400: page.get("/records?page=0", headers=allowed()),
        404: page.get("/nothing", headers=allowed()),
        405: page.post("/", headers=allowed()),
    }
    for status, answer in answers.items():
        assert answer.status_code == status
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    style = page.get("/static/page.css")
    assert style.headers["cache-control"] == "public, max-age=3600"
    assert style.headers["x-content-type-options"] == "nosniff"


def test_headers__are_also_on_a_500(page: Page, connections: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plugins.web.page_access.shop_of_connections", lambda: 1 / 0)
    answer = page.get("/", headers=allowed())
    assert answer.status_code == 500
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_page__names_missing_tables_and_connections(
    page: Page, connections: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = page.get("/", headers=allowed())
    assert answer.status_code == 503
    assert "plugins.state upgrade" in answer.text
    monkeypatch.delenv("AIRFLOW_CONN_VTEX_DEFAULT")
    assert "There is no connection vtex_default" in page.get("/", headers=allowed()).text


@pytest.mark.parametrize(
    ("query", "target"),
    [
        ("dag_id=sync_purchases", "/vtex-connectif-status/#purchases"),
        (
            "dag_id=reconcile&run_id=scheduled__2026-11-23T05%3A00%3A00%2B00%3A00",
            "/vtex-connectif-status/records?pipeline=reconcile"
            "&run=reconcile%2Fscheduled__2026-11-23T05%3A00%3A00%2B00%3A00",
        ),
    ],
)
def test_tab__of_a_dag_or_run_leads_to_its_part_of_the_page(page: Page, query: str, target: str) -> None:
    answer = page.get(f"/open?{query}", headers=allowed())
    assert answer.status_code == 307
    assert urljoin("/vtex-connectif-status/open", answer.headers["location"]) == target


def test_tab__of_another_dag_says_so(page: Page) -> None:
    for query in ("dag_id=check_setup", "dag_id=theirs&run_id=%3Cscript%3E"):
        answer = page.get(f"/open?{query}", headers=allowed())
        assert answer.status_code == 200
        assert "The runs of this DAG have no records" in answer.text
        assert "script>" not in answer.text.partition("<main")[2]
    assert page.get("/open?dag_id=sync_contacts").status_code == 401
