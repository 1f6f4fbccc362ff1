"""Measures the latency of subscription changes from Connectif to VTEX, one callback after the other."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import requests

from tools.sandbox_shop import Sandbox, register_callbacks

CALLBACKS = 50
WARM_UP = 3
GIVE_UP_SECONDS = 60.0


@dataclass(frozen=True)
class Latencies:
    """Seconds from the change at Connectif to the changed document at VTEX, on one database."""

    database: str
    seconds: list[float]

    def line(self) -> str:
        """The figures as one line."""
        p95 = statistics.quantiles(self.seconds, n=20)[-1]
        p50 = statistics.median(self.seconds)
        return (
            f"newsletter, Connectif to VTEX, Airflow on {self.database}: p50 {p50:.2f} s, "
            f"p95 {p95:.2f} s, worst {max(self.seconds):.2f} s ({len(self.seconds)} callbacks in a row)"
        )


def unsubscribe_in_sequence(airflow: str, sandbox: Sandbox, number: int) -> list[float]:
    """Unsubscribe this number of people at Connectif, each after the change before reached VTEX."""
    register_callbacks(sandbox.first, airflow)
    with requests.Session() as session:
        session.trust_env = False
        seconds = []
        for n in range(number + WARM_UP):
            person = {"id": f"latency-{n}", "email": f"latency-{n}@example.com"}
            seconds.append(_unsubscribe(session, sandbox, person))
    return seconds[WARM_UP:]


def _unsubscribe(session: requests.Session, sandbox: Sandbox, person: dict[str, str]) -> float:
    document = f"{sandbox.vtex}/_sandbox/documents/{person['id']}"
    body = {"email": person["email"], "isNewsletterOptIn": True}
    session.put(document, json=body, timeout=10).raise_for_status()
    session.put(
        f"{sandbox.connectif}/_sandbox/contacts/{person['email']}", json={}, timeout=10
    ).raise_for_status()
    begun = time.time()
    _post(session, f"{sandbox.connectif}/_sandbox/unsubscribe", {"email": person["email"]})
    while time.time() < begun + GIVE_UP_SECONDS:
        found: dict[str, Any] = session.get(document, timeout=10).json()
        if found["isNewsletterOptIn"] is False:
            return datetime.fromisoformat(found["updatedIn"]).timestamp() - begun
        time.sleep(0.05)
    raise TimeoutError(f"a subscription change was not in VTEX after {GIVE_UP_SECONDS:.0f} s")


def _post(session: requests.Session, url: str, body: Any) -> None:
    session.post(url, json=body, timeout=10).raise_for_status()
