"""An event becomes a run, also when Airflow's database is locked for a while; and errors quote no address."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from airflow.exceptions import DagRunAlreadyExists
from sqlalchemy.exc import OperationalError

import plugins.web.newsletter_receiver as receiver
from include.errors import TemporaryError
from include.outcomes import Outcome, PipelineName, Reason
from include.state import RecordOutcome, Shop, open_state_store, upgrade

EVENT = {"email": "canary@example.com", "subscribed": False, "occurred_at": "2026-11-23T10:00:00+00:00"}


class Airflow:
    """Airflow's part: runs by id, and what its database answers to the next tries."""

    def __init__(self) -> None:
        self.runs: dict[str, Any] = {}
        self.tries = 0
        self.locked_before = self.locked_after = 0
        self.paused = False

    def trigger_dag(self, *, run_id: str, conf: dict[str, Any], **_: Any) -> None:
        self.tries += 1
        if self.tries <= self.locked_before:
            raise locked(conf)
        if run_id in self.runs:
            raise DagRunAlreadyExists(SimpleNamespace(dag_id="d", logical_date=None, run_id=run_id, id=1))  # type: ignore[arg-type]
        self.runs[run_id] = conf
        if self.tries <= self.locked_after:
            raise locked(conf)

    def scalar(self, _query: object) -> Any:
        return SimpleNamespace(is_stale=False, is_paused=self.paused)


def locked(conf: dict[str, Any]) -> OperationalError:
    return OperationalError("INSERT INTO dag_run …", conf, Exception("database is locked"))


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Airflow:
    made = Airflow()
    monkeypatch.setattr(receiver, "trigger_dag", made.trigger_dag)
    monkeypatch.setattr(receiver, "create_session", lambda: nullcontext(made))
    monkeypatch.setattr(receiver, "LOCKED_PAUSE_SECONDS", 0.0)
    return made


def test_run__holds_the_events(airflow: Airflow) -> None:
    receiver.create_run([EVENT, EVENT])
    assert list(airflow.runs.values()) == [{"events": [EVENT, EVENT]}]


@pytest.mark.parametrize("when", ["before", "after"])
def test_locked__for_a_while_loses_no_event_and_makes_one_run(airflow: Airflow, when: str) -> None:
    """`after`: the run was written although its try failed; the next one finds it there."""
    setattr(airflow, f"locked_{when}", 5 if when == "before" else 1)
    receiver.create_run([EVENT])
    assert list(airflow.runs.values()) == [{"events": [EVENT]}]
    assert airflow.tries > 1


def test_locked__for_too_long_is_told_without_an_address(
    airflow: Airflow, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(receiver, "LOCKED_SECONDS", 0.05)
    airflow.locked_before = 10**9
    with pytest.raises(TemporaryError, match="locked") as error:
        receiver.create_run([EVENT])
    told = "".join(traceback.format_exception(error.value))
    assert "canary" not in told.replace("test_newsletter_receiver", "") + caplog.text
    assert airflow.runs == {}


def test_paused__is_told_at_once_with_the_time_to_wait(airflow: Airflow) -> None:
    airflow.paused = True
    with pytest.raises(TemporaryError, match="paused") as error:
        receiver.create_run([EVENT])
    assert (error.value.retry_after_seconds, airflow.tries) == (300, 0)


# --- health


VTEX, CONNECTIF = "http://127.0.0.1:8101", "http://127.0.0.1:8102"
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
    """The URL of an empty store, and all connections."""
    path = tmp_path / "state.db"
    upgrade(f"sqlite:///{path}")
    there = {"conn_type": "sqlite", "host": str(path), "extra": {"hash_key": "k" * 32}}
    for name, fields in {**CONNECTIONS, "sync_state": there}.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(fields))
    return f"sqlite:///{path}"


def health(monkeypatch: pytest.MonkeyPatch, oldest_run: datetime | None = None) -> httpx.Response:
    monkeypatch.setattr(receiver, "waits_in_airflow", lambda: oldest_run)

    async def main() -> httpx.Response:
        transport = httpx.ASGITransport(receiver.build())
        async with httpx.AsyncClient(transport=transport, base_url="http://airflow") as client:
            return await client.get("/health")

    return asyncio.run(main())


@pytest.mark.parametrize(("run_hours", "hours"), [(None, 2), (1, 2), (3, 3)])
def test_health__counts_changes_that_wait_in_the_store(
    state: str, monkeypatch: pytest.MonkeyPatch, run_hours: int | None, hours: int
) -> None:
    now = datetime.now(UTC)  # the receiver's clock is the system's
    pair = Shop("shop", VTEX, CONNECTIF, "id")
    with open_state_store(state, "k" * 32, pair, clock=lambda: now - timedelta(hours=2)) as opened:
        opened.add_pending("canary@example.com", False, now, now, 1)
        busy = RecordOutcome(opened.hashed("canary@example.com"), Outcome.HELD, Reason.TARGET_BUSY)
        opened.save_outcomes(PipelineName.NEWSLETTER, "run", [busy])
    answer = health(monkeypatch, None if run_hours is None else now - timedelta(hours=run_hours))
    assert answer.status_code == 200
    assert answer.json()["oldest_waiting_seconds"] == pytest.approx(3600 * hours, abs=60)
    assert "canary" not in answer.text


@pytest.mark.parametrize("trouble", ["no connection", "no file", "no tables", "wrong tables"])
def test_health__does_without_a_store_that_cannot_be_read(
    state: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    trouble: str,
) -> None:
    file = Path(state.removeprefix("sqlite:///"))
    if trouble == "no connection":
        monkeypatch.delenv("AIRFLOW_CONN_VTEX_DEFAULT")
    elif trouble == "no file":
        file.unlink()
    elif trouble == "no tables":
        file.write_bytes(b"")
    else:
        file.write_bytes(b"no database at all" * 100)
    answer = health(monkeypatch, datetime.now(UTC) - timedelta(minutes=1))
    assert answer.status_code == 200
    assert answer.json()["oldest_waiting_seconds"] == pytest.approx(60, abs=30)
    assert "wait in the store" in caplog.text
