"""Alerts, sent by the Airflow notifiers that the settings name. Light to import.

The arguments of a notifier are templates. They may use `alert.title`, `alert.text`, `alert.url` and Airflow's
context. No alert holds personal data: its text consists of names, counts and our own messages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from importlib import import_module
from typing import Any, NamedTuple
from urllib.parse import quote

from airflow.sdk import BaseNotifier
from airflow.sdk.configuration import conf
from airflow.sdk.definitions.callback import SyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from include.errors import ConfigurationError, MassChangeBlocked, SyncError, TooManyRejected
from include.settings import AlertBy, load_settings

Context = Mapping[str, Any]

ALERT_AT_TRY = 6
"""About five minutes after the first try, with the pauses of `default_args.LONG_RETRY_ARGS`."""


class Alert(NamedTuple):
    """A title of one line, a text of one or two sentences, and the address of the run in Airflow's UI."""

    title: str
    text: str
    url: str


def dag_args(*, scheduled: bool = True) -> dict[str, Any]:
    """Return the arguments of a DAG that send alerts for failed runs and, if `scheduled`, for late runs.

    Raises ConfigurationError if a notifier of the settings cannot be created.
    """
    alerts = load_settings().alerts
    for kind in ("run_failed", "reject_share", "mass_change", "late"):
        notifiers(kind)
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


def task_callback() -> Callable[[Context], None] | None:
    """Return the failure callback of each task; None if no setting asks for its alerts."""
    alerts = load_settings().alerts
    return alert_task_failed if alerts.mass_change or alerts.reject_share else None


def alert_task_failed(context: Context) -> None:
    """Alert only for the mass-change guard and for too many rejects: a failed run has its own alert."""
    error = context.get("exception")
    if isinstance(error, MassChangeBlocked):
        _alert("mass_change", context, "the mass-change guard stopped a run; nothing was sent", str(error))
    elif isinstance(error, TooManyRejected):
        _alert("reject_share", context, "too many records were rejected", str(error))


def retry_callback() -> Callable[[Context], None] | None:
    """Return the retry callback of a task with `LONG_RETRY_ARGS`; None if no setting asks for its alert."""
    return alert_task_retries if load_settings().alerts.run_failed else None


def alert_task_retries(context: Context) -> None:
    """Alert once for a run that is still retrying, because its failure may come only a day later."""
    if context["ti"].try_number != ALERT_AT_TRY:
        return
    error = context.get("exception")
    reason = str(error) if isinstance(error, SyncError) else type(error).__name__
    text = (
        f"{ALERT_AT_TRY} tries failed. Airflow retries for a day, and later runs wait for this run. {reason}."
    )
    _alert("run_failed", context, "a run fails and is retried", text)


def alert_run_failed(context: Context) -> None:
    """Alert once for each failed run. Airflow's DAG processor calls this."""
    reason = context.get("reason") or "no reason given"
    text = f"The run failed ({reason}). Read the last lines in the log of its failed task: cause and action."
    _alert("run_failed", context, "a run has failed", text)


def alert_late(context: dict[str, Any]) -> None:
    """Alert for a scheduled run that has not finished in time. Other runs have no time limit."""
    if context["dag_run"]["run_type"] == "scheduled":
        hours = load_settings().alerts.late_after_hours
        text = (
            f"The run started more than {hours:g} hours ago and is still running. "
            "Check its current task, and whether the vendors answer slowly."
        )
        _alert("late", context, "a run has not finished in time", text)


def notifiers(kind: str) -> list[BaseNotifier]:
    """Create the notifiers of an alert. Each alert needs new ones: rendering their templates changes them."""
    by: Sequence[AlertBy] = getattr(load_settings().alerts, kind)
    return [_create_notifier(kind, one) for one in by]


def _create_notifier(kind: str, by: AlertBy) -> BaseNotifier:
    module, _, name = by.notifier.rpartition(".")
    where = f"settings: alerts.{kind} names the notifier {by.notifier}"
    try:
        notifier = getattr(import_module(module), name)(**by.arguments)
    except ImportError as error:
        raise ConfigurationError(
            f"{where}, which cannot be imported ({error}): correct the path, or install its provider"
        ) from None
    except AttributeError:
        raise ConfigurationError(f"{where}, but {module} has no {name}: correct the path") from None
    except TypeError as error:
        raise ConfigurationError(f"{where}, but its arguments are wrong: {error}") from None
    if not isinstance(notifier, BaseNotifier):
        raise ConfigurationError(f"{where}, which is not an Airflow notifier (BaseNotifier)")
    return notifier


def _alert(kind: str, context: Context, title: str, text: str) -> None:
    """Call all notifiers of the kind. Airflow logs a notifier that fails, and the others are still called."""
    dag_id, run_id = _ids_of_run(context)
    base = conf.get("api", "base_url", fallback="").rstrip("/")
    url = f"{base}/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}"
    alert = Alert(f"{dag_id}: {title}", f"{text} Run: {run_id}", url)
    for notifier in notifiers(kind):
        notifier({**context, "alert": alert})


def _ids_of_run(context: Context) -> tuple[str, str]:
    """The DAG id and run id. A deadline passes the run as JSON; a run that started no task has only an id."""
    run = context.get("dag_run")
    if isinstance(run, Mapping):
        return str(run["dag_id"]), str(run["dag_run_id"])
    if run is not None:
        return run.dag_id, run.run_id
    return context["dag"].dag_id, str(context.get("run_id"))
