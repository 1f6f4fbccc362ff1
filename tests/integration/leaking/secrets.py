"""Connections with canary secrets: one in the environment, one in Airflow's database."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

IN_ENVIRONMENT: dict[str, dict[str, Any]] = {
    "connectif_default": {
        "conn_type": "connectif",
        "login": "id-of-a-key",
        "password": "canary-of-connectif",
        "extra": {
            "webhook_secret": "canary/of/the?webhook",
            "webhook_secret_previous": "canary-of-the-previous-webhook",
            "checksum_key": "canary-of-the-checksum",
            "proxies": {"https": "http://user:canary-of-the-proxy@127.0.0.1:9"},
        },
    }
}
IN_DATABASE: dict[str, dict[str, Any]] = {
    "vtex_default": {
        "conn_type": "vtex",
        "login": "canary-of-the-app-key",
        "password": 'canary-of-"the"-app-token',
        "extra": {"account": "shop", "shop_domain": "www.shop.example"},
    }
}
SECRETS = (
    *("canary-of-connectif", "canary/of/the?webhook", "canary-of-the-previous-webhook"),
    *("canary-of-the-checksum", "canary-of-the-proxy", "canary-of-the-app-key", 'canary-of-"the"-app-token'),
)


def put_in_database() -> None:
    """Save the connections as Airflow's CLI and its API do."""
    from airflow.models.connection import Connection  # noqa: PLC0415 - only in an Airflow process
    from airflow.utils.session import create_session  # noqa: PLC0415 - as above

    with create_session() as session:
        for conn_id, fields in IN_DATABASE.items():
            session.add(Connection.from_json(json.dumps(fields), conn_id=conn_id))


def texts() -> dict[str, str]:
    """Texts that an error could quote: the secrets and Airflow's keys, the secrets in URLs and in JSON."""
    from urllib.parse import quote  # noqa: PLC0415 - next to its only use

    keys = [os.environ["AIRFLOW__CORE__FERNET_KEY"], os.environ["AIRFLOW__API_AUTH__JWT_SECRET"]]
    plain = " ".join([*SECRETS, *keys])
    return {
        "plain": plain,
        "address": " ".join(f"https://x.example/{quote(one, safe='')}/subscribe" for one in SECRETS),
        "json": json.dumps({"secrets": SECRETS}),
    }


if __name__ == "__main__":
    put_in_database()
    sys.exit(0)
