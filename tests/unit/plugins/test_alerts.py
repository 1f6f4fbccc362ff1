"""Alerts: which alert is sent when, and the errors for wrong settings."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG

from include.errors import (
    ConfigurationError,
    MassChangeBlocked,
    MissingConnection,
    SyncError,
    TemporaryError,
    TooManyRejected,
    UnsafeChange,
)
from include.settings import load_settings
from include.task_failure import TaskFailure
from plugins import alerts
from plugins.notifiers import all_notifiers
from plugins.task_boundary import failure_in
from tools import send_test_alert

STARTED = datetime(2026, 11, 23, 5, tzinfo=UTC)
RUN = SimpleNamespace(
    dag_id="sync_products",
    run_id="scheduled__2026-11-23T05:00:00+00:00",
    start_date=STARTED,
    run_after=STARTED,
)
RUN_URL = "https://airflow.example/dags/sync_products/runs/scheduled__2026-11-23T05%3A00%3A00%2B00%3A00"
PAGE_URL = (
    "https://airflow.example/vtex-connectif-status/records?pipeline=products"
    "&run=sync_products%2Fscheduled__2026-11-23T05%3A00%3A00%2B00%3A00"
)
LATE_RUN = {"dag_id": "sync_products", "dag_run_id": "late", "run_type": "scheduled"}


def task(task_id: str = "load", *, try_number: int = 2) -> SimpleNamespace:
    """The task instance of a callback."""
    return SimpleNamespace(
        dag_id=RUN.dag_id, run_id=RUN.run_id, task_id=task_id, map_index=-1, try_number=try_number
    )


@pytest.fixture(autouse=True)
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[TaskFailure | SyncError]:
    """What the state store answers: the failure of the run, or its own error; else no failure."""
    answers: list[TaskFailure | SyncError] = []

    def answer(dag_id: str, run_id: str, run_started_at: datetime) -> TaskFailure | None:
        assert run_started_at == STARTED
        found = answers[0] if answers else None
        if isinstance(found, SyncError):
            raise found
        return found

    monkeypatch.setattr(alerts, "recorded_failure", answer)
    return answers


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
    assert alerts.task_callbacks() == []


def test_dag_args__follow_the_settings(set_alerts: Callable[..., None]) -> None:
    set_alerts("run_failed", "late")
    args = alerts.dag_args()
    assert args["on_failure_callback"] is alerts.alert_run_failed
    assert args["deadline"].interval == timedelta(hours=load_settings().alerts.late_after_hours)
    assert args["deadline"].callback.path == "plugins.alerts.alert_late"
    assert set(alerts.dag_args(scheduled=False)) == {"on_failure_callback"}
    assert alerts.task_callbacks() == []
    set_alerts("mass_change")
    assert alerts.task_callbacks() == [alerts.alert_task_failed]


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
    alerts.alert_task_failed({"exception": error, "dag_run": RUN, "ti": task()})
    assert len(sent()) == (title is not None)
    if title:
        (line,) = sent()
        assert line.startswith(f"sync_products: {title}")
        assert "| cause Run: scheduled__2026-11-23T05:00:00+00:00 |" in line
        assert line.endswith(f"| {RUN_URL}/tasks/load?try_number=2")


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


def test_alert_run_failed__names_the_task_its_sentence_its_log_and_our_page(
    set_alerts: Callable[..., None],
    sent: Callable[[], list[str]],
    recorded: list[TaskFailure | SyncError],
) -> None:
    fields = "{{ alert.task }} | {{ alert.text }} | {{ alert.url }} | {{ alert.page }}"
    set_alerts("run_failed", line=fields)
    error = TemporaryError("VTEX, catalogue: HTTP 503. Wait until VTEX is back.")
    recorded.append(failure_in({"ti": task(), "exception": error}))
    alerts.alert_run_failed({"dag_run": RUN, "reason": "task_failure"})
    assert sent() == [
        f"load | Task load, try 2: {str(error).rstrip('.')}. Run: {RUN.run_id} | "
        f"{RUN_URL}/tasks/load?try_number=2 | {PAGE_URL}"
    ]


def test_alert_run_failed__says_why_the_task_is_not_known(
    set_alerts: Callable[..., None],
    sent: Callable[[], list[str]],
    recorded: list[TaskFailure | SyncError],
) -> None:
    set_alerts("run_failed")
    recorded.append(MissingConnection("There is no connection vtex_default", advice="Create it"))
    alerts.alert_run_failed({"dag_run": RUN, "reason": "task_failure"})
    assert "There is no connection vtex_default. Create it Run:" in sent()[0]
    assert sent()[0].endswith(f"| {RUN_URL}")


def test_alert_task_retries__is_sent_once(
    set_alerts: Callable[..., None], sent: Callable[[], list[str]]
) -> None:
    assert alerts.retry_callbacks() == []
    set_alerts("run_failed", line="{{ alert.title }}: {{ alert.text }}")
    (callback,) = alerts.retry_callbacks()
    for number in range(1, 20):
        error = ConfigurationError("VTEX, Master Data search: HTTP 401")
        callback({"dag_run": RUN, "ti": task("apply", try_number=number), "exception": error})
    (line,) = sent()
    assert line.startswith("sync_products: a run fails and is retried: ")
    assert "HTTP 401" in line


def test_alert_task_retries__shows_only_the_class_of_an_unknown_error(
    set_alerts: Callable[..., None], sent: Callable[[], list[str]]
) -> None:
    set_alerts("run_failed")
    ti = task(try_number=alerts.ALERT_AT_TRY)
    alerts.alert_task_retries({"dag_run": RUN, "ti": ti, "exception": OSError("canary@example.com")})
    assert "OSError" in sent()[0]
    assert "canary" not in sent()[0]


def test_alert_late__is_sent_for_scheduled_runs_only(
    set_alerts: Callable[..., None],
    sent: Callable[[], list[str]],
) -> None:
    set_alerts("late")
    alerts.alert_late({"dag_run": LATE_RUN | {"run_type": "backfill"}, "deadline": {}})
    assert sent() == []
    alerts.alert_late({"dag_run": LATE_RUN, "deadline": {}})
    assert sent()[0].startswith(
        "sync_products: a run has not finished in time | The run started more than 6 hours ago"
    )


def test_send_test_alert__is_marked_and_raises_the_error_of_the_notifier(
    set_alerts: Callable[..., None], sent: Callable[[], list[str]], tmp_path: Path
) -> None:
    line = "{{ alert.title }} | {{ alert.text }} | {{ ti.task_id }} of {{ dag_run.run_id }}"
    set_alerts("mass_change", line=line)
    ((kind, by),) = all_notifiers()
    alerts.send_test_alert(kind, by)
    assert sent() == [
        "TEST: mass_change | This is a test of the alert mass_change. No run has failed, and there is "
        "nothing to do. | test of test"
    ]
    set_alerts("mass_change", file=str(tmp_path / "no folder" / "alerts"))
    ((kind, by),) = all_notifiers()
    with pytest.raises(FileNotFoundError):
        alerts.send_test_alert(kind, by)


def test_make_test_alert__prints_a_line_for_each_notifier(
    set_alerts: Callable[..., None], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    load_settings.cache_clear()
    assert send_test_alert.main() == 1
    assert "No alert is set" in capsys.readouterr().out
    set_alerts("late")
    set_alerts("run_failed", file=str(tmp_path / "no folder" / "alerts"))
    assert send_test_alert.main() == 1
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("ERROR    run_failed, FileNotifier: FileNotFoundError: ")
    assert second == "SENT     late, FileNotifier"
    set_alerts("run_failed")
    assert send_test_alert.main() == 0


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
