"""What all DAGs share: owner, retries by class of error, timetables, assets. Light to import."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pendulum
from airflow.sdk import Asset, CronDataIntervalTimetable, CronTriggerTimetable
from airflow.sdk.definitions.retry_policy import ExceptionRetryPolicy, RetryAction, RetryRule

from include.errors import (
    ConfigurationError,
    ContractError,
    MissingConnection,
    ParameterError,
    StagingError,
    UnsafeChange,
)
from include.pipelines import DailyPipeline
from include.setting_types import Schedule
from include.settings import load_settings
from include.shops import ConfiguredShop
from plugins import alerts
from plugins.task_boundary import before_task, forget_failure, record_failure, record_retry

START = pendulum.datetime(2026, 1, 1, tz=load_settings().schedule.time_zone)
"""Earlier than the first run of any shop. A back-fill reads the time before the first run."""

_NEEDS_OPERATOR = RetryRule(
    exception=[ConfigurationError, ContractError, StagingError, UnsafeChange],
    action=RetryAction.FAIL,
    reason="retrying cannot help: an operator must read the error first",
)
_BUG = RetryRule(
    exception=[TypeError, ValueError, LookupError, AttributeError, AssertionError],
    action=RetryAction.FAIL,
    reason="retrying cannot help: this is a bug",
)

DEFAULT_ARGS: dict[str, Any] = {
    "owner": "vtex-connectif-sync",
    "retries": 6,
    # Airflow waits one to two times as long. A load whose worker was killed continues at most 150 s later:
    # 33 s until the heartbeat is missed (docker-compose.yaml), at most 80 s of delay, and the start.
    "retry_delay": timedelta(seconds=40),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=30),
    "execution_timeout": timedelta(hours=12),
    "pre_execute": before_task,
    "on_failure_callback": [record_failure],
    "on_retry_callback": [record_retry],
    "on_success_callback": [forget_failure],
    # Errors that need an operator, and bugs, fail at once. All others, such as TemporaryError, are retried.
    "retry_policy": ExceptionRetryPolicy(rules=[_NEEDS_OPERATOR, _BUG]),
}

LONG_RETRY_ARGS: dict[str, Any] = DEFAULT_ARGS | {
    "retries": 300,
    "retry_delay": timedelta(seconds=2),
    "max_retry_delay": timedelta(minutes=5),
    # A maintenance page, a DNS failure or a rejected key looks like a configuration error but may end within
    # minutes. Unsubscriptions wait meanwhile, so the task is retried. The operator gets an alert.
    "retry_policy": ExceptionRetryPolicy(
        rules=[
            RetryRule(exception=ParameterError, action=RetryAction.FAIL, reason="a run's conf never changes"),
            RetryRule(
                exception=MissingConnection,
                action=RetryAction.FAIL,
                reason="an operator must create the connection",
            ),
            RetryRule(exception=[ConfigurationError, ContractError], reason="the error may end soon"),
            _NEEDS_OPERATOR,
            _BUG,
        ]
    ),
}
"""For newsletter runs, on which customers wait: Airflow retries for a day after almost every error."""


def default_args(shop: ConfiguredShop) -> dict[str, Any]:
    """`DEFAULT_ARGS` with the alerts of a shop."""
    return DEFAULT_ARGS | {"on_failure_callback": [record_failure, *alerts.task_callbacks(shop)]}


def long_retry_args(shop: ConfiguredShop) -> dict[str, Any]:
    """`LONG_RETRY_ARGS` with the alerts and the newsletter queue of a shop."""
    return LONG_RETRY_ARGS | {
        "queue": shop.settings.newsletter.queue,
        "on_failure_callback": [record_failure, *alerts.task_callbacks(shop)],
        "on_retry_callback": [record_retry, *alerts.retry_callbacks(shop)],
    }


PROJECT = "vtex_connectif"
"""The group of the DAGs' assets, and the first part of the names of their metrics."""


def report_asset(dag_id: str) -> Asset:
    """The asset that a run's report updates. Other DAGs can be scheduled on it; the UI lists its events."""
    return Asset(name=f"{dag_id}_report", group=PROJECT)


def daily_timetable(pipeline: DailyPipeline, schedule: Schedule | None = None) -> CronDataIntervalTimetable:
    """The timetable of a daily sync: the pipeline's cron expression in the shop's time zone.

    By default that of the common settings.

    The data intervals have no gap and no overlap. They are 23 or 25 hours long when the clocks change. A cron
    string alone gives every run an empty interval.
    """
    schedule = schedule or load_settings().schedule
    return CronDataIntervalTimetable(pipeline.schedule(schedule), timezone=schedule.time_zone)


def weekly_timetable(schedule: Schedule) -> CronTriggerTimetable:
    """The timetable of `reconcile`: a run compares the current records, so it has no data interval."""
    return CronTriggerTimetable(schedule.reconcile, timezone=schedule.time_zone)
