"""Measures the newsletter on a real Airflow, with SQLite and with PostgreSQL: latency, a burst, a flow."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from include.pipelines import NEWSLETTER
from tools.bench.burst import Burst, unsubscribe_at_once
from tools.bench.flow import Flow, steady_flow
from tools.bench.latency import ALONE, ALONE_PAUSE, CALLBACKS, Latencies, unsubscribe_in_sequence
from tools.local_stack import LocalStack, StackSettings
from tools.sandbox_shop import Sandbox, running_sandbox, sandbox_connections

POSTGRES = "SYNC_TEST_POSTGRES_URL"
"""A PostgreSQL server on which a database may be created and dropped. The tests use the same variable."""
MASTER_DATA_LIMITS = (0, 1_000)
Figure = TypeVar("Figure", Latencies | Burst, Flow)


def measure_newsletter(say: Callable[[str], None]) -> Iterator[Latencies | Burst]:
    """Measure latency and bursts on SQLite and, if it is reachable, on PostgreSQL."""

    def measure(database: str, stack: LocalStack, sandbox: Sandbox) -> Iterator[Latencies | Burst]:
        yield Latencies(database, unsubscribe_in_sequence(stack.url, sandbox, CALLBACKS))
        alone = unsubscribe_in_sequence(stack.url, sandbox, ALONE, ALONE_PAUSE)
        yield Latencies(database, alone, ALONE_PAUSE)
        for limit in MASTER_DATA_LIMITS:
            yield unsubscribe_at_once(stack.rest, sandbox, database=database, calls_a_minute=limit)

    yield from _on_each_database(measure, say)


def measure_flow(minutes: float, say: Callable[[str], None]) -> Iterator[Flow]:
    """Measure a steady flow on SQLite and, if it is reachable, on PostgreSQL."""

    def measure(database: str, stack: LocalStack, sandbox: Sandbox) -> Iterator[Flow]:
        yield steady_flow(stack.rest, sandbox, database=database, seconds=60 * minutes, say=say)

    yield from _on_each_database(measure, say)


def _on_each_database(
    measure: Callable[[str, LocalStack, Sandbox], Iterator[Figure]], say: Callable[[str], None]
) -> Iterator[Figure]:
    yield from _measure_on("SQLite", None, measure, say)
    with _temporary_database() as url:
        if url is None:
            say(f"no PostgreSQL: set {POSTGRES} to measure on it too")
        else:
            yield from _measure_on("PostgreSQL", url, measure, say)


def _measure_on(
    database: str,
    url: str | None,
    measure: Callable[[str, LocalStack, Sandbox], Iterator[Figure]],
    say: Callable[[str], None],
) -> Iterator[Figure]:
    say(f"newsletter on a real Airflow with {database} …")
    with tempfile.TemporaryDirectory(prefix="realtime-") as folder:
        home = Path(folder)
        with running_sandbox(home / "sandbox") as sandbox:
            settings = StackSettings(
                home=home, connections=sandbox_connections(sandbox), database_url=url,
                dag_ids=frozenset({NEWSLETTER.dag_id}),
            )  # fmt: skip
            with LocalStack(settings) as stack:
                stack.rest.unpause(NEWSLETTER.dag_id)
                yield from measure(database, stack, sandbox)


class _temporary_database:  # noqa: N801 - used like a function
    """A context with the URL of a new database, which is dropped afterwards. None without a server."""

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
