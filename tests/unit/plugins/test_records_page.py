"""The list of records in Airflow's api-server: addresses, permissions, downloads and replays."""

from __future__ import annotations

import csv
import io
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from include.errors import TemporaryError
from include.outcomes import Cause, Outcome, PipelineName, Reason
from include.page.differences import CAUSE_COLUMNS
from include.pipeline.differences import LIST
from include.report import Compared, Report
from include.staging import Staging
from include.state import RecordOutcome, StateStore, open_state_store, upgrade
from include.web import HEADERS
from plugins.hooks.accounts import shop_of_connections
from tests.api_server import Page, allowed, auth_manager
from tests.unit.plugins.test_status_page import CONNECTIONS

CANARY = "canary.of.a.customer"
EMAIL = f"{CANARY}@example.com"
PERSON = "0123456789abcdef" * 4
FORM_ID = "00112233445566ff"


@pytest.fixture(scope="module")
def page(airflow_db: None) -> Iterator[Page]:
    from plugins.web.status_page import build  # noqa: PLC0415

    with auth_manager():
        yield Page(build())


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[StateStore]:
    """The state store of the connections, with some records."""
    file = tmp_path / "state.db"
    fields = {"conn_type": "sqlite", "host": str(file), "extra": {"hash_key": "k" * 32}}
    for name, connection in {**CONNECTIONS, "sync_state": fields}.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(connection))
    upgrade(f"sqlite:///{file}")
    with open_state_store(f"sqlite:///{file}", "k" * 32, shop_of_connections()) as opened:
        save(opened, PipelineName.CONTACTS, Reason.EMAIL_MISSING, *(f"doc-{n:03}" for n in range(60)))
        save(opened, PipelineName.CONTACTS, Reason.DUPLICATE_EMAIL, "twin")
        save(
            opened,
            PipelineName.PURCHASES,
            Reason.TARGET_REJECTED,
            "1-01",
            "unnamed row 3",
            detail="E0301: =1",
        )
        save(opened, PipelineName.NEWSLETTER, Reason.UNKNOWN_CONTACT, PERSON)
        yield opened


def save(state: StateStore, pipeline: PipelineName, reason: Reason, *keys: str, detail: str = "") -> None:
    rows = [RecordOutcome(key, reason.outcome, reason, detail) for key in keys]
    state.records.save(pipeline, f"sync_{pipeline}/run/0", rows)


@dataclass
class Triggered:
    """Takes the place of Airflow's database: the runs that were created, by id."""

    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    problem: Exception | None = None

    def __call__(self, dag_id: str, run_id: str, conf: Any, user_name: str) -> bool:
        if self.problem:
            raise self.problem
        is_new = run_id not in self.runs
        self.runs.setdefault(run_id, {"dag_id": dag_id, "conf": dict(conf), "user": user_name})
        return is_new


@pytest.fixture
def triggered(monkeypatch: pytest.MonkeyPatch) -> Triggered:
    made = Triggered()
    monkeypatch.setattr("plugins.web.replay_page.trigger_once", made)
    return made


def post(page: Page, path: str, role: str = "user", **fields: Any) -> httpx.Response:
    return page.post(path, data=fields, headers=allowed(role))


def replay(page: Page, role: str = "user", **fields: Any) -> httpx.Response:
    form = {"pipeline": "contacts", "do": "chosen", "form_id": FORM_ID, "list": "records?pipeline=contacts"}
    return post(page, "/replay", role, **(form | fields))


def rows_of(answer: httpx.Response) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


# --- the list


def test_list__is_fifty_records_on_a_page(page: Page, state: StateStore) -> None:
    address = "/records?pipeline=contacts&code=email_missing"
    first = page.get(address, headers=allowed()).text
    second = page.get(f"{address}&page=2", headers=allowed()).text
    assert (first.count("<code>doc-"), second.count("<code>doc-")) == (50, 10)
    assert "page=2" in first
    assert "page=3" not in second
    assert len(set(re.findall('name="form_token" value="([0-9a-f]{64})"', first))) == 1


