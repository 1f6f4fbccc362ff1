"""The simulated shops, as tools and tests start them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from itertools import combinations
from urllib.parse import urlsplit

import pytest
import requests

from include.settings import load_settings
from include.vtex.client import VtexAccount, VtexClient
from tools.sandbox_shop import (
    Sandbox,
    last_complete_day,
    register_callbacks,
    running_sandbox,
    sandbox_connections,
)
from tools.shop_reads import ShopReads

AIRFLOW = "http://127.0.0.1:8080"
THREE = ("--shops", "3", "--contacts", "60", "--products", "20", "--orders-per-day", "20", "--days", "3")


@pytest.mark.parametrize(
    ("minute", "expected"),
    [(0, date(2026, 11, 24)), (9, date(2026, 11, 24)), (10, date(2026, 11, 25))],
)
def test_last_complete_day__is_a_day_that_a_run_reads_at_once(minute: int, expected: date) -> None:
    assert load_settings().purchases.index_lag_minutes == 10
    assert last_complete_day(datetime(2026, 11, 26, 0, minute, tzinfo=UTC)) == expected


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox"), options=THREE) as running:
        yield running


def test_shops__have_names_for_settings_and_connections(sandbox: Sandbox) -> None:
    assert [(shop.name, shop.country, shop.currency) for shop in sandbox.shops] == [
        ("", "BR", "BRL"),
        ("es", "ES", "EUR"),
        ("mx", "MX", "MXN"),
    ]
    assert list(sandbox_connections(sandbox)) == [
        "vtex_default",
        "connectif_default",
        "vtex_es",
        "connectif_es",
        "vtex_mx",
        "connectif_mx",
    ]


def test_connections__differ_in_account_keys_and_secrets(sandbox: Sandbox) -> None:
    connections = sandbox_connections(sandbox)
    for kind in ("vtex", "connectif"):
        own = [connections[f"{kind}_{name}"] for name in ("default", "es", "mx")]
        assert len({fields["login"] for fields in own}) == len({fields["password"] for fields in own}) == 3
    assert (
        len({connections[f"connectif_{n}"]["extra"]["webhook_secret"] for n in ("default", "es", "mx")}) == 3
    )
    spain = connections["vtex_es"]
    assert (spain["host"], spain["extra"]["account"], spain["extra"]["country"]) == (
        f"{sandbox.vtex}/sandboxspain",
        "sandboxspain",
        "ES",
    )


def test_vtex_client__reads_each_account_below_its_base_url(sandbox: Sandbox) -> None:
    """The account in the path, as in `https://api.vtex.com/{account}` of VTEX's documents."""
    channels = {}
    for shop in sandbox.shops:
        account = VtexAccount(shop.account, shop.vtex_key, shop.vtex_token, base_url=shop.vtex)
        channels[shop.name] = VtexClient(account).sales_channels()["1"]["CurrencyCode"]
    assert channels == {shop.name: shop.currency for shop in sandbox.shops}


def test_reads__see_the_records_of_one_shop(sandbox: Sandbox) -> None:
    found = []
    for shop in sandbox.shops:
        with closing(ShopReads(shop)) as reads:
            customer = reads.subscriber()
            assert reads.opt_in(customer["id"]) is True
            assert reads.state()["contacts"] > 0
            found.append({customer["id"], customer["email"], *reads.product_ids()})
    assert all(not one & two for one, two in combinations(found, 2))


def test_callbacks__of_a_named_shop_have_its_name_and_secret(sandbox: Sandbox) -> None:
    for shop in sandbox.shops:
        register_callbacks(shop, AIRFLOW)
    urls = [
        requests.get(f"{shop.connectif_control}/callbacks", timeout=10).json()["urls"]["subscribe"]
        for shop in sandbox.shops
    ]
    assert [urlsplit(url).path for url in urls] == [
        "/connectif/newsletter/sandbox-webhook-secret/subscribe",
        "/connectif/es/newsletter/sandbox-webhook-secret-es/subscribe",
        "/connectif/mx/newsletter/sandbox-webhook-secret-mx/subscribe",
    ]
