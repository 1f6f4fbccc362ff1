"""Which Airflow a command uses."""

from __future__ import annotations

import json
from pathlib import Path

from tools.airflow_environment import environment

SERVER = "_AIRFLOW_PROCESS_CONTEXT"


def local(folder: Path) -> Path:
    path = folder / "local" / "environment.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"AIRFLOW_HOME": "/local", "AIRFLOW_CONN_SYNC_STATE": "local"}))
    return path


def test_environment__uses_the_airflow_that_the_caller_names(tmp_path: Path) -> None:
    made = environment({"AIRFLOW_HOME": "/mine"}, local(tmp_path))
    assert (made["AIRFLOW_HOME"], made[SERVER]) == ("/mine", "server")
    assert "AIRFLOW_CONN_SYNC_STATE" not in made


def test_environment__otherwise_uses_the_local_airflow(tmp_path: Path) -> None:
    made = environment({"AIRFLOW_CONN_VTEX_DEFAULT": "mine"}, local(tmp_path))
    assert (made["AIRFLOW_HOME"], made[SERVER]) == ("/local", "server")
    assert (made["AIRFLOW_CONN_SYNC_STATE"], made["AIRFLOW_CONN_VTEX_DEFAULT"]) == ("local", "mine")


def test_environment__without_an_airflow_has_its_own_home(tmp_path: Path) -> None:
    made = environment({"AIRFLOW_CONN_VTEX_DEFAULT": "mine"}, tmp_path / "local" / "environment.json")
    assert made["AIRFLOW_HOME"] == str(tmp_path / "none")
    assert SERVER not in made
