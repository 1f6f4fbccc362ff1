"""The receivers inside Airflow's api-server, one for each shop: a connection holds its secrets, its state
store keeps the events, and a run of its DAG applies them.

`airflow.api.common.trigger_dag` creates the runs (see airflow_runs.py): SQLite rarely reports "database is
locked" then.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.api.common.trigger_dag import trigger_dag
from airflow.exceptions import DagRunAlreadyExists
from airflow.models.dagrun import DagRun
from airflow.sdk.exceptions import ParamValidationError
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunTriggeredByType
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response
from starlette.routing import Mount, Router
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from include.errors import SyncError
from include.live import is_live
from include.newsletter.receiver.app import Event, Receiver
from include.pipelines import CALLBACK_RUN, NEWSLETTER
from include.shops import ConfiguredShop, is_allowed_name, load_shops
from plugins.hooks.accounts import shop_of_connections
from plugins.hooks.state_store import open_state
from plugins.web.airflow_runs import DatabaseBusy, hide_error_details, require_unpaused
from plugins.web.event_store import EventStore
from plugins.web.newsletter_keys import KeysUnreadable, read_keys
from plugins.web.ttl_cache import TTLCache

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

log = logging.getLogger(__name__)

LOCK_RETRY_SECONDS = 60.0
"""How long to retry creating a run while the database is locked (SQLite: 5 s per try) or unreachable.

By then the caller has its 503. Connectif does not repeat the call, so the retries save the event.
"""
LOCK_PAUSE_SECONDS = 0.5
QUEUED_FOR_LONG = timedelta(minutes=15)
KEYS_TTL_SECONDS = 15.0
"""After this time every process knows a new secret; until then, calls with wrong secrets cost no look-up."""
KEYS_KEPT_SECONDS = 300.0
"""How long the last secrets stay valid while the connection cannot be read."""
HEALTH_TTL_SECONDS = 2.0
STATE_TTL_SECONDS = 30.0
"""How long the state store's answer is kept, or its failure: opening an unreachable one takes seconds."""


def build_receiver() -> ASGIApp:
    """Build the application that the plugin mounts under `/connectif`.

    Each shop with a section has a receiver under its name: the secrets of a shop open no other one.
    """
    shops = load_shops()
    named = [Mount(f"/{shop.section}", _receiver_of(shop)) for shop in shops if shop.section]
    broken = [Mount(f"/{name}", _refuse_wrong_settings) for name in shops.problems if is_allowed_name(name)]
    default = [Mount("/", _receiver_of(shop)) for shop in shops if not shop.section]
    return Router([*named, *broken, *default], redirect_slashes=False)


def _receiver_of(shop: ConfiguredShop) -> ASGIApp:
    oldest_run = TTLCache(partial(oldest_unfinished_run, shop), HEALTH_TTL_SECONDS)
    oldest_event = TTLCache(partial(oldest_waiting_event, shop), STATE_TTL_SECONDS)
    receiver = Receiver(
        keys=TTLCache(
            partial(read_keys, shop.connectif_connection),
            KEYS_TTL_SECONDS,
            keep_on=(KeysUnreadable, KEYS_KEPT_SECONDS),
        ),
        commit=partial(record, shop=shop, store=EventStore(shop)),
        oldest_waiting=lambda: min(filter(None, (oldest_run(), oldest_event())), default=None),
    )
    return receiver.app()


