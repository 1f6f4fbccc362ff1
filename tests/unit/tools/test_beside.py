"""Whose Airflow a command works beside."""

from __future__ import annotations

import json
from pathlib import Path

from tools.beside import environment

SERVER = "_AIRFLOW_PROCESS_CONTEXT"


def local(folder: Path) -> Path:
    path = folder / "local" / "environment.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"AIRFLOW_HOME": "/local", "AIRFLOW_CONN_SYNC_STATE": "local"}))
    return path


def test_environment__is_that_of_the_airflow_that_is_named(tmp_path: Path) -> None:
    made = environment({"AIRFLOW_HOME": "/mine"}, local(tmp_path))
    assert (made["AIRFLOW_HOME"], made[SERVER]) == ("/mine", "server")
    assert "AIRFLOW_CONN_SYNC_STATE" not in made


def test_environment__is_that_of_the_local_airflow_else(tmp_path: Path) -> None:
    made = environment({"AIRFLOW_CONN_VTEX_DEFAULT": "mine"}, local(tmp_path))
    assert (made["AIRFLOW_HOME"], made[SERVER]) == ("/local", "server")
    assert (made["AIRFLOW_CONN_SYNC_STATE"], made["AIRFLOW_CONN_VTEX_DEFAULT"]) == ("local", "mine")


def test_environment__without_any_airflow_has_a_home_of_its_own(tmp_path: Path) -> None:
    made = environment({"AIRFLOW_CONN_VTEX_DEFAULT": "mine"}, tmp_path / "local" / "environment.json")
    assert made["AIRFLOW_HOME"] == str(tmp_path / "none")
    assert SERVER not in made
