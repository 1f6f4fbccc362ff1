"""A temporary Airflow home for this process. Import this before any module that imports Airflow."""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
AIRFLOW_HOME = Path(tempfile.mkdtemp(prefix="sync-tests-"))


def _isolate_airflow() -> None:
    for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
        del os.environ[name]
    os.environ |= {
        "AIRFLOW_HOME": str(AIRFLOW_HOME),
        "AIRFLOW__CORE__UNIT_TEST_MODE": "True",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{AIRFLOW_HOME / 'airflow.db'}",
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "plugins"))),
    }


_isolate_airflow()


def make_airflow_database() -> None:
    """Create Airflow's own (empty) database in this home."""
    from airflow.utils.db import initdb  # noqa: PLC0415 - importing Airflow takes seconds

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # from Airflow's migrations, for Airflow's authors
        initdb()


def remove_airflow_home() -> None:
    """Remove the home at the end of the process."""
    shutil.rmtree(AIRFLOW_HOME, ignore_errors=True)
