"""How long a newsletter wish takes from Connectif to VTEX on a real Airflow, one callback after the other."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import requests
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from tools.local_stack import LocalStack, StackSettings
from tools.sandbox_shop import WEBHOOK_SECRET, Sandbox, running_sandbox, sandbox_connections

DAG_ID = "update_newsletter"
CALLBACKS = 50
WARM_UP = 3
GIVE_UP_SECONDS = 60.0
POSTGRES = "SYNC_TEST_POSTGRES_URL"
"""A PostgreSQL server where a database may be made and dropped; the tests use the same variable."""


@dataclass(frozen=True)
class Latencies:
    """Seconds from the person's click at Connectif to the changed document at VTEX, on one database."""

    database: str
    seconds: list[float]

    def line(self) -> str:
        """For people."""
        p95 = statistics.quantiles(self.seconds, n=20)[-1]
        p50 = statistics.median(self.seconds)
        return (
            f"newsletter, Connectif to VTEX, Airflow on {self.database}: p50 {p50:.2f} s, "
            f"p95 {p95:.2f} s, worst {max(self.seconds):.2f} s ({len(self.seconds)} callbacks in a row)"
        )


def measured(say: Callable[[str], None]) -> Iterator[Latencies]:
    """Measure on SQLite and, where it can be reached, on PostgreSQL."""
    yield Latencies("SQLite", _on(None, say))
    with _a_database() as url:
        if url is None:
            say(f"no PostgreSQL: set {POSTGRES} to measure on it as well")
        else:
            yield Latencies("PostgreSQL", _on(url, say))


def _on(database_url: str | None, say: Callable[[str], None]) -> list[float]:
    with tempfile.TemporaryDirectory(prefix="latency-") as folder:
        home = Path(folder)
        with running_sandbox(home / "sandbox") as sandbox:
            settings = StackSettings(
                home=home, connections=sandbox_connections(sandbox), database_url=database_url,
                dag_ids=frozenset({DAG_ID}),
            )  # fmt: skip
            with LocalStack(settings, say) as stack:
                stack.rest.unpause(DAG_ID)
                return in_a_row(stack.url, sandbox, CALLBACKS)


def in_a_row(airflow: str, sandbox: Sandbox, number: int) -> list[float]:
    """Have so many people unsubscribe at Connectif, each after the one before has reached VTEX."""
    callbacks = f"{airflow}/connectif/newsletter/{WEBHOOK_SECRET}"
    urls = {"subscribe": f"{callbacks}/subscribe", "cancellation": f"{callbacks}/unsubscribe"}
    with requests.Session() as session:
        session.trust_env = False
        _post(session, f"{sandbox.connectif}/_sandbox/callbacks", urls)
        seconds = []
        for n in range(number + WARM_UP):
            person = {"id": f"latency-{n}", "email": f"latency-{n}@example.com"}
            seconds.append(_one(session, sandbox, person))
    return seconds[WARM_UP:]


def _one(session: requests.Session, sandbox: Sandbox, person: dict[str, str]) -> float:
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
    raise TimeoutError(f"a wish was not in VTEX after {GIVE_UP_SECONDS:.0f} s")


def _post(session: requests.Session, url: str, body: Any) -> None:
    session.post(url, json=body, timeout=10).raise_for_status()


class _a_database:  # noqa: N801 - used like a function
    """A context: the URL of a database made for this and dropped afterwards; None without a server."""

    def __init__(self) -> None:
        url = os.environ.get(POSTGRES) or "postgresql://postgres@127.0.0.1:5432/postgres"
        self._server = sa.create_engine(
            sa.make_url(url).set(drivername="postgresql+psycopg2"),
            isolation_level="AUTOCOMMIT",
            connect_args={"connect_timeout": 3},
        )
        self._name = f"latency_{os.getpid()}"

    def __enter__(self) -> str | None:
        try:
            with self._server.connect() as connection:
                connection.execute(sa.text(f"CREATE DATABASE {self._name}"))
        except OperationalError:
            return None
        return self._server.url.set(database=self._name).render_as_string(hide_password=False)

    def __exit__(self, *_: object) -> None:
        try:
            with self._server.connect() as connection:
                connection.execute(sa.text(f"DROP DATABASE IF EXISTS {self._name} WITH (FORCE)"))
        except OperationalError:
            pass
        self._server.dispose()
