"""Links to VTEX's admin: only for real accounts, and for records that have a page there."""

from __future__ import annotations

import pytest

from include.outcomes import Kind
from include.page.vtex_admin import admin_link
from include.state import Shop


def shop(host: str) -> Shop:
    return Shop("any", host, "https://api.connectif.cloud", "key")


REAL = shop("https://my-shop.vtexcommercestable.com.br")


def test_link__leads_to_orders_and_products() -> None:
    assert admin_link(REAL, Kind.ORDER, "1339-01") == "https://my-shop.myvtex.com/admin/orders/1339-01"
    assert admin_link(REAL, Kind.PRODUCT, "35") == "https://my-shop.myvtex.com/admin/products/35"
    assert admin_link(REAL, Kind.CUSTOMER, "0af3") is None


def test_link__of_skus_exists_only_if_the_key_names_the_product() -> None:
    assert admin_link(REAL, Kind.PRODUCT, "35", keys_are_products=False) is None
    link = admin_link(REAL, Kind.PRODUCT, "product-35", keys_are_products=False)
    assert link == "https://my-shop.myvtex.com/admin/products/35"


@pytest.mark.parametrize(
    "host",
    [
        "http://127.0.0.1:8101",
        "https://vtex.invalid",
        "https://vtexcommercestable.com.br",
        "https://shop.vtexcommercestable.com.br.example.com",
        "https://a.b.myvtex.com",
        "",
    ],
)
def test_link__needs_a_real_host_of_vtex(host: str) -> None:
    assert admin_link(shop(host), Kind.ORDER, "1339-01") is None


@pytest.mark.parametrize("key", ["..", "../x", "a/../b", "%2e%2e", "a b", "", "<b>"])
def test_link__stays_below_its_path(key: str) -> None:
    link = admin_link(REAL, Kind.ORDER, key)
    assert link is None or link == "https://my-shop.myvtex.com/admin/orders/%3Cb%3E"
    assert admin_link(REAL, Kind.PRODUCT, key) is None
