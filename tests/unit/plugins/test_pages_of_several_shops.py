"""The pages with several shops: each page is about one shop, and the first page is about all."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urljoin

import pytest

from include.errors import TemporaryError
from include.outcomes import Cause, PipelineName, Reason
from include.pipeline.differences import LIST
from include.report import Compared, Report
from include.shops import ConfiguredShop, _load_sections, load_shops
from include.staging import Staging
from include.state import RecordOutcome, Shop, open_state_store, upgrade
from plugins.airflow_links import page_of_run
from plugins.hooks.accounts import shop_of_connections
from tests.api_server import Page, allowed, auth_manager
from tests.unit.plugins.test_records_page import FORM_ID, Triggered

KEYS = {"default": "doc-of-default", "es": "doc-of-es"}
"""The shops that can be read, each with the key of its only record."""
WRONG = "settings: schedule.time_zone"
OWN_PAGES = ("./", "records", "replay", "differences.csv", "../vtex-connectif-explain/")


@pytest.fixture(scope="module")
def apps(airflow_db: None) -> Iterator[tuple[Page, Page]]:
    from plugins.web.explain_page import build as explain  # noqa: PLC0415
    from plugins.web.status_page import build as status  # noqa: PLC0415

    with auth_manager():
        yield Page(status()), Page(explain())


@pytest.fixture
def page(apps: tuple[Page, Page]) -> Page:
    return apps[0]


@pytest.fixture
def explain(apps: tuple[Page, Page]) -> Page:
    return apps[1]


@pytest.fixture(autouse=True)
def url(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """Two shops with a record each, and `pt`, whose settings are wrong; the URL of the state store."""
    url = f"sqlite:///{tmp_path}/state.db"
    fields = {"conn_type": "sqlite", "host": str(tmp_path / "state.db"), "extra": {"hash_key": "k" * 32}}
    monkeypatch.setenv("AIRFLOW_CONN_SYNC_STATE", json.dumps(fields))
    for key in KEYS:
        connect(monkeypatch, key)
    monkeypatch.setenv("SYNC_SHOPS__ES__SCHEDULE__TIME_ZONE", "Europe/Madrid")
    monkeypatch.setenv("SYNC_SHOPS__PT__SCHEDULE__TIME_ZONE", "nowhere")
    _load_sections.cache_clear()
    upgrade(url)
    for shop in load_shops():
        save_record(url, shop)
    yield url
    _load_sections.cache_clear()


def connect(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    vtex = {"conn_type": "vtex", "login": "key", "password": "t" * 20, "extra": {"account": f"shop{key}"}}
    connectif = {"conn_type": "connectif", "login": "key-id", "password": "s" * 20}
    monkeypatch.setenv(f"AIRFLOW_CONN_VTEX_{key.upper()}", json.dumps(vtex))
    monkeypatch.setenv(f"AIRFLOW_CONN_CONNECTIF_{key.upper()}", json.dumps(connectif))


def save_record(url: str, shop: ConfiguredShop) -> None:
    reason = Reason.EMAIL_MISSING
    with open_state_store(url, "k" * 32, shop_of_connections(shop)) as state:
        rows = [RecordOutcome(KEYS[shop.key], reason.outcome, reason)]
        state.records.save(PipelineName.CONTACTS, f"{shop.dag_id('sync_contacts')}/a run/0", rows)


@pytest.fixture
def triggered(monkeypatch: pytest.MonkeyPatch) -> Triggered:
    made = Triggered()
    monkeypatch.setattr("plugins.web.replay_page.trigger_once", made)
    return made


def only_of(monkeypatch: pytest.MonkeyPatch, *dag_ids: str) -> None:
    """The user may read the runs of these DAGs alone."""
    monkeypatch.setattr("plugins.web.page_access.may_read_runs", lambda _user, dag_id: dag_id in dag_ids)


def get(page: Page, address: str, status: int = 200) -> str:
    answer = page.get(address, headers=allowed("user"))
    assert answer.status_code == status, answer.text
    return answer.text


def own_links(text: str) -> list[str]:
    """The links and actions that lead to our pages, without those to the page of all shops."""
    found = re.findall(r'(?:href|action)="([^"]*)"', text.partition("<main")[2])
    ours = [link for link in found if link.startswith(OWN_PAGES)]
    return [link for link in ours if link not in {"./", "../vtex-connectif-status/"}]


@pytest.mark.parametrize("key", KEYS)
def test_every_page__is_about_its_shop_and_all_its_links_keep_the_shop(
    page: Page, explain: Page, triggered: Triggered, key: str
) -> None:
    replay = {"pipeline": "contacts", "do": "command", "key": KEYS[key], "list": "records?pipeline=contacts"}
    texts = {
        "status": get(page, f"/?shop={key}"),
        "records": get(page, f"/records?shop={key}&pipeline=contacts"),
        "replay": page.post(f"/replay?shop={key}", data=replay, headers=allowed("user")).text,
        "explain": get(explain, f"/?shop={key}"),
    }
    for name, text in texts.items():
        assert own_links(text), name
        assert [link for link in own_links(text) if f"shop={key}" not in link] == [], name
    (other,) = KEYS.keys() - {key}
    for name in ("status", "records", "replay"):
        assert KEYS[key] in texts[name]
        assert KEYS[other] not in texts[name]
    for name in ("status", "records"):
        assert f"{key} (VTEX account shop{key})" in texts[name]
    assert triggered.runs == {}


def test_explain__reads_the_connections_of_its_shop(explain: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_VTEX_ES")
    answer = explain.post("/?shop=es", data={"record": "1"}, headers=allowed())
    assert (answer.status_code, "There is no connection vtex_es" in answer.text) == (503, True)
    assert 'action="./?shop=es"' in answer.text


def test_status__has_the_shops_clock_dags_and_name(page: Page) -> None:
    text = get(page, "/?shop=es")
    assert "All times are Europe/Madrid" in text
    assert '<a href="./">All shops</a>' in text
    dags = set(re.findall(r'href="\.\./dags/(\w+)"', text))
    assert {dag.partition("__")[2] for dag in dags} == {"es"}
    assert "check_setup__es" in dags
    text = get(page, "/?shop=default")
    assert "All times are America/Sao_Paulo" in text
    assert "__es" not in text


def test_search__and_pages_keep_the_shop(page: Page) -> None:
    answer = page.post("/records?shop=es", data={"text": "doc"}, headers=allowed())
    assert (answer.status_code, answer.headers["location"]) == (303, "records?text=doc&shop=es")
    assert KEYS["es"] in get(page, f"/{answer.headers['location']}")
    for address in ("/records?shop=es&page=7", "/records?shop=es&page=0"):
        text = get(page, address, 404 if "7" in address else 400)
        assert re.search(r'<a href="records\?[^"]*shop=es">Back</a>', text)


@pytest.mark.parametrize(("key", "offsets"), [("default", {"-03:00"}), ("es", {"+01:00", "+02:00"})])
def test_csv__holds_the_records_of_one_shop(page: Page, key: str, offsets: set[str]) -> None:
    answer = page.get(f"/records.csv?shop={key}", headers=allowed())
    assert f"vtex-connectif-{key}-records-" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [row["key"] for row in rows] == [KEYS[key]]
    assert rows[0]["last seen"][-6:] in offsets


def test_replay__triggers_the_dag_of_the_shop(page: Page, triggered: Triggered) -> None:
    form = {"pipeline": "contacts", "do": "chosen", "form_id": FORM_ID, "list": "records?pipeline=contacts"}
    answer = page.post("/replay?shop=es", data={**form, "key": KEYS["es"]}, headers=allowed("user"))
    assert answer.status_code == 200, answer.text
    ((run_id, run),) = triggered.runs.items()
    assert (run["dag_id"], run["conf"]["replay"]) == ("sync_contacts__es", KEYS["es"])
    assert f'href="../dags/sync_contacts__es/runs/{run_id}"' in answer.text
    assert "airflow dags trigger sync_contacts__es" in answer.text
    other = page.post("/replay?shop=default", data={**form, "key": KEYS["es"]}, headers=allowed("user"))
    assert other.status_code == 409, "the record of one shop is unknown to the other"
    triggered.problem = TemporaryError("the DAG sync_contacts__es is paused")
    failed = page.post("/replay?shop=es", data={**form, "key": KEYS["es"]}, headers=allowed("user"))
    assert (failed.status_code, "records?pipeline=contacts&amp;shop=es" in failed.text) == (503, True)
    assert len(triggered.runs) == 1


def test_replay__asks_for_the_permission_to_trigger_the_dag_of_the_shop(
    page: Page, triggered: Triggered, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("replay_page", "records_page"):
        monkeypatch.setattr(
            f"plugins.web.{module}.may_trigger", lambda _user, dag_id: dag_id == "sync_contacts__es"
        )
    assert 'name="key"' in get(page, "/records?shop=es&pipeline=contacts")
    assert 'name="key"' not in get(page, "/records?shop=default&pipeline=contacts")
    form = {"pipeline": "contacts", "do": "chosen", "form_id": FORM_ID, "list": "records?pipeline=contacts"}
    answer = page.post("/replay?shop=default", data={**form, "key": KEYS["default"]}, headers=allowed("user"))
    assert (answer.status_code, "You may not trigger sync_contacts" in answer.text) == (403, True)
    assert triggered.runs == {}


@pytest.mark.filterwarnings("ignore:GitWildMatchPattern")
def test_differences__are_those_of_the_shops_comparison(
    page: Page, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk import ObjectStoragePath  # noqa: PLC0415 - importing Airflow takes seconds

    base = ObjectStoragePath(f"file://{tmp_path}/staging")
    monkeypatch.setattr("plugins.web.downloads.staging_base", lambda _settings: base)
    now = datetime.now(UTC)
    compared = {PipelineName.CONTACTS: Compared(causes={Cause.GONE: 1}, examples={Cause.GONE: ["1"]})}
    report = Report(pipeline=PipelineName.RECONCILE, mode="compare", compared=compared)
    with open_state_store(url, "k" * 32, shop_of_connections(load_shops().get("es"))) as state:
        state.reports.save(
            report,
            PipelineName.RECONCILE,
            dag_id="reconcile__es",
            run_id="a-run",
            clear_number=0,
            run_key="reconcile__es/a-run/0",
            state="success",
            started_at=now,
            finished_at=now,
        )
    folder = tmp_path / "staging" / "es" / "reconcile__es" / "a-run" / "0" / "compare_contacts"
    with Staging(folder).writing(LIST) as file:
        file.write(b'"key","cause","detail"\n"only-es","gone",""\n')
    assert "differences.csv?pipeline=contacts&amp;cause=gone&amp;shop=es" in get(page, "/?shop=es")
    assert "only-es" in get(page, "/differences.csv?pipeline=contacts&shop=es")
    gone = get(page, "/differences.csv?pipeline=contacts&shop=default", 404)
    assert "cannot be read" in gone
    assert '<a href="./?shop=default">Back</a>' in gone


# --- which shop


@pytest.mark.parametrize("address", ["/", "/records", "/records.csv", "/differences.csv?pipeline=contacts"])
def test_unknown_shop__is_a_page_that_names_the_known_ones(page: Page, address: str) -> None:
    mark = "&" if "?" in address else "?"
    text = get(page, f"{address}{mark}shop=canary%40example.com", 404)
    assert "There is no such shop" in text
    assert re.findall(r'<li><a href="([^"]*)">(\w+)</a>', text) == [
        (f"./?shop={key}", key) for key in ("default", "es", "pt")
    ]
    assert "canary" not in text


def test_no_shop__is_a_choice_that_keeps_the_filter(page: Page, explain: Page) -> None:
    text = get(page, "/records?pipeline=contacts&run=sync_contacts%2Fa", 400)
    assert 'href="records?pipeline=contacts&amp;run=sync_contacts%2Fa&amp;shop=es">es</a>' in text
    assert "example" not in get(page, "/records?text=canary%40example.com", 400)
    for path in ("/records", "/replay"):
        answer = page.post(path, data={"text": "x"}, headers=allowed("user"))
        assert (answer.status_code, '<a href="./?shop=es">es</a>' in answer.text) == (400, True)
    assert '<a href="./?shop=es">es</a>' in get(explain, "/")
    assert explain.post("/", data={"record": "1"}, headers=allowed()).status_code == 400


@pytest.mark.parametrize("address", ["/?shop=pt", "/records?shop=pt", "/records.csv?shop=pt"])
def test_wrong_settings__are_shown_in_place_of_the_shops_pages(
    page: Page, explain: Page, address: str
) -> None:
    text = get(page, address, 503)
    assert WRONG in text or "shops.pt" in text
    assert '<a href="./">Back</a>' in text
    assert "shops.pt" in get(explain, "/?shop=pt", 503)


def test_only_shop_with_a_section__needs_no_parameter(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNC_SHOPS__DEFAULT_SHOP", "false")
    monkeypatch.delenv("SYNC_SHOPS__PT__SCHEDULE__TIME_ZONE")
    _load_sections.cache_clear()
    text = get(page, "/records")
    assert KEYS["es"] in text
    assert "shop=" not in text
    assert "All times are Europe/Madrid" in get(page, "/?shop=es")


# --- permissions


def test_user_of_one_shop__sees_this_shop_alone(
    page: Page, explain: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_of(monkeypatch, "sync_contacts__es", "sync_products__es")
    text = get(page, "/")
    assert re.findall(r'<th scope="row"><a href="([^"]*)"', text) == ["./?shop=es"]
    assert "shopdefault" not in text
    assert "Purchases" not in text, "a column that the user may not see"
    text = get(page, "/?shop=es")
    assert 'id="products"' in text
    assert 'id="purchases"' not in text
    for app, address in ((page, "/"), (page, "/records"), (page, "/records.csv"), (explain, "/")):
        for key in ("default", "pt"):
            refused = app.get(f"{address}?shop={key}", headers=allowed())
            assert refused.status_code == 403
            assert KEYS["default"] not in refused.text
            assert WRONG not in refused.text
    unknown = get(page, "/?shop=canary", 404)
    assert re.findall(r"<li><a[^>]*>(\w+)</a>", unknown) == ["es"]
    assert re.findall(r"<li><a[^>]*>(\w+)</a>", get(explain, "/")) == ["es"]


def test_user_without_a_shop__and_without_a_login_are_refused(
    page: Page, explain: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    for app in (page, explain):
        for address in ("/", "/?shop=es", "/?shop=canary"):
            assert app.get(address).status_code == 401
            assert app.get(address, headers=allowed(role=None)).status_code == 403
    only_of(monkeypatch)
    for address in ("/", "/?shop=es", "/?shop=canary"):
        assert page.get(address, headers=allowed()).status_code == 403


# --- all shops


def rows_of(text: str) -> dict[str, str]:
    found = re.findall(r'<tr><th scope="row"><a href="\./\?shop=(\w+)">(.*?)</tr>', text, re.DOTALL)
    return dict(found)


def test_all_shops__is_the_first_page_and_a_shop_that_cannot_be_read_is_a_row(page: Page) -> None:
    rows = rows_of(get(page, "/"))
    assert list(rows) == ["pt", "default", "es"]
    assert "shops.pt" in rows["pt"]
    for key in KEYS:
        assert f'<td data-label="VTEX account">shop{key}</td>' in rows[key]
        assert f'href="records?outcome=rejected&amp;shop={key}">1<' in rows[key]
        assert f'href="./?shop={key}#purchases"' in rows[key]
    assert list(rows_of(get(page, "/?sort=-shop"))) == ["pt", "es", "default"]
    assert "no such column" in get(page, "/?sort=canary", 400)


def test_all_shops__no_failure_of_one_shop_hides_the_others(
    page: Page, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNC_SHOPS__FR__SCHEDULE__TIME_ZONE", "Europe/Paris")
    monkeypatch.setenv("SYNC_SHOPS__IT__SCHEDULE__TIME_ZONE", "Europe/Rome")
    connect(monkeypatch, "it")
    _load_sections.cache_clear()
    with open_state_store(url, "k" * 32, Shop("another", "http://v", "http://c", "key", name="it")) as state:
        state.progress.mark_activated(PipelineName.CONTACTS, "run 1", datetime.now(UTC))
    rows = rows_of(get(page, "/"))
    assert "There is no connection vtex_fr" in rows["fr"]
    assert "the VTEX account" in rows["it"]
    assert "no run yet" in rows["es"]
    assert "the VTEX account" in get(page, "/?shop=it", 503)
    assert "There is no connection vtex_fr" in get(page, "/records?shop=fr", 503)


def test_all_shops__an_unexpected_error_is_a_row_too(
    page: Page, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from plugins.web import all_shops_page  # noqa: PLC0415

    real = all_shops_page.airflow_facts

    def damaged(pipelines: tuple[PipelineName, ...], shop: ConfiguredShop) -> object:
        return 1 / 0 if shop.key == "es" else real(pipelines, shop)

    monkeypatch.setattr(all_shops_page, "airflow_facts", damaged)
    rows = rows_of(get(page, "/"))
    assert "ZeroDivisionError" in rows["es"]
    assert "no run yet" in rows["default"]
    assert "the shop es could not be read" in caplog.text


def test_all_shops__wait_only_once_for_a_database_that_does_not_answer(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    from plugins.web import all_shops_page  # noqa: PLC0415

    opened: list[str] = []

    def unreachable(shop: Shop) -> None:
        opened.append(shop.name)
        raise TemporaryError("sync_state: the database cannot be reached")

    monkeypatch.setattr(all_shops_page, "open_state", unreachable)
    rows = rows_of(get(page, "/"))
    assert all("cannot be reached" in rows[key] for key in KEYS)
    assert "shops.pt" in rows["pt"]
    assert len(opened) == 1


# --- links from Airflow


@pytest.mark.parametrize(
    ("query", "target"),
    [
        ("dag_id=sync_purchases__es", "/vtex-connectif-status/?shop=es#purchases"),
        ("dag_id=sync_purchases", "/vtex-connectif-status/?shop=default#purchases"),
        (
            "dag_id=reconcile__es&run_id=manual__1",
            "/vtex-connectif-status/records?pipeline=reconcile&run=reconcile__es%2Fmanual__1&shop=es",
        ),
        ("dag_id=sync_contacts__%22%40x", "/vtex-connectif-status/?shop=%22%40x#contacts"),
    ],
)
def test_tab__of_a_dag_leads_to_its_shop(page: Page, query: str, target: str) -> None:
    answer = page.get(f"/open?{query}", headers=allowed())
    assert answer.status_code == 307
    assert urljoin("/vtex-connectif-status/open", answer.headers["location"]) == target


def test_link__from_a_run_without_records_leads_to_its_shop() -> None:
    assert page_of_run("check_setup__es", "manual__1") == "vtex-connectif-status/?shop=es"
    assert page_of_run("check_setup", "manual__1") == "vtex-connectif-status/?shop=default"
