"""Runs that are created again with the same id, cleared or retried, on a real scheduler."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from include.outcomes import PipelineName
from tests.integration.installation import SECONDS, Installation, running_installation
from tools.airflow_rest import RestError


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with running_installation(tmp_path_factory.mktemp("airflow")) as installation:
        yield installation


def attempts(installation: Installation, dag_id: str, run_id: str) -> list[Path]:
    """The staging folders of runs with this id."""
    found = installation.stack.home.glob(f"**/{dag_id}/{run_id}/*")
    return sorted(found, key=lambda path: path.stat().st_ctime_ns)


def stages(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_dir()}


def delete_purchases(installation: Installation, groups: set[str]) -> None:
    for purchase_id in groups:
        url = f"{installation.sandbox.connectif}/_sandbox/purchases/{purchase_id}"
        requests.delete(url, timeout=10).raise_for_status()


def existing_purchases(installation: Installation, conf: dict[str, Any]) -> set[str]:
    return {group for group in installation.shop.order_groups(conf) if installation.shop.purchase(group)}


def test_manual_run__reads_and_sends_again_after_it_was_deleted(installation: Installation) -> None:
    conf = {"mode": "window", **{k: v for k, v in installation.last_day().items() if k != "mode"}}
    tracked = existing_purchases(installation, conf)
    first = installation.run("sync_purchases", "again", conf)
    sent = existing_purchases(installation, conf) - tracked
    assert first.counts.written >= len(sent) > 0
    delete_purchases(installation, sent)
    installation.stack.rest.delete_run("sync_purchases", "again")
    second = installation.run("sync_purchases", "again", conf)
    assert second.counts.written >= len(sent)
    assert second.counts.calls["vtex"].made > 0
    assert sent <= existing_purchases(installation, conf)
    folders = attempts(installation, "sync_purchases", "again")
    assert [stages(folder) for folder in folders] == [{"extract", "transform", "load"}] * 2, (
        "one folder for each run"
    )


def test_manual_run__follows_the_new_mode_when_triggered_again(
    installation: Installation,
) -> None:
    window = installation.run("sync_contacts", "mode", installation.last_day())
    installation.stack.rest.delete_run("sync_contacts", "mode")
    full = installation.run("sync_contacts", "mode", {"mode": "full"})
    assert (window.mode, full.mode) == ("window", "full")
    assert full.counts.read > window.counts.read


def test_backfill__sends_a_day_again_after_its_run_was_deleted(installation: Installation) -> None:
    day = installation.sandbox.last_day - timedelta(days=1)
    conf = {
        "window_start": f"{day}T00:00:00+00:00",
        "window_end": f"{day + timedelta(days=1)}T00:00:00+00:00",
    }
    written = []
    for _ in range(2):
        delete_purchases(installation, existing_purchases(installation, conf))
        run_id = run_backfill(installation, f"{day}")
        written.append(installation.report_of("sync_purchases", run_id).counts.written)
        installation.stack.rest.delete_run("sync_purchases", run_id)
    assert written[0] > 0
    assert written[1] == written[0]


def run_backfill(installation: Installation, day: str) -> str:
    rest = installation.stack.rest
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            rest.backfill("sync_purchases", f"{day}T00:00:00Z", f"{day}T23:59:59Z")
        except RestError as error:  # the scheduler checks twice a minute whether the last one has ended
            if "already a running backfill" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(2)
        else:
            break
    while not (runs := rest.runs("sync_purchases", run_type="backfill")) and time.monotonic() < deadline:
        time.sleep(0.5)
    (run,) = runs
    state = rest.wait("sync_purchases", run["dag_run_id"], stall_seconds=SECONDS)["state"]
    assert state == "success", "\n".join(installation.last_log("sync_purchases", run["dag_run_id"]))
    return str(run["dag_run_id"])


def test_clear__of_load_uses_the_staged_files_and_fails_at_once_without_them(
    installation: Installation,
) -> None:
    rest = installation.stack.rest
    installation.run("sync_products", "cleared", {"mode": "full"})
    rest.clear("sync_products", "cleared", "load")
    state = rest.wait("sync_products", "cleared", stall_seconds=SECONDS)["state"]
    assert state == "success", "\n".join(installation.last_log("sync_products", "cleared"))
    first, second = attempts(installation, "sync_products", "cleared")
    assert (stages(first), stages(second)) == ({"extract", "transform", "load"}, {"load"})
    assert (first.name[:2], second.name[:2]) == ("0-", "1-")

    shutil.rmtree(first)
    rest.clear("sync_products", "cleared", "load")
    assert rest.wait("sync_products", "cleared", stall_seconds=SECONDS)["state"] == "failed"
    tasks = {task["task_id"]: task for task in rest.tasks("sync_products", "cleared")}
    log = rest.log("sync_products", "cleared", "load", tasks["load"]["try_number"])
    assert tasks["load"]["state"] == "failed", "the task must not be retried"
    gone = [line for line in log if "StagingFolderGone" in line and "Clear the whole run" in line]
    assert gone, "\n".join(log)


def test_clear__of_the_report_of_a_comparison_reports_the_same_again(installation: Installation) -> None:
    rest = installation.stack.rest
    conf = {"pipelines": ["purchases"], **{k: v for k, v in installation.last_day().items() if k != "mode"}}
    first = installation.run("reconcile", "looked", conf)
    rest.clear("reconcile", "looked", "report")
    state = rest.wait("reconcile", "looked", stall_seconds=SECONDS)["state"]
    assert state == "success", "\n".join(installation.last_log("reconcile", "looked"))
    again = installation.report_of("reconcile", "looked")
    assert again.compared[PipelineName.PURCHASES] == first.compared[PipelineName.PURCHASES]
