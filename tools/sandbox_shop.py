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
READY_SECONDS = 60.0

JSON = dict[str, Any]


@dataclass(frozen=True)
class Sandbox:
    """The running sandbox: both base URLs, the VTEX account, and the last day that a sync can read."""

    service: Service
    vtex: str
    connectif: str
    account: str
    shop_domain: str
    last_day: date


@contextmanager
def running_sandbox(
    logs: Path,
    *,
    vtex_port: int = 0,
    connectif_port: int = 0,
    options: tuple[str, ...] = (),
    ready_seconds: float = READY_SECONDS,
) -> Iterator[Sandbox]:
    """Start `python -m sandbox` (port 0: a free one), yield it when it is ready, and stop it at the end."""
    ports = ("--vtex-port", str(vtex_port), "--connectif-port", str(connectif_port))
    command = (sys.executable, "-m", "sandbox", *ports, *options)
    services: list[Service] = []
    try:
        with deferring_signals():
            services.append(
                start("sandbox", command, environment=os.environ, cwd=ROOT, log=logs / "sandbox.log")
            )
        (service,) = services
        ready = _ready_line(service, ready_seconds)
        named = {key: str(ready[key]) for key in ("vtex", "connectif", "account", "shop_domain")}
        yield Sandbox(service, **named, last_day=last_complete_day(datetime.now(UTC)))
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
    """`vtex_default` and `connectif_default` of the running sandbox, with credentials."""
    given = settings_connections()
    vtex, connectif = given["vtex_default"], given["connectif_default"]
    shop = {"account": sandbox.account, "shop_domain": sandbox.shop_domain}
    return {
        "vtex_default": vtex | {"host": sandbox.vtex, "password": VTEX_TOKEN, "extra": vtex["extra"] | shop},
        "connectif_default": connectif
        | {
            "host": sandbox.connectif,
            "password": CONNECTIF_SECRET,
            "extra": {"webhook_secret": WEBHOOK_SECRET},
        },
    }


def register_callbacks(sandbox: Sandbox, airflow: str) -> None:
    """Let the simulated Connectif call the newsletter receiver of this Airflow, as a shop sets it up."""
    receiver = f"{airflow}/connectif/newsletter/{WEBHOOK_SECRET}"
    urls = {"subscribe": "subscribe", "cancellation": "unsubscribe", "bounce": "bounce"}
    with requests.Session() as session:
        session.trust_env = False
        session.post(
            f"{sandbox.connectif}/_sandbox/callbacks",
            json={kind: f"{receiver}/{path}" for kind, path in urls.items()},
            timeout=30,
        ).raise_for_status()


def store_connection(database: Path, hash_key: str) -> JSON:
    """`sync_state` on a SQLite file: `host` is its path, and the extra holds the key of the e-mail hashes."""
    return {"conn_type": "sqlite", "host": str(database), "extra": {"hash_key": hash_key}}


def as_environment(connections: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The `AIRFLOW_CONN_…` variables of these connections."""
    return {f"AIRFLOW_CONN_{conn_id.upper()}": json.dumps(fields) for conn_id, fields in connections.items()}
