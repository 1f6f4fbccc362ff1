"""Alerts, sent by the Airflow notifiers that the settings name. Light to import.

The arguments of a notifier are templates. They may use the fields of `Alert` (`alert.title`, …) and Airflow's
context. No alert holds personal data: its text consists of names, counts and our own messages.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, NamedTuple

from airflow.sdk.definitions.callback import SyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from include.airflow_paths import STATUS_PAGE, run_path
from include.errors import MassChangeBlocked, SyncError, TooManyRejected
from include.setting_types import AlertBy, Alerts
from include.settings import load_settings
from include.shops import ConfiguredShop, load_shops, section_of
from include.task_failure import TaskFailure
from plugins.airflow_links import in_airflow, page_of_run
from plugins.notifiers import KINDS, create_notifier, notifiers
from plugins.task_boundary import failure_in, recorded_failure

log = logging.getLogger(__name__)

Context = Mapping[str, Any]

ALERT_AT_TRY = 7
"""About five minutes after the first try, with the pauses of `default_args.LONG_RETRY_ARGS`."""


class Alert(NamedTuple):
    """A title of one line and a text of one or two sentences.

    `url` is the log of the failed task in Airflow's UI, or the run if no task is known; `task` is that task,
    or empty. `page` is our page with the records of the run. `shop` is the name of the shop's section, or
    empty.
    """

    title: str
    text: str
    url: str
    task: str = ""
    page: str = ""
    shop: str = ""


def dag_args(shop: ConfiguredShop | None = None, *, scheduled: bool = True) -> dict[str, Any]:
    """Return the arguments of a DAG that send alerts for failed runs and, if `scheduled`, for late runs.

    By default with the common settings. Raises ConfigurationError if a notifier of the settings cannot be
    created.
    """
    alerts = _alerts_of(shop)
    require_notifiers(alerts)
    args: dict[str, Any] = {}
    if alerts.run_failed:
        args["on_failure_callback"] = alert_run_failed
    if alerts.late and scheduled:
        args["deadline"] = DeadlineAlert(
            reference=DeadlineReference.DAGRUN_QUEUED_AT,
            interval=timedelta(hours=alerts.late_after_hours),
            callback=SyncCallback(f"{__name__}.{alert_late.__name__}"),
        )
    return args


def require_notifiers(alerts: Alerts) -> None:
    """Raise ConfigurationError if a notifier of the settings cannot be created."""
    for kind in KINDS:
        notifiers(kind, alerts)


def _alerts_of(shop: ConfiguredShop | None) -> Alerts:
    return shop.settings.alerts if shop else load_settings().alerts


def task_callbacks(shop: ConfiguredShop | None = None) -> list[Callable[[Context], None]]:
    """Return the failure callbacks of each task; none if no setting asks for its alerts."""
    alerts = _alerts_of(shop)
    return [alert_task_failed] if alerts.mass_change or alerts.reject_share else []


def alert_task_failed(context: Context) -> None:
    """Alert only for the mass-change guard and for too many rejects: a failed run has its own alert."""
    error = context.get("exception")
    if isinstance(error, MassChangeBlocked):
        title = "the mass-change guard stopped a run; nothing was sent"
        _alert("mass_change", context, title, str(error), failure_in(context))
    elif isinstance(error, TooManyRejected):
        _alert("reject_share", context, "too many records were rejected", str(error), failure_in(context))


def retry_callbacks(shop: ConfiguredShop | None = None) -> list[Callable[[Context], None]]:
    """Return the retry callbacks of a task with `LONG_RETRY_ARGS`; none if no setting asks for its alert."""
    return [alert_task_retries] if _alerts_of(shop).run_failed else []


def alert_task_retries(context: Context) -> None:
    """Alert once for a run that is still retrying, because its failure may come only a day later."""
    if context["ti"].try_number != ALERT_AT_TRY:
        return
    failure = failure_in(context, retried=True)
    text = (
        f"{ALERT_AT_TRY} tries failed. Airflow retries for a day, and later runs wait for this run. "
        f"{_reason(failure)}"
    )
    _alert("run_failed", context, "a run fails and is retried", text, failure)


def alert_run_failed(context: Context) -> None:
    """Alert once for each failed run. Airflow's DAG processor calls this."""
    failure, problem = _recorded(context)
    reason = context.get("reason") or "no reason given"
    text = _reason(failure) if failure else f"The run failed ({reason}). {problem or _READ_THE_LOG}"
    _alert("run_failed", context, "a run has failed", text, failure)


