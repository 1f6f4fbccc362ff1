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
ALONE, ALONE_PAUSE = 20, 6.0
WARM_UP = 3
GIVE_UP_SECONDS = 60.0


@dataclass(frozen=True)
class Latencies:
    """Seconds from the change at Connectif to the changed document at VTEX, on one database.

    `pause`: seconds between a change in VTEX and the next callback.
    """

    database: str
    seconds: list[float]
    pause: float = 0.0

    @property
    def p50(self) -> float:
        """Half of the changes are faster."""
        return statistics.median(self.seconds)

    @property
    def p95(self) -> float:
        """95 % of the changes are faster."""
        return statistics.quantiles(self.seconds, n=20)[-1]

    def line(self) -> str:
        """The figures as one line."""
        how = f"{self.pause:g} s apart" if self.pause else "in a row"
        return (
            f"newsletter, Connectif to VTEX, Airflow on {self.database}: p50 {self.p50:.2f} s, "
            f"p95 {self.p95:.2f} s, worst {max(self.seconds):.2f} s ({len(self.seconds)} callbacks {how})"
        )


def unsubscribe_in_sequence(airflow: str, sandbox: Sandbox, number: int, pause: float = 0.0) -> list[float]:
    """Unsubscribe this number of people at Connectif, each after the change before reached VTEX.

    With a `pause` that is longer than a run waits for more events, each needs a run of its own.
    """
    register_callbacks(sandbox.first, airflow)
    with requests.Session() as session:
        session.trust_env = False
        seconds, name = [], f"latency-{int(time.time())}"
        for n in range(number + WARM_UP):
            time.sleep(pause)
            person = {"id": f"{name}-{n}", "email": f"{name}-{n}@example.com"}
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
