"""Reads the two connections of a shop as accounts.

This is not in the hooks because their imports would slow a newsletter run down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.connectif.client import DEFAULT_HOST, ConnectifAccount
from include.errors import ConfigurationError
from include.shops import DEFAULT, ConfiguredShop, load_shops
from include.state import Shop
from include.vtex.client import VtexAccount
from plugins.hooks.airflow_connections import connectif_connection, vtex_connection
from plugins.hooks.connection_fields import base_url, domain, id_of, require, text
from plugins.hooks.http_extras import http_options
from plugins.hooks.log_masks import mask

if TYPE_CHECKING:
    from airflow.sdk import Connection


VTEX_EXTRAS = ("account", "shop_domain", "sales_channel", "country")
CONNECTIF_EXTRAS = ("webhook_secret", "webhook_secret_previous", "checksum_key")


def vtex_account(connection: Connection) -> VtexAccount:
    """Read and check the fields of a VTEX connection. Key and token are masked in all logs."""
    account = text(connection, "account")
    if not account and not connection.host:
        account = require(connection, "account", "the shop's account name in VTEX, e.g. myshop")
    app_key = require(connection, "login", "the App key")
    app_token = require(connection, "password", "the App token of that key")
    mask([app_key, app_token])
    return VtexAccount(
        account=account,
        app_key=app_key,
        app_token=app_token,
        base_url=base_url(connection),
        shop_domain=domain(connection, "shop_domain"),
        sales_channel=text(connection, "sales_channel") or "1",
        country=(text(connection, "country") or "BR").upper(),
        connection=id_of(connection),
        http=http_options(connection, VTEX_EXTRAS),
    )


def connectif_account(connection: Connection) -> ConnectifAccount:
    """Read and check the fields of a Connectif connection. The secret of the key is masked in all logs."""
    key_id = require(connection, "login", "the id of a server API key")
    key_secret = require(connection, "password", "the secret of that key")
    mask([key_secret, f"{key_id}:{key_secret}"])
    return ConnectifAccount(
        key_id=key_id,
        key_secret=key_secret,
        base_url=base_url(connection) or DEFAULT_HOST,
        connection=id_of(connection),
        http=http_options(connection, CONNECTIF_EXTRAS),
    )


def shop_of(vtex: VtexAccount, connectif: ConnectifAccount, section: str = "") -> Shop:
    """The shop that staged files and rows of the state store belong to.

    Its name is its section in the settings, or the VTEX account. ConfigurationError if the VTEX account of
    the shop without a section is the name of another shop: both would share their memory.
    """
    shops = load_shops()
    if not section and vtex.account in {*shops.problems, *(shop.section for shop in shops if shop.section)}:
        raise ConfigurationError(
            f"settings: the shop of {vtex.connection} is called {vtex.account}, like its VTEX account, and "
            f"so is [shops.{vtex.account}]. Rename that section, or set shops.default_shop to false"
        )
    return Shop(
        vtex_account=vtex.account,
        vtex_host=vtex.url,
        connectif_host=connectif.base_url,
        connectif_key_id=connectif.key_id,
        name=section,
    )


def shop_of_connections(configured: ConfiguredShop | None = None) -> Shop:
    """The shop that its connections define; ConfigurationError if one is missing or wrong.

    By default it is the shop without a section.
    """
    shop = configured or load_shops().get(DEFAULT)
    vtex = vtex_account(vtex_connection(shop.vtex_connection))
    connectif = connectif_account(connectif_connection(shop.connectif_connection))
    return shop_of(vtex, connectif, shop.section)