def alert_late(context: dict[str, Any]) -> None:
    """Alert for a scheduled run that has not finished in time. Other runs have no time limit.

    Airflow lets this callback read no connection (3.3.2, `AirflowSecretsBackendAccessDenied`), so it cannot
    look up why a task is retried.
    """
    if context["dag_run"]["run_type"] == "scheduled":
        hours = load_shops().of_dag(_ids_of_run(context)[0]).settings.alerts.late_after_hours
        text = f"The run started more than {hours:g} hours ago and is still running. {_CHECK_THE_TASK}"
        _alert("late", context, "a run has not finished in time", text, None)


def send_test_alert(kind: str, by: AlertBy) -> None:
    """Send a test by one notifier, and raise its error, which Airflow only logs if an alert is sent."""
    notifier = create_notifier(kind, by)
    errors: list[Exception] = []
    send = notifier.notify

    def notify(context: Any) -> None:
        try:
            send(context)
        except Exception as error:  # noqa: BLE001 - it is raised below
            errors.append(error)

    notifier.notify = notify  # type: ignore[method-assign]
    notifier(_test_context(kind))
    if errors:
        raise errors[0]


def _test_context(kind: str) -> dict[str, Any]:
    """What a template of an alert may use, for a run that does not exist."""
    now = datetime.now(UTC)
    run = SimpleNamespace(
        dag_id="test_alert", run_id="test", run_type="manual", start_date=now, run_after=now
    )
    ti = SimpleNamespace(
        dag_id=run.dag_id,
        run_id=run.run_id,
        task_id="test",
        map_index=-1,
        try_number=1,
        log_url=in_airflow(""),
    )
    text = f"This is a test of the alert {kind}. No run has failed, and there is nothing to do."
    alert = Alert(f"TEST: {kind}", text, in_airflow(""), ti.task_id, in_airflow(f"{STATUS_PAGE}/"))
    of_airflow = {
        "dag_run": run,
        "run_id": run.run_id,
        "ti": ti,
        "task_instance": ti,
        "params": {},
        "reason": "test",
    }
    return {**of_airflow, "alert": alert}


_READ_THE_LOG = "Read the last lines in the log of its failed task: cause and action."
_CHECK_THE_TASK = "Check its current task, and whether the vendors answer slowly."


def _reason(failure: TaskFailure) -> str:
    return f"Task {str(failure).rstrip('.')}."


def _recorded(context: Context) -> tuple[TaskFailure | None, str]:
    """The failure that a task of the run has recorded; if it cannot be read, the reason for that."""
    started_at = _start_of_run(context)
    if started_at is None:
        return None, ""
    try:
        return recorded_failure(*_ids_of_run(context), started_at), ""
    except SyncError as problem:
        log.warning("the failed task of the run is not known: %s", problem)
        return None, f"The status page and this alert cannot name the task: {problem}"


def _alert(kind: str, context: Context, title: str, text: str, failure: TaskFailure | None) -> None:
    """Call all notifiers of the kind. Airflow logs a notifier that fails, and the others are still called."""
    dag_id, run_id = _ids_of_run(context)
    alert = Alert(
        title=f"{dag_id}: {title}",
        text=f"{text} Run: {run_id}",
        url=in_airflow(failure.log if failure else run_path(dag_id, run_id)),
        task=failure.task if failure else "",
        page=in_airflow(page_of_run(dag_id, run_id)),
        shop=section_of(dag_id),
    )
    for notifier in notifiers(kind, load_shops().of_dag(dag_id).settings.alerts):
        notifier({**context, "alert": alert})


def _ids_of_run(context: Context) -> tuple[str, str]:
    """The DAG id and run id. A deadline passes the run as JSON; a run that started no task has only an id."""
    run = context.get("dag_run")
    if isinstance(run, Mapping):
        return str(run["dag_id"]), str(run["dag_run_id"])
    if run is not None:
        return run.dag_id, run.run_id
    return context["dag"].dag_id, str(context.get("run_id"))


def _start_of_run(context: Context) -> datetime | None:
    """When the run started or was cleared; None for a run that started no task."""
    run = context.get("dag_run")
    return run and (run.start_date or run.run_after)
