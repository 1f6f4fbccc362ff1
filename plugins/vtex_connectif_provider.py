"""The connection types `vtex` and `connectif`: their forms in Airflow's UI, and the hooks behind them.

Airflow shows a form only for a type that a distribution announces under the entry point
`apache_airflow_provider`. The folder `vtex_connectif_provider-1.0.0.dist-info` beside this file makes this
module such a distribution without an install step, as long as `plugins/` is on PYTHONPATH (on `sys.path`
later is too late: Airflow reads the entry points before it adds its plugins folder).
"""

from __future__ import annotations

from typing import Any

TEXT = {"type": ["string", "null"]}
PORT = "write 0: with an empty port Airflow's Test button says Bad Request"
"""0 stands for no port; another one counts beside a host.

The UI of Airflow 3.3.2 tests a connection with port 0 where none is saved, and the API takes that for another
destination (github.com/apache/airflow/pull/73298, merged after 3.3.2; seen here 2026-11-23). When a release
has it, an empty field will do.
"""
SECRET = {"type": ["string", "null"], "format": "password"}


def get_provider_info() -> dict[str, Any]:
    """What Airflow's provider manager asks for; `package-name` must equal the name in METADATA."""
    return {
        "package-name": "vtex-connectif-provider",
        "name": "VTEX and Connectif",
        "description": "Connections of the VTEX to Connectif sync",
        "connection-types": [VTEX, CONNECTIF],
    }


def _field(label: str, help_text: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"label": label, "description": help_text, "schema": schema}


VTEX = {
    "connection-type": "vtex",
    "hook-class-name": "plugins.hooks.vtex_hook.VtexHook",
    "hook-name": "VTEX",
    "ui-field-behaviour": {
        "hidden-fields": ["schema"],
        "relabeling": {"host": "Base URL", "login": "API Key", "password": "API Secret"},
        "placeholders": {
            "host": "empty: https://{account}.vtexcommercestable.com.br",
            "port": PORT,
            "login": "vtexappkey-myshop-ABCDEF (App key)",
            "password": "the App token of that key",
        },
    },
    "conn-fields": {
        "account": _field("Account", "Account name in VTEX, e.g. myshop", TEXT | {"maxLength": 100}),
        "shop_domain": _field(
            "Shop domain",
            "Public domain of the shop, for links to products: www.myshop.com, without https://",
            TEXT,
        ),
        "sales_channel": _field(
            "Sales channel",
            "Trade policy whose prices and stock are sent",
            TEXT | {"default": "1", "pattern": "^[0-9]+$"},
        ),
        "country": _field(
            "Country",
            "Two letters; phone numbers without a country prefix belong to it",
            TEXT | {"default": "BR", "pattern": "^[A-Z]{2}$"},
        ),
    },
}

CONNECTIF = {
    "connection-type": "connectif",
    "hook-class-name": "plugins.hooks.connectif_hook.ConnectifHook",
    "hook-name": "Connectif",
    "ui-field-behaviour": {
        "hidden-fields": ["schema"],
        "relabeling": {"host": "Base URL", "login": "API key id", "password": "API key secret"},
        "placeholders": {
            "host": "empty: https://api.connectif.cloud",
            "port": PORT,
            "login": "id of a server API key of the store",
            "password": "secret of that key",
        },
    },
    "conn-fields": {
        "webhook_secret": _field(
            "Webhook secret",
            "Long random word in the newsletter callback's address; only Connectif knows it",
            SECRET,
        ),
        "webhook_secret_previous": _field(
            "Previous webhook secret",
            "Still accepted while the address is being changed at Connectif",
            SECRET,
        ),
        "checksum_key": _field(
            "Checksum key", "Secret of the callback's checksum, when it is switched on at Connectif", SECRET
        ),
    },
}
