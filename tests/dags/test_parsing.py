"""Airflow imports a DAG file every few seconds and at each task start, so the imports must be light."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "dags").glob("*.py"))
HEAVY = (
    "pandas",
    "numpy",
    "pyarrow",
    "requests",
    "lxml",
    "phonenumbers",
    "orjson",
    "include.state",
    "sqlalchemy.dialects",
)
PROBE = """
import importlib, sys
from airflow.sdk import CronDataIntervalTimetable, DAG, ObjectStoragePath, Param, dag, task
from airflow.sdk import get_current_context
before = set(sys.modules)
importlib.import_module(sys.argv[1])
print("imported", *sorted(set(sys.modules) - before))
"""


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_dag_file__imports_nothing_heavy(file: Path) -> None:
    probe = subprocess.run(
        (sys.executable, "-c", PROBE, f"dags.{file.stem}"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert probe.returncode == 0, probe.stderr
    line = next(line for line in probe.stdout.splitlines() if line.startswith("imported "))
    added = line.split()[1:]
    assert f"dags.{file.stem}" in added
    assert not [name for name in added if name.startswith(HEAVY)], "import heavy modules inside the task"


def test_dag_file__error_names_a_malformed_setting_and_the_allowed_values() -> None:
    """Airflow shows the last line of an import error in the UI."""
    probe = subprocess.run(
        (sys.executable, "-c", "import dags.sync_contacts"),
        cwd=ROOT,
        env=os.environ | {"SYNC_RUN__OVERLAP_MINUTES": "an hour"},
        capture_output=True,
        text=True,
        check=False,
    )
    last = probe.stderr.strip().splitlines()[-1]
    assert probe.returncode != 0
    assert "ConfigurationError" in last
    assert "run.overlap_minutes (or SYNC_RUN__OVERLAP_MINUTES) is 'an hour', allowed is" in last
