"""The checks of the setup with Airflow's connections: missing, incomplete and valid ones."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from include.doctor import Level, Line
from include.errors import ConfigurationError
from include.settings import load_settings
from include.state import upgrade
from plugins.tasks.check_setup import check_alerts, check_lines, check_setup
from sandbox.shop import Sizes
from tests.builders import APP_KEY, APP_TOKEN, KEY_ID, KEY_SECRET, SimulatedShop, simulated_shop
from tests.scripted_server import Answer, ScriptedServer

EXPLAIN_PAGE = "page Explain one record in Airflow's UI"
SECRET = "a-webhook-secret-of-some-length"


@pytest.fixture(scope="module")
def shop() -> Iterator[SimulatedShop]:
    with simulated_shop(Sizes(contacts=20, products=5, orders_per_day=2, days=2)) as shop:
        shop.connectif.knobs.rate_limit = 0
        yield shop


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch, server: ScriptedServer, tmp_path: Path) -> ScriptedServer:
    """An api-server with a working receiver, and the LocalExecutor."""
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", server.url)
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "LocalExecutor")
    monkeypatch.setenv("SYNC_CONNECTIF__IMPORT_POLL_SECONDS", "0.05")
    server.script(Answer(200, {"status": "up"}), Answer(401), Answer(401))
    return server


class Setup:
    """Valid connections. A test changes them and reads the lines of the checks."""

    def __init__(self, connections: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
        self.connections, self._monkeypatch = connections, monkeypatch

    def check(self) -> dict[str, Line]:
        for conn_id, fields in self.connections.items():
            self._monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))
        return {line.subject: line for line in check_lines()}


@pytest.fixture
def setup(
    monkeypatch: pytest.MonkeyPatch, airflow: ScriptedServer, shop: SimulatedShop, tmp_path: Path
) -> Setup:
    state = tmp_path / "state.db"
    upgrade(f"sqlite:///{state}")
    connections = {
        "vtex_default": {
            "conn_type": "vtex",
            "host": shop.vtex_url,
            "login": APP_KEY,
            "password": APP_TOKEN,
            "extra": {"account": "sandboxshop", "shop_domain": "www.sandbox-shop.example"},
        },
        "connectif_default": {
            "conn_type": "connectif",
            "host": shop.connectif_url,
            "login": KEY_ID,
            "password": KEY_SECRET,
            "extra": {"webhook_secret": SECRET},
        },
        "sync_state": {"conn_type": "sqlite", "host": str(state), "extra": {"hash_key": "k" * 32}},
    }
    return Setup(connections, monkeypatch)


def errors(lines: dict[str, Line]) -> dict[str, str]:
    return {subject: line.found for subject, line in lines.items() if line.level is Level.ERROR}


def test_check_lines__have_no_error_for_a_valid_setup(setup: Setup, shop: SimulatedShop) -> None:
    shop.clock.set(datetime.now(UTC))
    lines = setup.check()
    assert errors(lines) == {}
    for subject in (
        "connection sync_state",
        "newsletter receiver",
        "webhook secret",
        EXPLAIN_PAGE,
        "VTEX, clock",
    ):
        assert lines[subject].level is Level.OK


@pytest.mark.parametrize("conn_id", ["vtex_default", "connectif_default"])
def test_check_lines__name_a_missing_connection(setup: Setup, conn_id: str) -> None:
    del setup.connections[conn_id]
    lines = setup.check()
    assert lines[f"connection {conn_id}"].found == "does not exist"
    assert "Admin > Connections" in lines[f"connection {conn_id}"].advice
    assert "purchase ids of the web tag" not in lines


@pytest.mark.parametrize(
    ("conn_id", "change", "subject", "problem"),
    [
        ("vtex_default", {"login": ""}, "connection vtex_default", "API Key is empty"),
        ("connectif_default", {"password": ""}, "connection connectif_default", "API key secret is empty"),
        ("connectif_default", {"extra": {"webhook_secret": "short"}}, "webhook secret", "at least 16"),
        ("sync_state", {"extra": {}}, "connection sync_state", "the extra hash_key is empty"),
        ("sync_state", {"conn_type": "mysql"}, "connection sync_state", "make it sqlite or postgres"),
    ],
)
def test_check_lines__name_a_missing_or_wrong_field(
    setup: Setup, conn_id: str, change: dict[str, Any], subject: str, problem: str
) -> None:
    setup.connections[conn_id] |= change
    assert problem in errors(setup.check())[subject]


def test_check_lines__name_staged_files_that_other_workers_cannot_read(
    monkeypatch: pytest.MonkeyPatch, airflow: ScriptedServer
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    lines = {line.subject: line for line in check_lines()}
    assert "SYNC_RUN__STAGING_PATH" in errors(lines)["staged files"]


def test_check_lines__name_the_settings_that_the_environment_changes(
    monkeypatch: pytest.MonkeyPatch, airflow: ScriptedServer
) -> None:
    monkeypatch.setenv("SYNC_SCHEDULE__TIME_ZONE", "Pacific/Chatham")
    monkeypatch.setenv("SYNC_RUN_OVERLAP_MINUTES", "90")
    monkeypatch.setenv("SYNC_STATE_PORT", "tcp://10.0.48.109:5432")
    lines = {line.subject: line for line in check_lines()}
    changed = str(lines["settings"]).removeprefix(
        "OK       settings: all valid; changed by the environment: "
    )
    assert {"connectif.import_poll_seconds = 0.05", "schedule.time_zone = Pacific/Chatham"} <= {
        *changed.split(", ")
    }
    misspelt = {line.subject: line.advice for line in lines.values() if "has no effect" in line.found}
    assert list(misspelt) == ["environment variable SYNC_RUN_OVERLAP_MINUTES"]
    assert "SYNC_RUN__OVERLAP_MINUTES" in misspelt["environment variable SYNC_RUN_OVERLAP_MINUTES"]


@pytest.mark.parametrize(
    ("arguments", "level", "found"),
    [
        ({"file": "x"}, Level.OK, "the notifier can be created. `make test-alert` sends a test"),
        ({"file": "x", "mail_conn_id": "vtex_default"}, Level.OK, "connection vtex_default exists"),
        ({"file": "x", "mail_conn_id": "mail"}, Level.ERROR, "its connection mail does not exist"),
        ({"volume": 11}, Level.ERROR, "alerts.late names the notifier .* but its arguments are wrong"),
    ],
)
def test_check_lines__name_an_alert_that_cannot_be_sent(
    setup: Setup, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], level: Level, found: str
) -> None:
    by = {"notifier": "tests.notifier.FileNotifier", "arguments": arguments}
    monkeypatch.setenv("SYNC_ALERTS__LATE", json.dumps([by]))
    load_settings.cache_clear()
    for conn_id, fields in setup.connections.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))
    (line,) = check_alerts()
    load_settings.cache_clear()
    assert (line.subject, line.level) == ("alert late, FileNotifier", level)
    assert re.search(found, line.found)


def test_check_lines__warn_without_alerts() -> None:
    (line,) = check_alerts()
    assert (line.subject, line.level) == ("alerts", Level.WARNING)


def test_check_setup__logs_every_line_and_fails_on_an_error(
    airflow: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO), pytest.raises(ConfigurationError, match="The lines above say"):
        check_setup()
    logged = [record.getMessage() for record in caplog.records]
    assert any(line.startswith("ERROR    connection vtex_default: does not exist") for line in logged)
    assert any(line.startswith("OK       settings") for line in logged)
