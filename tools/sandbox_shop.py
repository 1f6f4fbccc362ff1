"""The sandbox process, and Airflow's connections to it.

The connections are those of `airflow_settings.yaml`, with the sandbox's real addresses and the credentials
that it accepts. These credentials work only there, and sandbox/README.md shows them.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
import yaml

from include.settings import load_settings
from tools.processes import ProcessFailed, Service, deferring_signals, ignoring_signals, start, stop

ROOT = Path(__file__).resolve().parent.parent
VTEX_TOKEN = "sandbox-token"
CONNECTIF_SECRET = "sandbox-key-secret"
WEBHOOK_SECRET = "sandbox-webhook-secret"
"""The secrets of the first shop. Those of the shop `es` end with `-es`."""
READY_SECONDS = 60.0

JSON = dict[str, Any]


@dataclass(frozen=True)
class SandboxShop:
    """One shop of the sandbox: its base URLs and the ids of its keys, as the sandbox prints them.

    `name` is short, such as `es`; it is empty for the first shop, whose connections are the default ones.
    """

    name: str
    account: str
    shop_domain: str
    country: str
    currency: str
    time_zone: str
    vtex: str
    connectif: str
    vtex_key: str
    connectif_key: str

    @property
    def vtex_token(self) -> str:
        return self._own(VTEX_TOKEN)

    @property
    def connectif_secret(self) -> str:
        return self._own(CONNECTIF_SECRET)

    @property
    def webhook_secret(self) -> str:
        return self._own(WEBHOOK_SECRET)

    @property
    def connectif_control(self) -> str:
        """The address of the sandbox's own routes for this account of Connectif. VTEX's are below `vtex`."""
        return f"{self.connectif}/{self.account}/_sandbox"

    def connection_id(self, kind: str) -> str:
        """`vtex_default` of the first shop, `vtex_es` of the shop `es`."""
        return f"{kind}_{self.name or 'default'}"

    def receiver(self, airflow: str) -> str:
        """The address of the newsletter receiver of an Airflow for this shop's callbacks."""
        place = f"{airflow}/connectif/{self.name}" if self.name else f"{airflow}/connectif"
        return f"{place}/newsletter/{self.webhook_secret}"

    def _own(self, secret: str) -> str:
        return f"{secret}-{self.name}" if self.name else secret


@dataclass(frozen=True)
class Sandbox:
    """The running sandbox: its shops, and the last day that a sync can read."""

    service: Service
    shops: tuple[SandboxShop, ...]
    last_day: date

    @property
    def first(self) -> SandboxShop:
        return self.shops[0]

    @property
    def vtex(self) -> str:
        """VTEX's base URL of the first shop."""
        return self.first.vtex

    @property
    def connectif(self) -> str:
        """Connectif's base URL; all shops have the same."""
        return self.first.connectif


@contextmanager
def running_sandbox(
    logs: Path,
    *,
    vtex_port: int = 0,
    connectif_port: int = 0,
    options: tuple[str, ...] = (),
    ready_seconds: float = READY_SECONDS,
) -> Iterator[Sandbox]:
    """Start `python -m sandbox` (port 0: a free one), yield it when it is ready, and stop it at the end.

    `options` are further flags, such as `("--shops", "3")`.
    """
    ports = ("--vtex-port", str(vtex_port), "--connectif-port", str(connectif_port))
    command = (sys.executable, "-m", "sandbox", *ports, *options)
    services: list[Service] = []
    try:
        with deferring_signals():
            services.append(
                start("sandbox", command, environment=os.environ, cwd=ROOT, log=logs / "sandbox.log")
            )
        (service,) = services
        shops = _ready_line(service, ready_seconds)["shops"]
        yield Sandbox(
            service, tuple(SandboxShop(**shop) for shop in shops), last_complete_day(datetime.now(UTC))
        )
    finally:
        with ignoring_signals():
            stop(services)


def last_complete_day(now: datetime) -> date:
    """The last complete day (UTC) in VTEX's list of orders. Soon after midnight it is the day before
    yesterday.
    """
    lag = timedelta(minutes=load_settings().purchases.index_lag_minutes)
    return (now - lag).date() - timedelta(days=1)


def _ready_line(service: Service, within_seconds: float) -> JSON:
    deadline = time.monotonic() + within_seconds
    while time.monotonic() < deadline:
        service.check()
        for line in service.log.read_text(errors="replace").splitlines():
            if line.startswith('{"ready"'):
                return dict(json.loads(line))
        time.sleep(0.1)
    raise ProcessFailed(f"the sandbox was not ready within {within_seconds:.0f} s; see {service.log}")


def settings_connections(path: Path = ROOT / "airflow_settings.yaml") -> dict[str, JSON]:
    """The connections of `airflow_settings.yaml` by id, as the JSON of an `AIRFLOW_CONN_…` variable."""
    rows = yaml.safe_load(path.read_text())["airflow"]["connections"]
    return {row["conn_id"]: _without_blanks(row) for row in rows}


def _without_blanks(row: Mapping[str, Any]) -> JSON:
    plain = {
        key.removeprefix("conn_"): value for key, value in row.items() if key not in {"conn_id", "conn_type"}
    }
    return {"conn_type": row["conn_type"]} | {key: value for key, value in plain.items() if value is not None}


def sandbox_connections(sandbox: Sandbox) -> dict[str, JSON]:
    """The connections of every shop of the running sandbox, with credentials.

    `vtex_default` and `connectif_default` lead to the first shop, `vtex_es` and `connectif_es` to the shop
    `es`.
    """
    return {conn_id: fields for shop in sandbox.shops for conn_id, fields in _connections_of(shop).items()}


def _connections_of(shop: SandboxShop) -> dict[str, JSON]:
    given = settings_connections()
    vtex, connectif = given["vtex_default"], given["connectif_default"]
    about = {"account": shop.account, "shop_domain": shop.shop_domain, "country": shop.country}
    return {
        shop.connection_id("vtex"): vtex
        | {
            "host": shop.vtex,
            "login": shop.vtex_key,
            "password": shop.vtex_token,
            "extra": vtex["extra"] | about,
        },
        shop.connection_id("connectif"): connectif
        | {
            "host": shop.connectif,
            "login": shop.connectif_key,
            "password": shop.connectif_secret,
            "extra": {"webhook_secret": shop.webhook_secret},
        },
    }


def register_callbacks(shop: SandboxShop, airflow: str) -> None:
    """Let the shop's simulated Connectif call the newsletter receiver of this Airflow, as a shop does it."""
    receiver = shop.receiver(airflow)
    urls = {"subscribe": "subscribe", "cancellation": "unsubscribe", "bounce": "bounce"}
    with requests.Session() as session:
        session.trust_env = False
        session.post(
            f"{shop.connectif_control}/callbacks",
            json={kind: f"{receiver}/{path}" for kind, path in urls.items()},
            timeout=30,
        ).raise_for_status()


def store_connection(database: Path, hash_key: str) -> JSON:
    """`sync_state` on a SQLite file: `host` is its path, and the extra holds the key of the e-mail hashes."""
    return {"conn_type": "sqlite", "host": str(database), "extra": {"hash_key": hash_key}}


def as_environment(connections: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The `AIRFLOW_CONN_…` variables of these connections."""
    return {f"AIRFLOW_CONN_{conn_id.upper()}": json.dumps(fields) for conn_id, fields in connections.items()}
