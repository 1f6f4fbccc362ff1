"""Scheduler and Celery workers import the modules of newsletter runs at their start; others do not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PROBE = """
import sys
from airflow.listeners.listener import get_listener_manager
sys.argv = ["airflow", sys.argv[1]]
get_listener_manager().hook.on_starting(component=None)
names = ("plugins.runs.newsletter_run", "plugins.default_args")
print("imported", *(name for name in names if name in sys.modules))
"""


@pytest.mark.parametrize(
    ("component", "imported"),
    [
        ("scheduler", "imported plugins.runs.newsletter_run plugins.default_args"),
        ("dag-processor", "imported"),
    ],
)
def test_on_starting__imports_modules_only_in_the_scheduler(component: str, imported: str) -> None:
    probe = subprocess.run(
        (sys.executable, "-c", PROBE, component), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert probe.returncode == 0, probe.stderr
    assert imported in probe.stdout.splitlines()


def test_celery__a_worker_imports_them_with_its_configuration() -> None:
    probe = "import sys, plugins.celery_warm_start; print('plugins.runs.newsletter_run' in sys.modules)"
    done = subprocess.run((sys.executable, "-c", probe), cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "True"
