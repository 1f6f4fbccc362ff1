"""Events wait in the state store for a run, whichever database fails; errors quote no address."""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import time
import traceback
from collections.abc import Callable
from contextlib import closing, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from airflow.exceptions import DagRunAlreadyExists
from airflow.sdk.exceptions import ParamValidationError
from sqlalchemy.exc import OperationalError

import plugins.web.newsletter_receiver as receiver
from include.errors import TemporaryError
from include.newsletter.receiver.app import ANSWER_WITHIN_SECONDS
from include.outcomes import Outcome, PipelineName, Reason
from include.shops import DEFAULT, load_shops
from include.state import RecordOutcome, Shop, open_state_store, upgrade
from plugins.web.event_store import PAUSE_SECONDS, REOPEN_SECONDS, EventStore

VTEX, CONNECTIF = "http://127.0.0.1:8101", "http://127.0.0.1:8102"
SHOP = Shop("shop", VTEX, CONNECTIF, "id")
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
EVENT = {"email": "canary@example.com", "subscribed": False, "occurred_at": "2026-11-23T10:00:00+00:00"}


class FakeAirflow:
    """Simulates Airflow: its runs by id, and a database that is locked or whose DAG is paused."""

    def __init__(self) -> None:
        self.runs: dict[str, Any] = {}
        self.queued: int | None = None
        self.tries = 0
        self.locked_before = self.locked_after = 0
        self.paused = self.demands_events = False

    def trigger_dag(self, *, run_id: str, conf: dict[str, Any], **_: Any) -> None:
        self.tries += 1
        if self.demands_events and "events" not in conf:
            raise ParamValidationError("Invalid input for param events: No value passed")
        if self.tries <= self.locked_before:
            raise locked(conf)
        if run_id in self.runs:
            raise DagRunAlreadyExists(SimpleNamespace(dag_id="d", logical_date=None, run_id=run_id, id=1))  # type: ignore[arg-type]
        self.runs[run_id] = conf
        if self.tries <= self.locked_after:
            raise locked(conf)

    def scalar(self, query: object) -> Any:
        if "is_paused" in str(query):
            return SimpleNamespace(is_stale=False, is_paused=self.paused)
        return self.queued


def locked(conf: dict[str, Any]) -> OperationalError:
    return OperationalError("INSERT INTO dag_run …", conf, Exception("database is locked"))


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> FakeAirflow:
    made = FakeAirflow()
    monkeypatch.setattr(receiver, "trigger_dag", made.trigger_dag)
    monkeypatch.setattr(receiver, "create_session", lambda: nullcontext(made))
    monkeypatch.setattr(receiver, "LOCK_PAUSE_SECONDS", 0.0)
    return made


def record(*events: dict[str, Any], clock: Callable[[], float] = time.monotonic) -> None:
    shop = load_shops().get(DEFAULT)
    receiver.record(events, shop=shop, store=EventStore(shop, clock))


def waiting(state: str) -> dict[str, bool]:
    """The waiting events: address → unsubscribed."""
    with open_state_store(state, "k" * 32, SHOP) as opened:
        return {event.email: event.change.unsubscribed for event in opened.newsletter.due_pending(NOW)}


def test_record__the_state_store_holds_the_events_and_the_run_has_none(
    airflow: FakeAirflow, state: str
) -> None:
    subscribed = EVENT | {"subscribed": True}
    record(subscribed, EVENT, subscribed | {"email": "bo@example.com"})
    assert list(airflow.runs.values()) == [{}]
    assert waiting(state) == {"canary@example.com": True, "bo@example.com": False}


def test_record__the_clock_of_the_state_store_dates_the_events(airflow: FakeAirflow, state: str) -> None:
    """An api-server whose clock is ahead must not win over a later event."""
    record(EVENT | {"subscribed": True, "occurred_at": "2099-01-01T00:00:00+00:00"})
    record(EVENT)
    assert waiting(state) == {"canary@example.com": True}


def test_record__while_airflow_has_the_dag_of_the_version_before(airflow: FakeAirflow, state: str) -> None:
    airflow.demands_events = True
    record(EVENT)
    assert list(airflow.runs.values()) == [{"events": [EVENT]}]
    assert waiting(state) == {"canary@example.com": True}


def test_record__a_queued_run_takes_the_events_too(airflow: FakeAirflow, state: str) -> None:
    airflow.queued = 1
    record(EVENT)
    assert airflow.runs == {}
    assert waiting(state) == {"canary@example.com": True}


@pytest.mark.parametrize("when", ["before", "after"])
def test_locked__for_a_while_loses_no_event_and_creates_one_run(
    airflow: FakeAirflow, state: str, when: str
) -> None:
    """`after`: the run was created although its attempt failed; the next attempt finds the run."""
    setattr(airflow, f"locked_{when}", 5 if when == "before" else 1)
    record(EVENT)
    assert list(airflow.runs.values()) == [{}]
    assert airflow.tries > 1