@pytest.mark.parametrize(
    ("address", "status", "message"),
    [
        ("/records?pipeline=contacts&code=canary", 400, "no such reason code"),
        ("/records?pipeline=canary", 400, "no such pipeline"),
        ("/records?outcome=canary", 400, "no such outcome"),
        ("/records?page=0", 400, "no such page"),
        ("/records?page=3&pipeline=contacts", 404, "fewer pages"),
        (f"/records?text={EMAIL}", 400, "Explain one record"),
        ("/records.csv?code=canary", 400, "no such reason code"),
        ("/differences.csv?pipeline=canary", 400, "A parameter of this address"),
        ("/differences.csv?pipeline=contacts&cause=canary", 400, "A parameter of this address"),
        ("/canary", 404, "Not Found"),
    ],
)
def test_wrong_address__gets_a_page_with_a_link_back(
    page: Page, state: StateStore, address: str, status: int, message: str
) -> None:
    answer = page.get(address, headers=allowed())
    assert (answer.status_code, message in answer.text) == (status, True), answer.text
    assert answer.headers["content-type"].startswith("text/html")
    assert re.search(r'<a href="(\./|records[^"]*)">Back</a>', answer.text)
    assert "canary" not in answer.text
    assert answer.headers["cache-control"] == "no-store"


def test_other_pipelines__are_neither_listed_nor_downloaded(
    page: Page, state: StateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "plugins.web.page_access.may_read_runs", lambda _user, dag_id: dag_id == "sync_purchases"
    )
    assert "<strong>2 records</strong>" in page.get("/records", headers=allowed()).text
    assert {row["pipeline"] for row in rows_of(page.get("/records.csv", headers=allowed()))} == {"purchases"}
    for path in (
        "/records?pipeline=contacts",
        "/records.csv?pipeline=contacts",
        "/differences.csv?pipeline=purchases",
    ):
        refused = page.get(path, headers=allowed())
        assert refused.status_code == 403
        assert "You may not read the runs of" in refused.text
    assert replay(page, key="doc-001").status_code == 403


def test_search__puts_a_key_into_the_address(page: Page, state: StateStore) -> None:
    answer = post(
        page, "/records", "viewer", text="doc-04", pipeline="contacts", outcome="", sort="last_seen"
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "records?pipeline=contacts&text=doc-04")
    listed = page.get(f"/{answer.headers['location']}", headers=allowed()).text
    assert "<strong>10 records</strong>" in listed


