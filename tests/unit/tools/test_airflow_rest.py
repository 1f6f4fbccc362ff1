"""Waiting for a run: as long as it moves, and not much longer."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from tools import airflow_rest
from tools.airflow_rest import JSON, AirflowRest, RestError


class Story(AirflowRest):
    """An Airflow with one run of one task, which tells a state of it at each look."""

    def __init__(self, states: Iterable[str], monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__("http://airflow.invalid", "somebody", "password")
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


def test_wait__goes_on_while_the_run_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Story(["queued"] * 90 + ["running"] * 90 + ["deferred"] * 90 + ["success"], monkeypatch)
    run = slow.wait("sync_products", "slow", patience_seconds=100, pause_seconds=1)
    assert (run["state"], slow.now) == ("success", 270)


def test_wait__ends_when_nothing_moves_and_says_where_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    stuck = Story(["queued"] * 50 + ["up_for_retry"] * 1_000, monkeypatch)
    with pytest.raises(RestError, match=r"nothing has moved for 100 s: extract up_for_retry \(try 1\)"):
        stuck.wait("sync_products", "stuck", patience_seconds=100, pause_seconds=1)
    assert 150 < stuck.now < 155
