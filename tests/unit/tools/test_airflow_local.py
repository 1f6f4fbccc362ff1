"""`make airflow`: the connections of the caller's environment, and the text that it prints."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tools.airflow_local import chosen_number_of_shops, note_on, own_connections, shop_settings
from tools.local_stack import LocalStack, StackSettings
from tools.processes import ProcessFailed
from tools.sandbox_shop import Sandbox

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


@pytest.mark.parametrize(("wanted", "number"), [(None, 1), ("", 1), ("3", 3), ("20", 20)])
def test_shops__are_as_many_as_asked_for(monkeypatch, wanted: str | None, number: int) -> None:
    monkeypatch.delenv("SHOPS", raising=False)
    if wanted is not None:
        monkeypatch.setenv("SHOPS", wanted)
    assert chosen_number_of_shops() == number


@pytest.mark.parametrize("wanted", ["0", "21", "-1", "three"])
def test_shops__a_wrong_number_is_refused(monkeypatch, wanted: str) -> None:
    monkeypatch.setenv("SHOPS", wanted)
    with pytest.raises(ProcessFailed, match="give a number from 1 to 20"):
        chosen_number_of_shops()


def test_shops__further_ones_get_their_time_zone() -> None:
    shops = [
        SimpleNamespace(name=name, time_zone=zone) for name, zone in (("", "A"), ("es", "Europe/Madrid"))
    ]
    found = shop_settings(cast("Sandbox", SimpleNamespace(shops=shops)))
    assert found == {"SYNC_SHOPS__ES__SCHEDULE__TIME_ZONE": "Europe/Madrid"}
