"""Alerts: which alert is sent when, and the errors for wrong settings."""

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
def sent(tmp_path: Path) -> Callable[[], list[str]]:
    """The lines that the notifier has written."""
    file = tmp_path / "alerts"
    return lambda: file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def set_alerts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Set alerts, each to one notifier that writes into the file of `sent`."""
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example/")

    def set_kinds(*kinds: str, notifier: str = "tests.notifier.FileNotifier", **arguments: Any) -> None:
        by = {"notifier": notifier, "arguments": {"file": str(tmp_path / "alerts"), **arguments}}
        for kind in kinds:
            monkeypatch.setenv(f"SYNC_ALERTS__{kind.upper()}", json.dumps([by]))
        load_settings.cache_clear()

    yield set_kinds
    load_settings.cache_clear()


def test_dag_args__are_empty_without_alerts() -> None:
    assert alerts.dag_args() == {}
    assert alerts.task_callback() is None


def test_dag_args__follow_the_settings(set_alerts: Callable[..., None]) -> None:
    set_alerts("run_failed", "late")
    args = alerts.dag_args()
    assert args["on_failure_callback"] is alerts.alert_run_failed
    assert args["deadline"].interval == timedelta(hours=load_settings().alerts.late_after_hours)
    assert args["deadline"].callback.path == "plugins.alerts.alert_late"
    assert set(alerts.dag_args(scheduled=False)) == {"on_failure_callback"}
    assert alerts.task_callback() is None
    set_alerts("mass_change")
    assert alerts.task_callback() is alerts.alert_task_failed


@pytest.mark.parametrize(
    ("error", "title"),
    [
        (MassChangeBlocked("cause"), "the mass-change guard stopped a run"),
        (TooManyRejected("cause"), "too many records were rejected"),
        (UnsafeChange("cause"), None),
        (TemporaryError("cause"), None),
    ],
)
def test_alert_task_failed__depends_on_the_class_of_the_error(
    set_alerts: Callable[..., None], sent: Callable[[], list[str]], error: Exception, title: str | None
) -> None:
    set_alerts("mass_change", "reject_share")
    alerts.alert_task_failed({"exception": error, "dag_run": RUN})
    assert len(sent()) == (title is not None)
    if title:
        (line,) = sent()
        assert line.startswith(f"sync_products: {title}")
        assert "| cause Run: scheduled__2026-11-23T05:00:00+00:00 |" in line
        assert line.endswith(
            "https://airflow.example/dags/sync_products/runs/scheduled__2026-11-23T05%3A00%3A00%2B00%3A00"
        )


def test_alert_run_failed__works_with_a_run_or_only_its_id(
    set_alerts: Callable[..., None], sent: Callable[[], list[str]]
) -> None:
    set_alerts("run_failed", line="{{ alert.title }}: {{ alert.text }}")
    alerts.alert_run_failed({"dag_run": RUN, "reason": "task_failure"})
    alerts.alert_run_failed(
        {"dag": DAG("reconcile", schedule=None), "run_id": "by-hand", "reason": "timed_out"}
    )
    first, second = sent()
    assert first.startswith("sync_products: a run has failed: The run failed (task_failure).")
    assert second.startswith("reconcile: a run has failed")
    assert second.endswith("Run: by-hand")


def test_alert_task_retries__is_sent_once(
    set_alerts: Callable[..., None], sent: Callable[[], list[str]]
) -> None:
    assert alerts.retry_callback() is None
    set_alerts("run_failed", line="{{ alert.title }}: {{ alert.text }}")
    callback = alerts.retry_callback()
    assert callback is not None
    for number in range(1, 20):
        error = ConfigurationError("VTEX, Master Data search: HTTP 401")
        callback({"dag_run": RUN, "ti": SimpleNamespace(try_number=number), "exception": error})
    (line,) = sent()
    assert line.startswith("sync_products: a run fails and is retried: ")
    assert "HTTP 401" in line


def test_alert_task_retries__shows_only_the_class_of_an_unknown_error(
    set_alerts: Callable[..., None], sent: Callable[[], list[str]]
) -> None:
    set_alerts("run_failed")
    ti = SimpleNamespace(try_number=alerts.ALERT_AT_TRY)
    alerts.alert_task_retries({"dag_run": RUN, "ti": ti, "exception": OSError("canary@example.com")})
    assert "OSError" in sent()[0]
    assert "canary" not in sent()[0]


def test_alert_late__is_sent_for_scheduled_runs_only(
    set_alerts: Callable[..., None], sent: Callable[[], list[str]]
) -> None:
    set_alerts("late")
    alerts.alert_late({"dag_run": LATE_RUN | {"run_type": "backfill"}, "deadline": {}})
    assert sent() == []
    alerts.alert_late({"dag_run": LATE_RUN, "deadline": {}})
    assert sent()[0].startswith(
        "sync_products: a run has not finished in time | The run started more than 6 hours ago"
    )


@pytest.mark.parametrize(
    ("notifier", "arguments", "problem"),
    [
        ("nowhere.at.all.Notifier", {}, "cannot be imported .*nowhere.*install its provider"),
        ("tests.notifier.NoSuch", {}, "tests.notifier has no NoSuch"),
        ("tests.notifier.FileNotifier", {"volume": 11}, "its arguments are wrong: .*volume"),
        ("pathlib.Path", None, "not an Airflow notifier"),
    ],
)
def test_wrong_notifier__is_a_configuration_error_before_any_run(
    set_alerts: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    notifier: str,
    arguments: dict[str, Any] | None,
    problem: str,
) -> None:
    set_alerts("mass_change", notifier=notifier, **(arguments or {}))
    if arguments is None:
        monkeypatch.setenv("SYNC_ALERTS__MASS_CHANGE", json.dumps([{"notifier": notifier}]))
        load_settings.cache_clear()
    with pytest.raises(
        ConfigurationError, match=rf"alerts\.mass_change names the notifier {notifier}.*{problem}"
    ):
        alerts.dag_args()


@pytest.mark.parametrize("value", ["SmtpNotifier", '[{"notifier": "no path"}]', '[{"arguments": {}}]', "[1]"])
def test_wrong_setting__error_names_the_setting(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SYNC_ALERTS__LATE", value)
    load_settings.cache_clear()
    try:
        with pytest.raises(ConfigurationError, match=r"alerts\.late"):
            load_settings()
    finally:
        monkeypatch.undo()
        load_settings.cache_clear()
