"""Hooks create clients from connections: fields are checked, secrets are masked, one session is used."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from airflow.sdk import BaseHook

from include.errors import ConfigurationError
from plugins.hooks.connectif_hook import ConnectifHook
from plugins.hooks.vtex_hook import VtexHook
from sandbox.shop import Sizes
from tests.builders import APP_KEY, APP_TOKEN, KEY_ID, KEY_SECRET, SimulatedShop, simulated_shop

Connect = Any


@pytest.fixture(scope="module")
def shop() -> Iterator[SimulatedShop]:
    with simulated_shop(Sizes(contacts=20, products=5, orders_per_day=2, days=2)) as shop:
        yield shop


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch, shop: SimulatedShop) -> Connect:
    """Set both connections, with the changes of a test."""

    def set_connections(vtex: dict[str, Any] | None = None, connectif: dict[str, Any] | None = None) -> None:
        first = {
            "conn_type": "vtex",
            "host": shop.vtex_url,
            "login": APP_KEY,
            "password": APP_TOKEN,
            "extra": {"account": "sandboxshop", "shop_domain": "https://www.sandbox-shop.example/"},
        }
        second = {
            "conn_type": "connectif",
            "host": shop.connectif_url,
            "login": KEY_ID,
            "password": KEY_SECRET,
        }
        monkeypatch.setenv("AIRFLOW_CONN_VTEX_DEFAULT", json.dumps(first | (vtex or {})))
        monkeypatch.setenv("AIRFLOW_CONN_CONNECTIF_DEFAULT", json.dumps(second | (connectif or {})))

    return set_connections


def test_test_button__accepts_a_valid_connection(connect: Connect) -> None:
    connect()
    assert VtexHook().test_connection() == (
        True,
        "Connection vtex_default: VTEX answers, and the key may read customers",
    )
    assert ConnectifHook().test_connection() == (
        True,
        "Connection connectif_default: Connectif answers, and the key may read imports",
    )


@pytest.mark.parametrize(
    ("vtex", "problem"),
    [
        ({"login": ""}, "API Key is empty. Fill in the App key"),
        ({"password": ""}, "API Secret is empty. Fill in the App token"),
        ({"host": "", "extra": {}}, "Account is empty. Fill in the shop's account name"),
        ({"host": "127.0.0.1:1"}, "Base URL is not a URL"),
        ({"host": "http://nothing.invalid"}, "There is no host nothing.invalid"),
        ({"password": "wrong"}, "HTTP 401. The key or its secret is wrong"),
        ({"extra": {"account": "x", "shop_domain": "my shop"}}, "Shop domain is not a domain"),
    ],
)
def test_test_button__names_the_problem_with_vtex(
    connect: Connect, vtex: dict[str, Any], problem: str
) -> None:
    connect(vtex=vtex)
    good, message = VtexHook().test_connection()
    assert not good
    assert problem in message
    assert message.count("Connection vtex_default: ") == 1
    assert APP_TOKEN not in message


@pytest.mark.parametrize(
    ("connectif", "problem"),
    [
        ({"login": ""}, "API key id is empty. Fill in the id"),
        ({"password": ""}, "API key secret is empty. Fill in the secret"),
        ({"password": "wrong"}, "HTTP 401. The key or its secret is wrong"),
        ({"host": "https://nothing.invalid"}, "There is no host nothing.invalid"),
    ],
)
def test_test_button__names_the_problem_with_connectif(
    connect: Connect, connectif: dict[str, Any], problem: str
) -> None:
    connect(connectif=connectif)
    good, message = ConnectifHook().test_connection()
    assert not good
    assert problem in message
    assert message.count("Connection connectif_default: ") == 1
    assert KEY_SECRET not in message


def test_test_button__names_the_missing_permission(connect: Connect, shop: SimulatedShop) -> None:
    shop.on_vtex("POST", "keys", {"id": "poor", "secret": "poor-token", "rights": []})
    connect(vtex={"login": "poor", "password": "poor-token"})
    good, message = VtexHook().test_connection()
    assert (good, "Dynamic Storage / Read only documents" in message) == (False, True)


def test_hook__looks_up_its_connection_once(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    connect()
    looked_up: list[str] = []
    original = BaseHook.get_connection

    def count_lookups(conn_id: str) -> Any:
        looked_up.append(conn_id)
        return original(conn_id)

    monkeypatch.setattr(BaseHook, "get_connection", staticmethod(count_lookups))
    hook = VtexHook()
    for _ in range(3):
        hook.client.check()
        hook.get_conn()
    assert looked_up == ["vtex_default"]


def test_hook__methods_of_http_hook_use_the_session_of_the_client(connect: Connect) -> None:
    connect()
    hook = VtexHook()
    answer = hook.run("api/catalog_system/pvt/saleschannel/list")
    assert answer.status_code == 200
    assert hook.get_conn() is hook.client.transport.session


def test_account__shop_domain_may_be_a_url(connect: Connect) -> None:
    connect()
    assert VtexHook().client.account.shop_domain == "www.sandbox-shop.example"


def test_account__repr_holds_no_secret(connect: Connect) -> None:
    connect()
    assert APP_TOKEN not in repr(VtexHook().client.account)
    assert KEY_SECRET not in repr(ConnectifHook().client.account)


def test_client__is_not_created_without_a_required_field(connect: Connect) -> None:
    connect(vtex={"login": ""})
    with pytest.raises(ConfigurationError, match="Connection vtex_default: API Key is empty"):
        _ = VtexHook().client
