"""An event becomes a run, also when Airflow's database is locked for a while; and errors quote no address."""

from __future__ import annotations

import logging
import traceback
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.exceptions import DagRunAlreadyExists
from sqlalchemy.exc import OperationalError

import plugins.newsletter_receiver as receiver
from include.errors import TemporaryError

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
