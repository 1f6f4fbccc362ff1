"""The checks of the setup with Airflow's connections, for the DAG `check_setup` and for `make doctor`.

They check the connections, the alerts, the state store, staged files, the permissions at VTEX and Connectif,
and the pages and the receiver in the api-server.
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from airflow.sdk.configuration import conf

from include.connectif.client import ConnectifClient
from include.doctor import CheckContext, Level, Line, run_checks
from include.doctor.all_checks import check_environment
from include.doctor.api_server import api_server_addresses, check_page, check_receiver
from include.doctor.check import error, ok, warning
from include.doctor.staging import check_staging
from include.errors import ConfigurationError, MissingConnection, SyncError
from include.http.retry import RetryPolicy
from include.setting_types import AlertBy, Alerts, Settings
from include.settings import differing_settings, load_settings
from include.shops import DEFAULT, ConfiguredShop, load_shops
from include.staging import Staging
from include.vtex.client import VtexClient
from plugins.hooks.accounts import connectif_account, shop_of, vtex_account
from plugins.hooks.airflow_connections import (
    STATE,
    connectif_connection,
    has_connection,
    vtex_connection,
)
from plugins.hooks.state_store import open_state
from plugins.notifiers import all_notifiers, connections_of, create_notifier
from plugins.pages_plugin import EXPLAIN, STATUS
from plugins.runs.open_run import staging_base
from plugins.tasks.shared_accounts import check_shared_accounts
from plugins.web.newsletter_keys import read_keys

if TYPE_CHECKING:
    from include.state import StateStore

log = logging.getLogger(__name__)
_LEVELS = {Level.OK: logging.INFO, Level.WARNING: logging.WARNING, Level.ERROR: logging.ERROR}
_TWO_ATTEMPTS = RetryPolicy(attempts=2)
"""Few attempts: the operator waits for the result."""

TRY_IT = "`make test-alert` sends a test"

Client = TypeVar("Client")


def check_setup(key: str = DEFAULT) -> str:
    """Log every line and return the counts. ConfigurationError, after all lines, if one is an error."""
    counts: Counter[Level] = Counter()
    for line in check_lines(key):
        counts[line.level] += 1
        log.log(_LEVELS[line.level], "%s", line)
    if counts[Level.ERROR]:
        raise ConfigurationError(f"check_setup: {summary_of(counts)}. The lines above say what to do")
    return summary_of(counts)


def summary_of(counts: Counter[Level]) -> str:
    """`21 ok, 2 warning, 0 error`."""
    return ", ".join(f"{counts[level]} {level}" for level in Level)


def check_lines(key: str = DEFAULT) -> Iterator[Line]:
    """Run all checks of a shop and yield each line as soon as it is known.

    By default of the shop without a section.
    """
    try:
        configured = load_shops().get(key)
    except ConfigurationError as problem:
        yield error(
            "settings",
            str(problem).removeprefix("settings: "),
            "Correct the setting; the other checks need it",
        )
        return
    settings = configured.settings
    own_settings = differing_settings(settings, load_settings()) if configured.section else {}
    yield from check_environment(settings, own_settings, configured.section)
    yield from check_alerts(settings.alerts)
    yield from _check_staging(settings)
    with ExitStack() as exits:
        ids = configured.vtex_connection, configured.connectif_connection
        vtex, problems = _open_client(
            ids[0], lambda: VtexClient(vtex_account(vtex_connection(ids[0])), retry=_TWO_ATTEMPTS)
        )
        yield from problems
        connectif, problems = _open_client(
            ids[1],
            lambda: ConnectifClient(connectif_account(connectif_connection(ids[1])), retry=_TWO_ATTEMPTS),
        )
        yield from problems
        for session in (client.transport.session for client in (vtex, connectif) if client is not None):
            exits.callback(session.close)
        state = None
        if vtex and connectif:
            state, line = _check_state(configured, vtex, connectif, exits)
            yield line
        folder = exits.enter_context(tempfile.TemporaryDirectory(prefix="doctor-"))
        context = CheckContext(settings, state, Staging(Path(folder)), lambda: datetime.now(UTC), time.sleep)
        yield from run_checks(vtex, connectif, context)
    yield from check_shared_accounts(configured)
    yield from _check_api_server(configured)


def _open_client(conn_id: str, create: Callable[[], Client]) -> tuple[Client | None, list[Line]]:
    """Return the client of a connection, or None and a line with the problem of the connection."""
    subject = f"connection {conn_id}"
    try:
        return create(), []
    except MissingConnection as problem:
        return None, [error(subject, "does not exist", problem.advice)]
    except SyncError as problem:
        return None, [error(subject, str(problem), "Correct the connection (Admin > Connections)")]


def _check_state(
    configured: ConfiguredShop, vtex: VtexClient, connectif: ConnectifClient, exits: ExitStack
) -> tuple[StateStore | None, Line]:
    subject = f"connection {STATE}"
    try:
        shop = shop_of(vtex.account, connectif.account, configured.section)
        state = exits.enter_context(open_state(shop))
    except SyncError as problem:
        return None, error(subject, str(problem), "Fix this first: every run needs the state store")
    return state, ok(subject, "the state store opens, and its tables are up to date")


def _check_staging(settings: Settings) -> Iterator[Line]:
    try:
        base = staging_base(settings)
    except SyncError as problem:
        yield error("staged files", str(problem), "See [run] in include/settings.toml")
        return
    yield from check_staging(base)


def check_alerts(alerts: Alerts | None = None) -> Iterator[Line]:
    """Yield a line for each notifier of each alert; by default those of the common settings."""
    named = list(all_notifiers(alerts))
    if not named:
        yield warning("alerts", "none is set: a failed run sends no message", "See docs/monitoring.md")
    for kind, by in named:
        yield _check_notifier(kind, by)


def _check_notifier(kind: str, by: AlertBy) -> Line:
    subject = f"alert {kind}, {by.notifier.rpartition('.')[2]}"
    try:
        needed = list(connections_of(create_notifier(kind, by)))
        missing = [conn_id for conn_id in needed if not has_connection(conn_id)]
    except SyncError as problem:
        return error(subject, str(problem), "Correct it, otherwise this alert is not sent")
    if missing:
        advice = f"Create it in Admin > Connections. {TRY_IT}"
        return error(subject, f"its connection {', '.join(missing)} does not exist", advice)
    connections = f"; connection {', '.join(needed)} exists" if needed else ""
    return ok(subject, f"the notifier can be created{connections}. {TRY_IT}")


def _check_api_server(configured: ConfiguredShop) -> Iterator[Line]:
    try:
        read_keys(configured.connectif_connection)
        yield ok("webhook secret", "exists and is long enough")
    except ConfigurationError as problem:
        yield error("webhook secret", str(problem), "The receiver refuses newsletter callbacks without it")
    urls = api_server_addresses(
        {
            "base_url": conf.get("api", "base_url", fallback=""),
            "execution_api_server_url": conf.get("core", "execution_api_server_url", fallback=""),
        }
    )
    if not urls:
        advice = "Set AIRFLOW__API__BASE_URL to the address of the api-server"
        yield warning("newsletter receiver", "not checked: Airflow has no base URL", advice)
        return
    yield check_receiver(urls, configured)
    for name, path in (STATUS, EXPLAIN):
        yield check_page(name, f"/{path}/", urls)
