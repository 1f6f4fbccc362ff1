"""Waiting for a run: while its tasks change, and not much longer."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from tools import airflow_rest
from tools.airflow_rest import JSON, AirflowRest, RestError


class FakeAirflow(AirflowRest):
    """An Airflow with one run of one task, whose state changes at each check."""

    def __init__(self, states: Iterable[str], monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__("http://airflow.invalid", "admin", "password")
        self.states, self.now = iter(states), 0.0
        monkeypatch.setattr(airflow_rest.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(airflow_rest.time, "sleep", self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def run(self, dag_id: str, run_id: str) -> JSON:
        self.state = next(self.states)
        return {"state": self.state if self.state in airflow_rest.FINISHED else "running"}

    def tasks(self, dag_id: str, run_id: str) -> list[JSON]:
        return [{"task_id": "extract", "state": self.state, "try_number": 1}]


def test_wait__continues_while_the_run_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = FakeAirflow(["queued"] * 90 + ["running"] * 90 + ["deferred"] * 90 + ["success"], monkeypatch)
    run = slow.wait("sync_products", "slow", stall_seconds=100, pause_seconds=1)
    assert (run["state"], slow.now) == ("success", 270)


def test_wait__ends_when_no_task_changes_and_names_the_states(monkeypatch: pytest.MonkeyPatch) -> None:
    stuck = FakeAirflow(["queued"] * 50 + ["up_for_retry"] * 1_000, monkeypatch)
    with pytest.raises(RestError, match=r"no task changed for 100 s: extract up_for_retry \(try 1\)"):
        stuck.wait("sync_products", "stuck", stall_seconds=100, pause_seconds=1)
    assert 150 < stuck.now < 155