async def _refuse_wrong_settings(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer for a shop whose settings are wrong: its DAG does not exist."""
    log.warning(
        "newsletter callback: answered 503; the settings of its shop are wrong, see dags/wrong_shops.py"
    )
    await Response(status_code=503, headers={"Retry-After": "300"})(scope, receive, send)


def record(events: Sequence[Event], *, shop: ConfiguredShop, store: EventStore) -> None:
    """Make events durable, and see to it that a run of the shop's `update_newsletter` applies them.

    TemporaryError while the DAG is paused or Airflow's database is unreachable.
    """
    dag_id = shop.dag_id(NEWSLETTER.dag_id)
    _retry(_require_unpaused, dag_id)
    is_kept = store.keep(events)
    run_id = f"{CALLBACK_RUN}{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}__{secrets.token_hex(3)}"
    _retry(_ensure_run, dag_id, run_id, events, is_kept)


def _retry(step: Callable[..., None], *arguments: object) -> None:
    retrying = Retrying(
        stop=stop_after_delay(LOCK_RETRY_SECONDS),
        wait=wait_fixed(LOCK_PAUSE_SECONDS),
        retry=retry_if_exception_type(DatabaseBusy),
        reraise=True,
    )
    retrying(step, *arguments)


def _require_unpaused(dag_id: str) -> None:
    with hide_error_details("read its DAGs"), create_session() as session:
        require_unpaused(session, dag_id)


def _ensure_run(dag_id: str, run_id: str, events: Sequence[Event], is_kept: bool) -> None:
    """Create a run. A queued one does instead: its task has not begun, and will take all that is kept now.

    So a steady flow of callbacks makes no more runs than Airflow can start one after the other.
    """
    with hide_error_details("create the run"):
        if is_kept and _is_run_queued(dag_id):
            return
        try:
            _create_run(dag_id, run_id, {} if is_kept else {"events": list(events)})
        except ParamValidationError:
            # After an upgrade Airflow has the DAG of the version before until it is parsed: it demands events
            _create_run(dag_id, run_id, {"events": list(events)})


def _create_run(dag_id: str, run_id: str, conf: dict[str, Any]) -> None:
    try:
        trigger_dag(
            dag_id=dag_id,
            run_id=run_id,
            conf=conf,
            triggered_by=DagRunTriggeredByType.REST_API,
            triggering_user_name="connectif",
        )
    except DagRunAlreadyExists:
        log.info("run %s already exists; an earlier attempt created it", run_id)


def _is_run_queued(dag_id: str) -> bool:
    """Whether a run that a callback created is queued. Others may be dry runs, or planned for later.

    A run that is queued for long does not count: it may never start.
    """
    now = datetime.now(UTC)
    queued = select(DagRun.id).where(
        DagRun.dag_id == dag_id,
        DagRun.state == DagRunState.QUEUED,
        DagRun.run_id.startswith(CALLBACK_RUN, autoescape=True),
        DagRun.run_after <= now,
        DagRun.queued_at >= now - QUEUED_FOR_LONG,
    )
    with create_session() as session:
        return session.scalar(queued.limit(1)) is not None


def newsletter_dag(shop: ConfiguredShop | None) -> str:
    """The id of the shop's newsletter DAG; by default of the shop without a section."""
    return shop.dag_id(NEWSLETTER.dag_id) if shop else NEWSLETTER.dag_id


def oldest_unfinished_run(shop: ConfiguredShop | None = None) -> datetime | None:
    """Return when the oldest unfinished run was due; None if all runs are finished."""
    dag_id = newsletter_dag(shop)
    query = select(func.min(DagRun.run_after)).where(*unfinished_runs(dag_id))
    with hide_error_details("read its runs"), create_session() as session:
        require_unpaused(session, dag_id)
        return session.scalar(query)


def unfinished_runs(dag_id: str) -> tuple[ColumnElement[bool], ...]:
    """The condition for the runs of a newsletter DAG that are due but not finished."""
    states = (DagRunState.QUEUED, DagRunState.RUNNING)
    of_dag = DagRun.dag_id == dag_id
    return of_dag, DagRun.state.in_(states), DagRun.run_after <= datetime.now(UTC)


def oldest_waiting_event(shop: ConfiguredShop) -> datetime | None:
    """Return since when the oldest event waits in the state store; None if none waits or it is unreadable.

    The receiver accepts callbacks without the state store. Runs that cannot open it wait in Airflow, and
    `oldest_unfinished_run` sees them.
    """
    try:
        of_connections = shop_of_connections(shop)
        live = is_live(shop.settings.run.live, of_connections.vtex_host, of_connections.connectif_host)
        with open_state(of_connections, any_account=True) as state:
            return state.figures.oldest_waiting_event(is_live=live)
    except (SyncError, SQLAlchemyError) as error:
        log.warning(
            "state store: not readable (%s); the age of its waiting events is unknown", type(error).__name__
        )
        return None
