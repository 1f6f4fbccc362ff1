"""Connections become clients: fields are checked, secrets masked, the session is made once."""

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
    """Sets both connections, with the changes that a test gives."""

    def _set(vtex: dict[str, Any] | None = None, connectif: dict[str, Any] | None = None) -> None:
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

    return _set


def test_test_button__is_content_with_a_good_connection(connect: Connect) -> None:
    connect()
    assert VtexHook().test_connection() == (True, "VTEX answers, and the key may read customers")
    assert ConnectifHook().test_connection() == (True, "Connectif answers, and the key may read imports")


@pytest.mark.parametrize(
    ("vtex", "says"),
    [
        ({"login": ""}, "login is empty. Fill in the App key"),
        ({"password": ""}, "password is empty. Fill in the App token"),
        ({"host": "", "extra": {}}, "account is empty. Fill in the shop's account name"),
        ({"host": "127.0.0.1:1"}, "the host is no URL"),
        ({"host": "http://nothing.invalid"}, "There is no host nothing.invalid"),
        ({"password": "wrong"}, "HTTP 401. The key or its secret is wrong"),
        ({"extra": {"account": "x", "shop_domain": "my shop"}}, "shop_domain is no domain"),
    ],
)
def test_test_button__names_what_is_wrong_with_vtex(
    connect: Connect, vtex: dict[str, Any], says: str
) -> None:
    connect(vtex=vtex)
    good, message = VtexHook().test_connection()
    assert not good
    assert says in message
    assert APP_TOKEN not in message


@pytest.mark.parametrize(
    ("connectif", "says"),
    [
        ({"login": ""}, "login is empty. Fill in the id of an API key"),
        ({"password": ""}, "password is empty. Fill in the secret"),
        ({"password": "wrong"}, "HTTP 401. The key or its secret is wrong"),
        ({"host": "https://nothing.invalid"}, "There is no host nothing.invalid"),
    ],
)
def test_test_button__names_what_is_wrong_with_connectif(
    connect: Connect, connectif: dict[str, Any], says: str
) -> None:
    connect(connectif=connectif)
    good, message = ConnectifHook().test_connection()
    assert not good
    assert says in message
    assert KEY_SECRET not in message


def test_test_button__names_the_missing_right(connect: Connect, shop: SimulatedShop) -> None:
    shop.on_vtex("POST", "keys", {"id": "poor", "secret": "poor-token", "rights": []})
    connect(vtex={"login": "poor", "password": "poor-token"})
    good, message = VtexHook().test_connection()
    assert (good, "Dynamic Storage / Read only documents" in message) == (False, True)


def test_hook__looks_its_connection_up_once(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    connect()
    asked: list[str] = []
    original = BaseHook.get_connection

    def counted(conn_id: str) -> Any:
        asked.append(conn_id)
        return original(conn_id)

    monkeypatch.setattr(BaseHook, "get_connection", staticmethod(counted))
    hook = VtexHook()
    for _ in range(3):
        hook.client.check()
        hook.get_conn()
    assert asked == ["vtex_default"]


def test_hook__runs_what_http_hook_runs_on_the_same_session(connect: Connect) -> None:
    connect()
    hook = VtexHook()
    answer = hook.run("api/catalog_system/pvt/saleschannel/list")
    assert answer.status_code == 200
    assert hook.get_conn() is hook.client.transport.session


def test_account__a_shop_domain_may_be_typed_as_a_url(connect: Connect) -> None:
    connect()
    assert VtexHook().client.account.shop_domain == "www.sandbox-shop.example"


def test_account__no_secret_in_its_repr(connect: Connect) -> None:
    connect()
    assert APP_TOKEN not in repr(VtexHook().client.account)
    assert KEY_SECRET not in repr(ConnectifHook().client.account)


def test_client__a_missing_field_stops_before_anything_is_called(connect: Connect) -> None:
    connect(vtex={"login": ""})
    with pytest.raises(ConfigurationError, match="Connection vtex_default: login is empty"):
        _ = VtexHook().client
