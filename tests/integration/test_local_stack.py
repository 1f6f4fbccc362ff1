"""The local Airflow on its own DAG folder: start, use, failures, and a complete stop."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest
import requests

from tools.airflow_rest import RestError
from tools.local_stack import LocalStack, StackSettings
from tools.processes import ProcessFailed

DAGS = Path(__file__).parent / "stack_dags"
PROBE, LATE = "stack_probe", "late_probe"


def settings(
    home: Path, dags: Path = DAGS, *, scheduled: bool = False, environment: Mapping[str, str] | None = None
) -> StackSettings:
    return StackSettings(
        home=home,
        dags=dags,
        dag_ids=frozenset({PROBE, LATE}),
        scheduled=scheduled,
        prepare=(),
        parallelism=2,
        environment=environment or {},
    )


def processes_of(home: Path) -> list[list[str]]:
    """The command lines of all running processes with this AIRFLOW_HOME."""
    found = []
    for process in psutil.process_iter():
        try:
            if (
                process.environ().get("AIRFLOW_HOME") == str(home)
                and process.status() != psutil.STATUS_ZOMBIE
            ):
                found.append(process.cmdline())
        except psutil.Error:
            continue
    return found


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    home = tmp_path_factory.mktemp("stack")
    notifier = {"notifier": "tests.notifier.FileNotifier", "arguments": {"file": str(home / "alerts")}}
    late = {"SYNC_ALERTS__LATE": json.dumps([notifier]), "SYNC_ALERTS__LATE_AFTER_HOURS": "0.001"}
    with LocalStack(settings(home, scheduled=True, environment=late)) as running:
        assert processes_of(home)
        yield running
    assert processes_of(home) == []


def test_stack__runs_a_dag_over_rest(stack: LocalStack) -> None:
    stack.rest.trigger(PROBE, "good")
    seen: list[object] = []
    run = stack.rest.wait(PROBE, "good", stall_seconds=60, progress=seen.append)
    assert run["state"] == "success"
    assert [task["state"] for task in stack.rest.tasks(PROBE, "good")] == ["success"]
    assert seen


def test_trigger__with_the_same_run_id_creates_one_run(stack: LocalStack) -> None:
    for _ in range(3):
        stack.rest.trigger(PROBE, "once")
    stack.rest.wait(PROBE, "once", stall_seconds=60)
    assert [run["dag_run_id"] for run in stack.rest.runs(PROBE)].count("once") == 1


def test_trigger__accepts_a_data_interval(stack: LocalStack) -> None:
    interval = ("2026-11-20T03:00:00Z", "2026-11-21T03:00:00Z")
    stack.rest.trigger(PROBE, "interval", interval=interval)
    run = stack.rest.run(PROBE, "interval")
    assert (run["data_interval_start"], run["data_interval_end"]) == interval


def test_log__contains_the_reason_of_a_failure(stack: LocalStack) -> None:
    stack.rest.trigger(PROBE, "bad", {"fail": True})
    assert stack.rest.wait(PROBE, "bad", stall_seconds=60)["state"] == "failed"
    (task,) = stack.rest.tasks(PROBE, "bad")
    lines = stack.rest.log(PROBE, "bad", task["task_id"], task["try_number"])
    assert any("failed as asked" in line for line in lines)


def test_trigger__error_names_the_invalid_parameter(stack: LocalStack) -> None:
    with pytest.raises(RestError, match="sleep_seconds"):
        stack.rest.trigger(PROBE, "refused", {"sleep_seconds": "long"})


def test_api__requires_the_password(stack: LocalStack) -> None:
    assert requests.get(f"{stack.url}/api/v2/dags", timeout=10).status_code == 401


def test_home__secret_files_are_private(stack: LocalStack) -> None:
    secret_files = [
        stack.home / "keys.json",
        stack.home / "passwords.json",
        *(stack.home / "logs/components").iterdir(),
    ]
    assert [file for file in secret_files if file.stat().st_mode & 0o077] == []
    assert stack.home.stat().st_mode & 0o077 == 0


def test_servers__listen_only_on_the_loopback_interface(stack: LocalStack) -> None:
    listening = [
        connection.laddr.ip
        for service in stack.services
        for process in (
            service.process.pid,
            *(c.pid for c in psutil.Process(service.process.pid).children(recursive=True)),
        )
        for connection in psutil.Process(process).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert set(listening) == {"127.0.0.1"}


def test_late_alert__is_sent_while_the_scheduled_run_is_running(stack: LocalStack) -> None:
    stack.rest.unpause(LATE)
    file, deadline = stack.home / "alerts", time.monotonic() + 90
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    (run,) = stack.rest.runs(LATE)
    title, text, url = file.read_text().splitlines()[0].split(" | ")
    assert (run["run_type"], run["state"]) == ("scheduled", "running")
    assert title == "late_probe: a run has not finished in time"
    assert text.endswith(f"Run: {run['dag_run_id']}")
    assert url.startswith(f"{stack.url}/dags/late_probe/runs/scheduled__")
    stack.rest.patch(f"dags/{LATE}/dagRuns/{run['dag_run_id']}", {"state": "failed"})


def test_import_error__stops_the_start_and_is_shown(tmp_path: Path) -> None:
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "broken.py").write_text("import airflow  # dag\nimport no_such_module\n")
    with pytest.raises(ProcessFailed, match="no_such_module"), LocalStack(settings(tmp_path / "home", dags)):
        pass
    assert processes_of(tmp_path / "home") == []


RUN_AND_WAIT = """
import sys, time
from pathlib import Path
from tools.local_stack import LocalStack, StackSettings
from tools.processes import stopping_on_signals
home, dags = Path(sys.argv[1]), Path(sys.argv[2])
settings = StackSettings(home=home, dags=dags, dag_ids=frozenset({"stack_probe"}), prepare=(), parallelism=2)
with stopping_on_signals(), LocalStack(settings) as stack:
    stack.rest.trigger("stack_probe", "long", {"sleep_seconds": 300})
    while stack.rest.run("stack_probe", "long")["state"] != "running":
        time.sleep(0.2)
    print("running", flush=True)
    time.sleep(300)
"""


def test_signal_during_a_task__leaves_no_process(tmp_path: Path) -> None:
    home = tmp_path / "home"
    command = (sys.executable, "-c", RUN_AND_WAIT, str(home), str(DAGS))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as caller:
        assert caller.stdout is not None
        assert caller.stdout.readline() == b"running\n"
        caller.send_signal(signal.SIGTERM)
        assert caller.wait(timeout=60) != 0
    assert processes_of(home) == []
