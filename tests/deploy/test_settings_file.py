"""airflow_settings.yaml: the format of the Astro CLI, the connections of the hooks, no secret."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import yaml

from plugins.hooks.connectif_hook import ConnectifHook
from plugins.hooks.vtex_hook import VtexHook
from plugins.vtex_connectif_provider import CONNECTIF, VTEX
from tools.sandbox_shop import (
    Sandbox,
    SandboxShop,
    as_environment,
    sandbox_connections,
    settings_connections,
    store_connection,
)

ROOT = Path(__file__).resolve().parents[2]
AIRFLOW: dict[str, Any] = yaml.safe_load((ROOT / "airflow_settings.yaml").read_text())["airflow"]
CONNECTION_KEYS = {
    "conn_id",
    "conn_type",
    "conn_host",
    "conn_schema",
    "conn_login",
    "conn_password",
    "conn_port",
    "conn_extra",
}
SHOP = SandboxShop(
    name="",
    account="another",
    shop_domain="www.another.example",
    country="BR",
    currency="BRL",
    time_zone="America/Sao_Paulo",
    vtex="http://127.0.0.1:1",
    connectif="http://127.0.0.1:2",
    vtex_key="a-key",
    connectif_key="another-key",
)
SANDBOX = Sandbox(
    service=None,  # type: ignore[arg-type]  # not started here
    shops=(SHOP,),
    last_day=date(2026, 11, 22),
)


def test_file__has_the_sections_and_keys_of_the_astro_cli() -> None:
    assert set(AIRFLOW) == {"connections", "pools", "variables"}
    assert all(set(row) == CONNECTION_KEYS for row in AIRFLOW["connections"])
    assert all(set(row) == {"pool_name", "pool_slot", "pool_description"} for row in AIRFLOW["pools"])


def test_connections__are_those_of_the_hooks_and_of_the_state_store() -> None:
    types = {row["conn_id"]: row["conn_type"] for row in AIRFLOW["connections"]}
    assert types[VtexHook.default_conn_name] == VtexHook.conn_type
    assert types[ConnectifHook.default_conn_name] == ConnectifHook.conn_type
    assert set(types) == {VtexHook.default_conn_name, ConnectifHook.default_conn_name, "sync_state"}


def test_file__contains_no_secret() -> None:
    for row in AIRFLOW["connections"]:
        assert row["conn_password"] is None
        assert not [key for key in row["conn_extra"] if "secret" in key or "key" in key]


def test_extras__are_fields_of_the_forms() -> None:
    extras = {row["conn_id"]: set(row["conn_extra"]) for row in AIRFLOW["connections"]}
    assert extras["vtex_default"] == set(VTEX["conn-fields"])
    assert extras["connectif_default"] <= set(CONNECTIF["conn-fields"])


def test_forms__name_the_hooks_that_exist() -> None:
    for form, hook in ((VTEX, VtexHook), (CONNECTIF, ConnectifHook)):
        assert form["hook-class-name"] == f"{hook.__module__}.{hook.__name__}"
        assert form["connection-type"] == hook.conn_type


def test_sandbox_connections__have_its_addresses_and_credentials() -> None:
    connections = sandbox_connections(SANDBOX)
    vtex, connectif = connections["vtex_default"], connections["connectif_default"]
    assert (vtex["host"], connectif["host"]) == ("http://127.0.0.1:1", "http://127.0.0.1:2")
    assert (vtex["extra"]["account"], vtex["extra"]["shop_domain"]) == ("another", "www.another.example")
    assert all(fields["login"] and fields["password"] for fields in connections.values())
    assert settings_connections()["vtex_default"]["extra"]["account"] == "sandboxshop", (
        "the connections of the file must not change"
    )


def test_ports__are_zero_for_airflows_test_button() -> None:
    assert {fields["port"] for fields in sandbox_connections(SANDBOX).values()} == {0}
    for form in (VTEX, CONNECTIF):
        assert "port" not in form["ui-field-behaviour"]["hidden-fields"]


def test_environment__is_read_back_by_airflow() -> None:
    from airflow.models.connection import Connection  # noqa: PLC0415 - importing Airflow takes seconds

    connections = sandbox_connections(SANDBOX) | {
        "sync_state": store_connection(Path("/somewhere/state.db"), "a-key")
    }
    variables = as_environment(connections)
    assert set(variables) == {
        "AIRFLOW_CONN_VTEX_DEFAULT",
        "AIRFLOW_CONN_CONNECTIF_DEFAULT",
        "AIRFLOW_CONN_SYNC_STATE",
    }
    state = Connection.from_json(variables["AIRFLOW_CONN_SYNC_STATE"], conn_id="sync_state")
    assert (state.conn_type, state.host) == ("sqlite", "/somewhere/state.db")
    assert state.extra_dejson == {"hash_key": "a-key"}
