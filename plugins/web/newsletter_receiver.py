"""The receiver inside Airflow's api-server: its secrets are a connection's, its durable events are runs.

Runs are created by `airflow.api.common.trigger_dag`, which Airflow's own API uses too: no credentials are
needed, and SQLite's "database is locked" hardly ever comes. It is no public interface: Airflow is pinned,
and tests/integration tries it.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Generic, TypeVar

from airflow.api.common.trigger_dag import trigger_dag
from airflow.exceptions import DagRunAlreadyExists
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunTriggeredByType
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from include.errors import SyncError, TemporaryError
from include.newsletter.receiver.app import Event, Receiver
from include.pipelines import NEWSLETTER
from plugins.hooks.accounts import shop_of_connections
from plugins.state import open_state
from plugins.web.newsletter_keys import KeysOutOfReach, read_keys

if TYPE_CHECKING:
    from sqlalchemy.orm import Session
    from starlette.types import ASGIApp

log = logging.getLogger(__name__)

DAG_ID = NEWSLETTER.dag_id
LOCKED_SECONDS = 60.0
"""So long the run is tried again while the database is locked (SQLite: each try waits five seconds) or away.
The caller has his 503 by then; Connectif does not call twice, so the event should not be lost with it.
"""
LOCKED_PAUSE_SECONDS = 0.5
KEYS_HOLD_SECONDS = 15.0
"""So soon a new secret is known everywhere; meanwhile a flood of wrong ones costs no look-up."""
KEYS_OUTLAST_SECONDS = 300.0
"""So long the secrets that were read last count, while the connection cannot be read."""
HEALTH_HOLDS_SECONDS = 2.0
STORE_HOLDS_SECONDS = 30.0
"""So long what the store says counts, or that it says nothing: opening one that is away takes seconds."""

Value = TypeVar("Value")


class DatabaseBusy(TemporaryError):
    """Locked (SQLite) or out of reach."""


def build() -> ASGIApp:
    """The application that the plugin mounts under `/connectif`."""
    in_airflow = Held(waits_in_airflow, HEALTH_HOLDS_SECONDS)
    in_store = Held(waits_in_store, STORE_HOLDS_SECONDS)
    receiver = Receiver(
        keys=Held(read_keys, KEYS_HOLD_SECONDS, outlasts=(KeysOutOfReach, KEYS_OUTLAST_SECONDS)),
        commit=create_run,
        oldest_waiting=lambda: min(filter(None, (in_airflow(), in_store())), default=None),
    )
    return receiver.app()


def create_run(events: Sequence[Event]) -> None:
    """One run of `update_newsletter` with these events in its conf, committed when this returns.

    TemporaryError while the DAG is paused or the database is out of reach.
    """
    run_id = f"connectif__{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}__{secrets.token_hex(3)}"
    retrying = Retrying(
        stop=stop_after_delay(LOCKED_SECONDS),
        wait=wait_fixed(LOCKED_PAUSE_SECONDS),
        retry=retry_if_exception_type(DatabaseBusy),
        reraise=True,
    )
    retrying(_create, run_id, events)


def waits_in_airflow() -> datetime | None:
    """When the oldest run that is not finished should have begun; None when there is none."""
    unfinished = (DagRunState.QUEUED, DagRunState.RUNNING)
    query = select(func.min(DagRun.run_after)).where(
        DagRun.dag_id == DAG_ID, DagRun.state.in_(unfinished), DagRun.run_after <= datetime.now(UTC)
    )
    with _without_parameters(), create_session() as session:
        _require_awake(session)
        return session.scalar(query)


def waits_in_store() -> datetime | None:
    """Since when the oldest event waits that VTEX failed to take; None when there is none, or no store.

    Callbacks are taken without the store, so its trouble is none of theirs; and runs that cannot open it wait
    in Airflow, where they are seen.
    """
    try:
        with open_state(shop_of_connections()) as state:
            return state.oldest_busy_event()
    except (SyncError, SQLAlchemyError) as error:
        log.warning("How long events wait in the store is not known (%s)", type(error).__name__)
        return None


def _create(run_id: str, events: Sequence[Event]) -> None:
    with _without_parameters():
        with create_session() as session:
            _require_awake(session)
        try:
            trigger_dag(
                dag_id=DAG_ID,
                run_id=run_id,
                conf={"events": list(events)},
                triggered_by=DagRunTriggeredByType.REST_API,
                triggering_user_name="connectif",
            )
        except DagRunAlreadyExists:
            log.info("run %s is there: the attempt that failed had made it after all", run_id)


def _require_awake(session: Session) -> None:
    """A run of a paused DAG would be created and never started: Connectif should hear of it instead."""
    dag = session.scalar(select(DagModel).where(DagModel.dag_id == DAG_ID))
    if dag is None or dag.is_stale:
        raise TemporaryError(f"Airflow does not know the DAG {DAG_ID} (yet)")
    if dag.is_paused:
        raise TemporaryError(f"the DAG {DAG_ID} is paused: switch it on in the UI", retry_after_seconds=300)


@contextmanager
def _without_parameters() -> Iterator[None]:
    """Errors of Airflow and its database quote the conf, and with it addresses: only their kind goes on."""
    try:
        yield
    except SyncError:
        raise
    except OperationalError:
        raise DatabaseBusy("Airflow's database is locked or out of reach") from None
    except Exception as error:  # noqa: BLE001 - its text may hold addresses, whatever it is
        raise TemporaryError(f"Airflow could not create the run ({type(error).__name__})") from None


class Held(Generic[Value]):
    """Reads a value at most every so many seconds, from one thread at a time.

    An error is not held. Where it is of the kind in `outlasts`, the value read last counts on, for so many
    seconds after it was read.
    """

    def __init__(
        self,
        read: Callable[[], Value],
        seconds: float,
        *,
        outlasts: tuple[type[Exception], float] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read, self._seconds, self._clock = read, seconds, clock
        self._outlasts = outlasts
        self._lock = threading.Lock()
        self._held: tuple[float, Value] | None = None

    def __call__(self) -> Value:
        with self._lock:
            if self._held is None or self._age(self._held) >= self._seconds:
                self._held = self._read_again(self._held)
            return self._held[1]

    def _read_again(self, held: tuple[float, Value] | None) -> tuple[float, Value]:
        try:
            return self._clock(), self._read()
        except Exception as error:
            if held is None or not self._is_outlasted(error, self._age(held)):
                raise
            return held

    def _is_outlasted(self, error: Exception, age: float) -> bool:
        if self._outlasts is None:
            return False
        kind, seconds = self._outlasts
        return isinstance(error, kind) and age < seconds

    def _age(self, held: tuple[float, Value]) -> float:
        return self._clock() - held[0]
