"""The checks of the alerts: each notifier of the settings can be created, and its connections exist."""

from __future__ import annotations

from collections.abc import Iterator

from include.doctor.check import Line, error, ok, warning
from include.errors import SyncError
from include.settings import AlertBy
from plugins.hooks.airflow_connections import has_connection
from plugins.notifiers import all_notifiers, connections_of, create_notifier

TRY_IT = "`make test-alert` sends a test"


def check_alerts() -> Iterator[Line]:
    """Yield a line for each notifier of each alert."""
    named = list(all_notifiers())
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