@pytest.mark.parametrize("name", ["text", "run", "code"])
def test_search__never_puts_an_address_into_a_url_or_a_log(
    page: Page, state: StateStore, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        answer = post(page, "/records", **{name: EMAIL})
    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert "Explain one record" in answer.text
    assert CANARY not in answer.text
    assert CANARY not in caplog.text


def test_search__form_posts(page: Page, state: StateStore) -> None:
    text = page.get("/records", headers=allowed()).text
    forms = re.findall(r"<form[^>]*>", text)
    assert forms
    assert all('method="post"' in form for form in forms)


# --- downloads


def test_csv__holds_exactly_the_list(page: Page, state: StateStore) -> None:
    answer = page.get("/records.csv?pipeline=contacts&code=email_missing", headers=allowed())
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert re.fullmatch(
        r'attachment; filename="vtex-connectif-records-contacts-email_missing-\d{4}-\d\d-\d\d.csv"',
        answer.headers["content-disposition"],
    )
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    rows = rows_of(answer)
    assert [row["key"] for row in rows] == [f"doc-{n:03}" for n in range(60)]
    assert {(row["reason"], row["attempts"], row["run"]) for row in rows} == {
        ("email_missing", "1", "sync_contacts/run/0")
    }
    assert all(re.fullmatch(r"[\d-]{10}T[\d:]{8}-03:00", row["last seen"]) for row in rows)


def test_csv__names_no_person(page: Page, state: StateStore) -> None:
    answer = page.get("/records.csv", headers=allowed())
    assert len(rows_of(answer)) == 64
    assert PERSON not in answer.text
    assert "@" not in answer.text


def test_csv__of_an_empty_list_has_the_names_of_its_columns(page: Page, state: StateStore) -> None:
    answer = page.get("/records.csv?text=nothing", headers=allowed())
    assert (answer.status_code, len(answer.text.splitlines())) == (200, 1)


def test_csv__is_read_in_batches(page: Page, state: StateStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.state.record_search.RecordSearch.all.__defaults__", (7,))
    rows = rows_of(page.get("/records.csv?pipeline=contacts", headers=allowed()))
    assert len(rows) == len({row["key"] for row in rows}) == 61


def test_csv__without_tables_is_a_page(
    page: Page, state: StateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_VTEX_DEFAULT")
    answer = page.get("/records.csv", headers=allowed())
    assert answer.status_code == 503
    assert "There is no connection vtex_default" in answer.text


# --- replays


def test_replay__of_chosen_records_triggers_the_dag(
    page: Page, state: StateStore, triggered: Triggered
) -> None:
    answer = replay(page, key=["doc-001", "doc-002", "doc-001"])
    assert answer.status_code == 200, answer.text
    ((run_id, run),) = triggered.runs.items()
    assert run == {
        "dag_id": "sync_contacts",
        "conf": {"mode": "replay", "replay": "doc-001,doc-002"},
        "user": "test-user",
    }
    assert f'href="../dags/sync_contacts/runs/{run_id}"' in answer.text
    assert "2 records:" in answer.text


def test_replay__of_the_same_form_and_choice_is_one_run(
    page: Page, state: StateStore, triggered: Triggered
) -> None:
    for key in ("doc-001", "doc-001", "doc-002"):
        assert replay(page, key=key).status_code == 200
    assert [run["conf"]["replay"] for run in triggered.runs.values()] == ["doc-001", "doc-002"]


def test_replay__of_all_uses_the_reason_code(page: Page, state: StateStore, triggered: Triggered) -> None:
    of_reason = "records?pipeline=contacts&code=email_missing"
    assert replay(page, do="all", list=of_reason).status_code == 200
    assert [run["conf"]["replay"] for run in triggered.runs.values()] == ["email_missing"]
    for wrong in (
        "records?pipeline=contacts",
        f"{of_reason}&text=doc",
        "records?pipeline=contacts&code=duplicate_email",
        "records?pipeline=purchases&code=email_missing",
    ):
        assert replay(page, do="all", list=wrong).status_code == 400
    assert len(triggered.runs) == 1


def test_replay__command_triggers_nothing(page: Page, state: StateStore, triggered: Triggered) -> None:
    answer = replay(page, do="command", key=["doc-001", "doc-002"])
    assert "airflow dags trigger sync_contacts --conf" in answer.text
    assert "doc-001,doc-002" in answer.text
    assert "Nothing was triggered" in answer.text
    assert triggered.runs == {}


def test_replay__leaves_out_records_that_were_sent_since(
    page: Page, state: StateStore, triggered: Triggered
) -> None:
    state.records.save(PipelineName.CONTACTS, "later", [RecordOutcome("doc-001", Outcome.SENT)])
    answer = replay(page, key=["doc-001", "doc-002", "twin", "never"])
    assert [run["conf"]["replay"] for run in triggered.runs.values()] == ["doc-002"]
    assert "Left out" in answer.text
    assert replay(page, key=["doc-001", "twin"]).status_code == 409
    assert len(triggered.runs) == 1


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 400),
        ({"key": [f"doc-{n:03}" for n in range(101)]}, 400),
        ({"key": EMAIL}, 400),
        ({"key": "unnamed row 3", "pipeline": "purchases"}, 400),
        ({"key": "a,b"}, 400),
        ({"key": "doc-001", "pipeline": "newsletter"}, 400),
        ({"key": "doc-001", "pipeline": "canary"}, 400),
        ({"key": "doc-001", "pipeline": "products"}, 409),
        ({"key": "doc-001", "list": f"records?text={EMAIL}"}, 400),
        ({"key": "doc-001", "form_id": "../x"}, 400),
    ],
)
def test_replay__refuses_what_the_list_does_not_offer(
    page: Page, state: StateStore, triggered: Triggered, fields: dict[str, Any], status: int
) -> None:
    answer = replay(page, **fields)
    assert answer.status_code == status, answer.text
    assert "Back</a>" in answer.text
    assert CANARY not in answer.text
    assert triggered.runs == {}


def test_replay__of_a_viewer_is_refused_and_not_offered(
    page: Page, state: StateStore, triggered: Triggered
) -> None:
    text = page.get("/records?pipeline=contacts", headers=allowed("viewer")).text
    assert "<strong>61 records</strong>" in text
    assert 'action="replay"' not in text
    assert 'name="key"' not in text
    assert 'name="key"' in page.get("/records?pipeline=contacts", headers=allowed("user")).text
    for do in ("chosen", "all", "command"):
        refused = replay(page, "viewer", key="doc-001", do=do)
        assert (refused.status_code, "You may not trigger sync_contacts" in refused.text) == (403, True)
    assert page.post("/replay", data={"key": "doc-001"}).status_code == 401
    assert triggered.runs == {}


