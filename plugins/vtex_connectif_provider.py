"""The connection types `vtex` and `connectif`: their forms in Airflow's UI, and the hooks behind them.

Airflow shows a form only for a connection type of an installed distribution with the entry point
`apache_airflow_provider`. The folder `vtex_connectif_provider-1.0.0.dist-info` next to this file makes this
module such a distribution without installation. It requires `plugins/` on PYTHONPATH: Airflow reads the entry
points before it adds its plugins folder to `sys.path`.
"""

from __future__ import annotations

from typing import Any

STANDARD_FIELDS = ("host", "schema", "login", "password", "port")
"""Fields of Airflow's own connection form."""
TEXT = {"type": ["string", "null"]}
PORT = "write 0: with an empty port Airflow's Test button shows Bad Request"
"""0 means no port. Another port needs a host.

The UI of Airflow 3.3.2 tests a connection without a saved port as port 0, and the API treats that as another
destination (github.com/apache/airflow/pull/73298, merged after 3.3.2; seen here 2026-11-23). A release with
this fix will accept an empty field.
"""
SECRET = {"type": ["string", "null"], "format": "password"}


def get_provider_info() -> dict[str, Any]:
    """The provider, for Airflow's provider manager; `package-name` must equal the name in METADATA."""
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
            "host": "empty means https://{account}.vtexcommercestable.com.br",
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
            "The trade policy whose prices and stock are sent",
            TEXT | {"default": "1", "pattern": "^[0-9]+$"},
        ),
        "country": _field(
            "Country",
            "Two letters; the country of phone numbers without a country code",
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
            "host": "empty means https://api.connectif.cloud",
            "port": PORT,
            "login": "id of a server API key of the store",
            "password": "secret of that key",
        },
    },
    "conn-fields": {
        "webhook_secret": _field(
            "Webhook secret",
            "A long random word in the address of the newsletter callback; share it only with Connectif",
            SECRET,
        ),
        "webhook_secret_previous": _field(
            "Previous webhook secret",
            "Still accepted while you change the address at Connectif",
            SECRET,
        ),
        "checksum_key": _field(
            "Checksum key", "Secret for the checksum of the callback, if Connectif sends one", SECRET
        ),
    },
}


def label_of(connection_type: str | None, field: str) -> str:
    """How the connection form calls a field: `API Secret` for the password of a VTEX connection.

    A key of the extra that has no field of its own is `the extra verify`.
    """
    form: Any = {"vtex": VTEX, "connectif": CONNECTIF}.get(connection_type or "", {})
    labels = dict(form.get("ui-field-behaviour", {}).get("relabeling", {}))
    labels |= {name: described["label"] for name, described in form.get("conn-fields", {}).items()}
    standard = field.capitalize() if field in STANDARD_FIELDS else f"the extra {field}"
    return str(labels.get(field, standard))
