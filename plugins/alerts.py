"""Alerts: what has gone wrong, told by Airflow's notifiers that the settings name. Light to import.

A notifier's own arguments are templates, with `alert.title`, `alert.text` and `alert.url` beside Airflow's
context. No alert holds personal data: its text is made of names, counts and our own messages.
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

TOLD_AT_TRY = 6
"""With the pauses of `policy.PATIENT`, about five minutes after the first."""


class Alert(NamedTuple):
    """One line, a sentence or two, and the run in Airflow's UI."""

    title: str
    text: str
    url: str


def policy(*, scheduled: bool = True) -> dict[str, Any]:
    """Arguments of a DAG: who is told when a run fails, or, where it is `scheduled`, is late.

    Raises ConfigurationError where a notifier that the settings name cannot be made.
    """
    alerts = load_settings().alerts
    for kind in ("run_failed", "reject_share", "mass_change", "late"):
        notifiers(kind)
    told: dict[str, Any] = {}
    if alerts.run_failed:
        told["on_failure_callback"] = run_failed
    if alerts.late and scheduled:
        told["deadline"] = DeadlineAlert(
            reference=DeadlineReference.DAGRUN_QUEUED_AT,
            interval=timedelta(hours=alerts.late_after_hours),
            callback=SyncCallback(f"{__name__}.{late.__name__}"),
        )
    return told


def task_callback() -> Callable[[Context], None] | None:
    """What each task calls when it has failed for good; None where nobody is to be told."""
    alerts = load_settings().alerts
    return task_failed if alerts.mass_change or alerts.reject_share else None


def task_failed(context: Context) -> None:
    """Tell of the mass-change guard, or of too many rejects, and of nothing else: the run's failure has its own alert."""
    error = context.get("exception")
    if isinstance(error, MassChangeBlocked):
        _tell("mass_change", context, "the mass-change guard has stopped a run, nothing was sent", str(error))
    elif isinstance(error, TooManyRejected):
        _tell("reject_share", context, "too many records were rejected", str(error))


def retry_callback() -> Callable[[Context], None] | None:
    """What a task that is tried for a day calls each time it has to be; None where nobody is to be told."""
    return task_waits if load_settings().alerts.run_failed else None


def task_waits(context: Context) -> None:
    """Tell once that a run waits, as if it had failed: that may come a day later only."""
    if context["ti"].try_number != TOLD_AT_TRY:
        return
    error = context.get("exception")
    why = str(error) if isinstance(error, SyncError) else type(error).__name__
    text = f"{TOLD_AT_TRY} tries have failed, others follow for a day, and later runs wait behind it. {why}."
    _tell("run_failed", context, "a run waits and is tried again", text)


def run_failed(context: Context) -> None:
    """Tell that a run failed, once for each, from Airflow's DAG processor."""
    reason = context.get("reason") or "no reason given"
    text = f"The run has failed ({reason}). The last lines of its failed task's log say why and what to do."
    _tell("run_failed", context, "a run has failed", text)


def late(context: dict[str, Any]) -> None:
    """Tell that a scheduled run has not finished in time. Other runs take as long as they take."""
    if context["dag_run"]["run_type"] == "scheduled":
        hours = load_settings().alerts.late_after_hours
        text = (
            f"It began more than {hours:g} hours ago and goes on. Look where it is, and at the vendors' pace."
        )
        _tell("late", context, "a run has not finished in time", text)


def notifiers(kind: str) -> list[BaseNotifier]:
    """The notifiers of an alert, made anew: rendering their templates changes them."""
    by: Sequence[AlertBy] = getattr(load_settings().alerts, kind)
    return [_made(kind, one) for one in by]


def _made(kind: str, by: AlertBy) -> BaseNotifier:
    module, _, name = by.notifier.rpartition(".")
    where = f"settings: alerts.{kind} names the notifier {by.notifier}"
    try:
        made = getattr(import_module(module), name)(**by.arguments)
    except ImportError as error:
        raise ConfigurationError(
            f"{where}, which cannot be imported ({error}): correct it, or install its provider"
        ) from None
    except AttributeError:
        raise ConfigurationError(f"{where}, but {module} has no {name}") from None
    except TypeError as error:
        raise ConfigurationError(f"{where}, whose arguments do not fit: {error}") from None
    if not isinstance(made, BaseNotifier):
        raise ConfigurationError(f"{where}, which is none of Airflow's (no BaseNotifier)")
    return made


def _tell(kind: str, context: Context, title: str, text: str) -> None:
    """A notifier that fails is logged by Airflow and keeps nobody else from being told."""
    dag_id, run_id = _run_of(context)
    base = conf.get("api", "base_url", fallback="").rstrip("/")
    url = f"{base}/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}"
    alert = Alert(f"{dag_id}: {title}", f"{text} Run: {run_id}", url)
    for notifier in notifiers(kind):
        notifier({**context, "alert": alert})


def _run_of(context: Context) -> tuple[str, str]:
    """By id: a deadline's run is JSON, and a run that no task of began is only named."""
    run = context.get("dag_run")
    if isinstance(run, Mapping):
        return str(run["dag_id"]), str(run["dag_run_id"])
    if run is not None:
        return run.dag_id, run.run_id
    return context["dag"].dag_id, str(context.get("run_id"))