def test_replay__of_another_site_is_refused(page: Page, state: StateStore, triggered: Triggered) -> None:
    """A browser sends the session's cookie with the form of any site, but not the token."""
    session = {"Cookie": f"_token={allowed('user')['Authorization'].removeprefix('Bearer ')}"}
    listed = page.get("/records?pipeline=contacts", headers=session).text
    form = listed[listed.index('<form id="replay"') :]
    given = dict(
        re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form[: form.index("</form>")])
    )
    for token in ("", "0" * 64, "é"):
        refused = page.post("/replay", data={**given, "key": "doc-001", "form_token": token}, headers=session)
        assert (refused.status_code, "comes from another site" in refused.text) == (403, True)
    assert triggered.runs == {}
    accepted = page.post("/replay", data={**given, "key": "doc-001", "do": "chosen"}, headers=session)
    assert accepted.status_code == 200, accepted.text
    assert len(triggered.runs) == 1


def test_replay__of_a_paused_dag_says_so(page: Page, state: StateStore, triggered: Triggered) -> None:
    triggered.problem = TemporaryError("the DAG sync_contacts is paused: unpause it in the UI")
    answer = replay(page, key="doc-001")
    assert (answer.status_code, "sync_contacts is paused" in answer.text) == (503, True)
    assert 'href="records?pipeline=contacts">Back' in answer.text


# --- differences


@pytest.fixture
def compared(state: StateStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of `reconcile` with staged differences; returns the folder of its purchases."""
    from airflow.sdk import ObjectStoragePath  # noqa: PLC0415 - importing Airflow takes seconds

    base = ObjectStoragePath(f"file://{tmp_path}/staging")
    monkeypatch.setattr("plugins.web.downloads.staging_base", lambda _settings: base)
    now = datetime.now(UTC)
    report = Report(
        pipeline=PipelineName.RECONCILE,
        mode="compare",
        compared={
            PipelineName.PURCHASES: Compared(causes={Cause.GONE: 2}, examples={Cause.GONE: ["1", "2"]})
        },
    )
    state.reports.save(
        report,
        PipelineName.RECONCILE,
        dag_id="reconcile",
        run_id="manual__2026-11-23T10:00:00+00:00",
        clear_number=0,
        run_key="reconcile/manual__2026-11-23T10:00:00+00:00/0-20261123T100000-1a2b3c4d",
        state="success",
        started_at=now,
        finished_at=now,
    )
    run = tmp_path / "staging" / shop_of_connections().folder / "reconcile"
    folder = run / "manual__2026-11-23T10-00-00-00-00" / "0-20261123T100000-1a2b3c4d" / "compare_purchases"
    with Staging(folder).writing(LIST) as file:
        file.write(b'"key","cause","detail"\n"1","gone",""\n"2","gone","=1"\n"3","too_young",""\n')
    return folder


@pytest.mark.filterwarnings("ignore:GitWildMatchPattern")
def test_differences__of_a_cause_are_downloaded(page: Page, compared: Path) -> None:
    answer = page.get("/differences.csv?pipeline=purchases&cause=gone", headers=allowed())
    assert answer.status_code == 200, answer.text
    assert "differences-purchases-gone-" in answer.headers["content-disposition"]
    rows = rows_of(answer)
    assert tuple(rows[0]) == CAUSE_COLUMNS
    assert [(row["key"], row["detail"]) for row in rows] == [("1", ""), ("2", "'=1")]
    assert "@" not in answer.text
    everything = rows_of(page.get("/differences.csv?pipeline=purchases", headers=allowed()))
    assert [row["cause"] for row in everything] == ["gone", "gone", "too_young"]


def test_differences__are_on_the_status_page(page: Page, compared: Path) -> None:
    text = page.get("/", headers=allowed()).text
    assert 'class="card warning"' in text
    assert 'href="differences.csv?pipeline=purchases&amp;cause=gone"' in text
    assert Cause.GONE.meaning in text


@pytest.mark.parametrize("pipeline", ["contacts", "purchases"])
def test_differences__that_cannot_be_read_say_why(page: Page, compared: Path, pipeline: str) -> None:
    for file in compared.iterdir():
        file.unlink()
    answer = page.get(f"/differences.csv?pipeline={pipeline}", headers=allowed())
    assert answer.status_code == 404
    assert "run.staging_path" in answer.text


def test_differences__before_the_first_comparison_say_so(page: Page, state: StateStore) -> None:
    answer = page.get("/differences.csv?pipeline=contacts", headers=allowed())
    assert (answer.status_code, "cannot be read" in answer.text) == (404, True)
