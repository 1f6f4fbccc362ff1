"""The DAGs of several shops: ids, tags, schedules and alerts of each; a wrong shop stops alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
DAGS = {"check_setup", "reconcile", "sync_contacts", "sync_products", "sync_purchases", "update_newsletter"}
NOTIFIER = '[{"notifier": "tests.notifier.FileNotifier", "arguments": {"file": "/dev/null"}}]'
SHOPS = {
    "SYNC_SHOPS__ES__SCHEDULE__TIME_ZONE": "Europe/Madrid",
    "SYNC_SHOPS__ES__SCHEDULE__CONTACTS": "30 5 * * *",
    "SYNC_SHOPS__MX__ALERTS__RUN_FAILED": NOTIFIER,
    "SYNC_SHOPS__WRONG__RUN__LIFE": "true",
    "SYNC_SHOPS__DEAF__ALERTS__LATE": '[{"notifier": "no.such.Notifier", "arguments": {"url": "hunter2"}}]',
}
PROBE = """
import json
from airflow.dag_processing.dagbag import DagBag
bag = DagBag()
found = {}
for dag_id, dag in bag.dags.items():
    task = dag.tasks[0]
    found[dag_id] = {
        "tags": sorted(dag.tags),
        "clock": [str(getattr(dag.timetable, name, "")) for name in ("expression", "timezone")],
        "assets": [asset.name for task in dag.tasks for asset in task.outlets],
        "alerts": [bool(dag.has_on_failure_callback), len(task.on_failure_callback)],
        "retries": task.retries,
    }
print("FOUND " + json.dumps({"dags": found, "errors": dict(bag.import_errors)}))
"""


@pytest.fixture(scope="module")
def found(airflow_db: None) -> dict[str, Any]:
    """The DAGs and import errors of a DAG processor whose environment has four further shops."""
    probe = subprocess.run(
        (sys.executable, "-c", PROBE),
        cwd=ROOT,
        env=os.environ | SHOPS,
        capture_output=True,
        text=True,
        check=False,
    )
    (line,) = [line for line in probe.stdout.splitlines() if line.startswith("FOUND ")] or [probe.stderr]
    return dict(json.loads(line.removeprefix("FOUND ")))


def test_shops__have_dags_of_their_own_and_the_first_keeps_its_ids(found: dict[str, Any]) -> None:
    expected = DAGS | {f"{dag}__{shop}" for dag in DAGS for shop in ("es", "mx")}
    assert found["dags"].keys() == expected


def test_shops__their_dags_have_a_tag_and_an_asset(found: dict[str, Any]) -> None:
    dags = found["dags"]
    assert dags["sync_contacts"]["tags"] == ["connectif", "daily", "vtex"]
    assert dags["sync_contacts__es"]["tags"] == ["connectif", "daily", "shop:es", "vtex"]
    assert dags["sync_contacts"]["assets"] == ["sync_contacts_report"]
    assert dags["sync_contacts__es"]["assets"] == ["sync_contacts__es_report"]
    assert dags["reconcile__mx"]["assets"] == ["reconcile__mx_report"]


def test_shops__run_by_their_own_clocks(found: dict[str, Any]) -> None:
    clocks = {dag_id: dag["clock"] for dag_id, dag in found["dags"].items()}
    assert clocks["sync_contacts"] == clocks["sync_contacts__mx"] == ["0 3 * * *", "America/Sao_Paulo"]
    assert clocks["sync_contacts__es"] == ["30 5 * * *", "Europe/Madrid"]
    assert clocks["reconcile__es"] == ["0 6 * * 0", "Europe/Madrid"]


def test_shops__have_their_own_alerts(found: dict[str, Any]) -> None:
    assert found["dags"]["sync_contacts"]["alerts"][0] is False
    assert found["dags"]["sync_contacts__es"]["alerts"][0] is False
    assert found["dags"]["sync_contacts__mx"]["alerts"][0] is True
    assert {found["dags"][f"update_newsletter{shop}"]["retries"] for shop in ("", "__es", "__mx")} == {300}


def test_shops__a_wrong_one_is_an_import_error_of_a_file_without_dags(found: dict[str, Any]) -> None:
    """An import error marks all DAGs of its file as stale (Airflow 3.3.2, `_update_import_errors`)."""
    ((file, error),) = found["errors"].items()
    assert Path(file).name == "wrong_shops.py"
    assert "wrong: settings: shops.wrong.run.life" in error
    assert "deaf: shop deaf: settings: alerts.late names the notifier no.such.Notifier" in error
    assert "hunter2" not in error


def test_task__parses_the_shop_of_its_dag_alone() -> None:
    """Each task start parses the file again: the other shops would cost time, and their mistakes the task."""
    probe = subprocess.run(
        (
            sys.executable,
            "-c",
            "from plugins.dag_shops import shops_with_dags; print([s.key for s in shops_with_dags()])",
        ),
        cwd=ROOT,
        env=os.environ | SHOPS | {"_AIRFLOW_PARSING_CONTEXT_DAG_ID": "sync_contacts__es"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert probe.stdout.strip().splitlines()[-1] == "['es']"
