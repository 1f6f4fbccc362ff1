"""Reads the accounts of all shops, to check what a shop shares with the others."""

from __future__ import annotations

from collections.abc import Iterator

from include.doctor.check import Line, warning
from include.doctor.other_shops import ShopFacts, check_other_shops
from include.errors import SyncError
from include.shops import ConfiguredShop, load_shops
from include.state.shops import ShopTable
from plugins.hooks.accounts import shop_of_connections
from plugins.hooks.airflow_connections import state_connection
from plugins.hooks.state_store import database_url, open_state
from plugins.web.newsletter_keys import read_keys


def check_shared_accounts(configured: ConfiguredShop) -> Iterator[Line]:
    """Yield the lines about other shops; none for a shop that is alone. Other shops' own mistakes are left
    out: their own checks name them."""
    shops = load_shops()
    if not shops.are_several or (own := _facts_of(configured)) is None:
        return
    others = [_facts_of(shop) for shop in shops if shop.key != configured.key]
    yield from check_other_shops(own, [other for other in others if other is not None])
    yield from _check_forgotten(
        {own.shop.name, *(other.shop.name for other in others if other), *shops.problems}
    )


def _facts_of(configured: ConfiguredShop) -> ShopFacts | None:
    """None if the shop's connections or its state cannot be read."""
    try:
        with open_state(shop_of_connections(configured), any_account=True) as state:
            shop = state.shop
    except SyncError:
        return None
    try:
        secrets = read_keys(configured.connectif_connection).secrets
    except SyncError:
        secrets = ()
    return ShopFacts(configured.key, shop, configured.settings, secrets)


def _check_forgotten(names: set[str]) -> Iterator[Line]:
    """The state store may hold shops that no setting names any more, with data of their customers."""
    known = (shop.name for shop in ShopTable(database_url(state_connection())).all())
    if unnamed := [name for name in known if name not in names]:
        yield warning(
            "state store",
            f"no settings name its shops {', '.join(unnamed)}, or their connections cannot be read",
            "If a shop is gone, remove what is kept about it: python -m plugins.state forget <shop>",
        )
