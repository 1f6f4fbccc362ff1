"""`make airflow`: the connections of the caller's environment, and the text that it prints."""

from __future__ import annotations

from pathlib import Path

from tools.airflow_local import note_on, own_connections
from tools.local_stack import LocalStack, StackSettings

GIVEN = {
    "AIRFLOW_CONN_VTEX_DEFAULT": "{}",
    "AIRFLOW_CONN_SYNC_STATE": "mine",
    "AIRFLOW_HOME": "/mine",
    "X": "1",
}


def test_own_connections__are_used_by_every_process_of_the_local_airflow(tmp_path: Path) -> None:
    own = own_connections(GIVEN)
    assert set(own) == {"AIRFLOW_CONN_VTEX_DEFAULT", "AIRFLOW_CONN_SYNC_STATE"}
    environment = LocalStack(StackSettings(tmp_path, environment=own)).environment()
    assert environment["AIRFLOW_CONN_SYNC_STATE"] == "mine", "it counts before the SQLite file of the home"
    assert environment["AIRFLOW_HOME"] == str(tmp_path)


def test_note__names_the_connections_without_their_values() -> None:
    note = note_on(own_connections(GIVEN))
    assert "sync_state, vtex_default" in note
    assert "mine" not in note
    assert note_on({}) == ""