def test_locked__for_too_long_fails_without_an_address_and_the_event_waits(
    airflow: FakeAirflow, state: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(receiver, "LOCK_RETRY_SECONDS", 0.05)
    airflow.locked_before = 10**9
    with pytest.raises(TemporaryError, match="locked") as error:
        record(EVENT)
    message = "".join(traceback.format_exception(error.value))
    assert "canary" not in message.replace("test_newsletter_receiver", "") + caplog.text
    assert airflow.runs == {}
    assert waiting(state) == {"canary@example.com": True}


def test_paused__fails_at_once_with_the_time_to_wait_and_keeps_nothing(
    airflow: FakeAirflow, state: str
) -> None:
    airflow.paused = True
    with pytest.raises(TemporaryError, match="paused") as error:
        record(EVENT)
    assert (error.value.retry_after_seconds, airflow.tries) == (300, 0)
    assert waiting(state) == {}


@pytest.mark.parametrize("queued", [None, 1])
def test_record__without_a_state_store_the_run_holds_the_events(
    airflow: FakeAirflow, state: str, caplog: pytest.LogCaptureFixture, queued: int | None
) -> None:
    Path(state.removeprefix("sqlite:///")).unlink()
    airflow.queued = queued
    record(EVENT, EVENT)
    assert list(airflow.runs.values()) == [{"events": [EVENT, EVENT]}]
    assert "runs hold the events" in caplog.text
    assert "canary" not in caplog.text


def test_store__that_failed_is_tried_again_after_a_pause(airflow: FakeAirflow, state: str) -> None:
    path, now = Path(state.removeprefix("sqlite:///")), 1_000.0
    aside = path.rename(path.with_suffix(".aside"))
    store = EventStore(load_shops().get(DEFAULT), lambda: now)
    assert store.keep([EVENT]) is False
    aside.rename(path)
    assert store.keep([EVENT]) is False
    now += PAUSE_SECONDS
    assert store.keep([EVENT]) is True
    assert waiting(state) == {"canary@example.com": True}


def test_store__that_is_locked_fails_before_the_answer_is_due(airflow: FakeAirflow, state: str) -> None:
    store = EventStore(load_shops().get(DEFAULT))
    assert store.keep([EVENT])
    with closing(sqlite3.connect(state.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        begun = time.monotonic()
        assert store.keep([EVENT]) is False
        assert time.monotonic() - begun < ANSWER_WITHIN_SECONDS
    assert waiting(state) == {"canary@example.com": True}


def test_store__follows_a_changed_connection(
    airflow: FakeAirflow, state: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    now = 1_000.0
    store = EventStore(load_shops().get(DEFAULT), lambda: now)
    assert store.keep([EVENT])
    other = f"sqlite:///{tmp_path / 'other.db'}"
    upgrade(other)
    moved = {"conn_type": "sqlite", "host": str(tmp_path / "other.db"), "extra": {"hash_key": "k" * 32}}
    monkeypatch.setenv("AIRFLOW_CONN_SYNC_STATE", json.dumps(moved))
    now += REOPEN_SECONDS
    assert store.keep([{**EVENT, "email": "bo@example.com"}])
    assert (list(waiting(state)), list(waiting(other))) == (["canary@example.com"], ["bo@example.com"])


# --- health


CONNECTIONS = {
    "vtex_default": {
        "conn_type": "vtex",
        "host": VTEX,
        "login": "key",
        "password": "token",
        "extra": {"account": "shop"},
    },
    "connectif_default": {
        "conn_type": "connectif",
        "host": CONNECTIF,
        "login": "id",
        "password": "secret",
        "extra": {"webhook_secret": "a made-up secret for tests"},
    },
}


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty state store; all connections are set."""
    path = tmp_path / "state.db"
    upgrade(f"sqlite:///{path}")
    sync_state = {"conn_type": "sqlite", "host": str(path), "extra": {"hash_key": "k" * 32}}
    for name, fields in {**CONNECTIONS, "sync_state": sync_state}.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(fields))
    return f"sqlite:///{path}"


def health(monkeypatch: pytest.MonkeyPatch, oldest_run: datetime | None = None) -> httpx.Response:
    monkeypatch.setattr(receiver, "oldest_unfinished_run", lambda _shop: oldest_run)

    async def main() -> httpx.Response:
        transport = httpx.ASGITransport(receiver.build_receiver())
        async with httpx.AsyncClient(transport=transport, base_url="http://airflow") as client:
            return await client.get("/health")

    return asyncio.run(main())


@pytest.mark.parametrize(("run_hours", "hours"), [(None, 2), (1, 2), (3, 3)])
def test_health__includes_events_that_wait_in_the_state_store(
    state: str, monkeypatch: pytest.MonkeyPatch, run_hours: int | None, hours: int
) -> None:
    now = datetime.now(UTC)  # the receiver uses the system's clock
    with open_state_store(state, "k" * 32, SHOP, clock=lambda: now - timedelta(hours=2)) as opened:
        opened.newsletter.add_pending("canary@example.com", False, now, now, 1)
        busy = RecordOutcome(opened.hashed("canary@example.com"), Outcome.HELD, Reason.TARGET_BUSY)
        opened.records.save(PipelineName.NEWSLETTER, "run", [busy])
    answer = health(monkeypatch, None if run_hours is None else now - timedelta(hours=run_hours))
    assert answer.status_code == 200
    assert answer.json()["oldest_waiting_seconds"] == pytest.approx(3600 * hours, abs=60)
    assert "canary" not in answer.text


@pytest.mark.parametrize("fault", ["no connection", "no file", "no tables", "wrong tables"])
def test_health__works_without_a_readable_state_store(
    state: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fault: str,
) -> None:
    file = Path(state.removeprefix("sqlite:///"))
    if fault == "no connection":
        monkeypatch.delenv("AIRFLOW_CONN_VTEX_DEFAULT")
    elif fault == "no file":
        file.unlink()
    elif fault == "no tables":
        file.write_bytes(b"")
    else:
        file.write_bytes(b"no database at all" * 100)
    answer = health(monkeypatch, datetime.now(UTC) - timedelta(minutes=1))
    assert answer.status_code == 200
    assert answer.json()["oldest_waiting_seconds"] == pytest.approx(60, abs=30)
    assert "the age of its waiting events is unknown" in caplog.text
