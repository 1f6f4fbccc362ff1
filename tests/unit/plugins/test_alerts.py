"""Alerts: who is told of what, and what a wrong setting says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG

from include.errors import (
    ConfigurationError,
    MassChangeBlocked,
    TemporaryError,
    TooManyRejected,
    UnsafeChange,
)
from include.settings import load_settings
from plugins import alerts

RUN = SimpleNamespace(dag_id="sync_products", run_id="scheduled__2026-11-23T05:00:00+00:00")
LATE_RUN = {"dag_id": "sync_products", "dag_run_id": "late", "run_type": "scheduled"}


@pytest.fixture
def told(tmp_path: Path) -> Callable[[], list[str]]:
    file = tmp_path / "told"
    return lambda: file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Sets alerts, each to one notifier that writes into the file."""
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example/")

    def set_to(*kinds: str, notifier: str = "tests.notifier.FileNotifier", **arguments: Any) -> None:
        by = {"notifier": notifier, "arguments": {"file": str(tmp_path / "told"), **arguments}}
        for kind in kinds:
            monkeypatch.setenv(f"SYNC_ALERTS__{kind.upper()}", json.dumps([by]))
        load_settings.cache_clear()

    yield set_to
    load_settings.cache_clear()


def test_nobody__is_told_where_no_setting_says_so() -> None:
    assert alerts.policy() == {}
    assert alerts.task_callback() is None


def test_policy__follows_the_settings(tell: Callable[..., None]) -> None:
    tell("run_failed", "late")
    told = alerts.policy()
    assert told["on_failure_callback"] is alerts.run_failed
    assert told["deadline"].interval == timedelta(hours=load_settings().alerts.late_after_hours)
    assert told["deadline"].callback.path == "plugins.alerts.late"
    assert set(alerts.policy(scheduled=False)) == {"on_failure_callback"}
    assert alerts.task_callback() is None
    tell("mass_change")
    assert alerts.task_callback() is alerts.task_failed


@pytest.mark.parametrize(
    ("error", "title"),
    [
        (MassChangeBlocked("what"), "the mass-change guard has stopped a run"),
        (TooManyRejected("what"), "too many records were rejected"),
        (UnsafeChange("what"), None),
        (TemporaryError("what"), None),
    ],
)
def test_task__that_failed_is_told_of_by_the_kind_of_its_error(
    tell: Callable[..., None], told: Callable[[], list[str]], error: Exception, title: str | None
) -> None:
    tell("mass_change", "reject_share")
    alerts.task_failed({"exception": error, "dag_run": RUN})
    assert len(told()) == (title is not None)
    if title:
        (line,) = told()
        assert line.startswith(f"sync_products: {title}")
        assert "| what Run: scheduled__2026-11-23T05:00:00+00:00 |" in line
        assert line.endswith(
            "https://airflow.example/dags/sync_products/runs/scheduled__2026-11-23T05%3A00%3A00%2B00%3A00"
        )


def test_run__that_failed_is_told_of_whatever_airflow_knows_of_it(
    tell: Callable[..., None], told: Callable[[], list[str]]
) -> None:
    tell("run_failed", line="{{ alert.title }}: {{ alert.text }}")
    alerts.run_failed({"dag_run": RUN, "reason": "task_failure"})
    alerts.run_failed({"dag": DAG("reconcile", schedule=None), "run_id": "by-hand", "reason": "timed_out"})
    first, second = told()
    assert first.startswith("sync_products: a run has failed: The run has failed (task_failure).")
    assert second.startswith("reconcile: a run has failed")
    assert second.endswith("Run: by-hand")


def test_run__that_waits_is_told_of_once(tell: Callable[..., None], told: Callable[[], list[str]]) -> None:
    assert alerts.retry_callback() is None
    tell("run_failed", line="{{ alert.title }}: {{ alert.text }}")
    callback = alerts.retry_callback()
    assert callback is not None
    for number in range(1, 20):
        error = ConfigurationError("VTEX, Master Data search: HTTP 401")
        callback({"dag_run": RUN, "ti": SimpleNamespace(try_number=number), "exception": error})
    (line,) = told()
    assert line.startswith("sync_products: a run waits and is tried again: ")
    assert "HTTP 401" in line


def test_run__that_waits_for_something_unknown_is_told_of_by_its_kind_alone(
    tell: Callable[..., None], told: Callable[[], list[str]]
) -> None:
    tell("run_failed")
    ti = SimpleNamespace(try_number=alerts.TOLD_AT_TRY)
    alerts.task_waits({"dag_run": RUN, "ti": ti, "exception": OSError("canary@example.com")})
    assert "OSError" in told()[0]
    assert "canary" not in told()[0]


def test_lateness__is_told_of_scheduled_runs_only(
    tell: Callable[..., None], told: Callable[[], list[str]]
) -> None:
    tell("late")
    alerts.late({"dag_run": LATE_RUN | {"run_type": "backfill"}, "deadline": {}})
    assert told() == []
    alerts.late({"dag_run": LATE_RUN, "deadline": {}})
    assert told()[0].startswith(
        "sync_products: a run has not finished in time | It began more than 6 hours ago"
    )


@pytest.mark.parametrize(
    ("notifier", "arguments", "says"),
    [
        ("nowhere.at.all.Notifier", {}, "cannot be imported .*nowhere.*install its provider"),
        ("tests.notifier.NoSuch", {}, "tests.notifier has no NoSuch"),
        ("tests.notifier.FileNotifier", {"volume": 11}, "whose arguments do not fit: .*volume"),
        ("pathlib.Path", None, "none of Airflow's"),
    ],
)
def test_wrong_notifier__is_a_configuration_error_before_any_run(
    tell: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    notifier: str,
    arguments: dict[str, Any] | None,
    says: str,
) -> None:
    tell("mass_change", notifier=notifier, **(arguments or {}))
    if arguments is None:
        monkeypatch.setenv("SYNC_ALERTS__MASS_CHANGE", json.dumps([{"notifier": notifier}]))
        load_settings.cache_clear()
    with pytest.raises(
        ConfigurationError, match=rf"alerts\.mass_change names the notifier {notifier}.*{says}"
    ):
        alerts.policy()


@pytest.mark.parametrize("value", ["SmtpNotifier", '[{"notifier": "no path"}]', '[{"arguments": {}}]', "[1]"])
def test_wrong_setting__names_itself(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SYNC_ALERTS__LATE", value)
    load_settings.cache_clear()
    try:
        with pytest.raises(ConfigurationError, match=r"alerts\.late"):
            load_settings()
    finally:
        monkeypatch.undo()
        load_settings.cache_clear()
