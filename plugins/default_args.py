"""What the DAGs have in common: owner, retries by kind of error, schedule. Light to import."""

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
from include.settings import load_settings
from plugins import alerts
from plugins.conf_check import require_known_parameters

START = pendulum.datetime(2026, 1, 1, tz=load_settings().schedule.time_zone)
"""Before any shop's first run; what lies before the first run is fetched by back-fill."""

_NEEDS_A_PERSON = RetryRule(
    exception=[ConfigurationError, ContractError, StagingError, UnsafeChange],
    action=RetryAction.FAIL,
    reason="somebody has to look at the message first",
)
_BUG = RetryRule(
    exception=[TypeError, ValueError, LookupError, AttributeError, AssertionError],
    action=RetryAction.FAIL,
    reason="a bug does not heal by itself",
)

DEFAULT_ARGS: dict[str, Any] = {
    "owner": "vtex-connectif-sync",
    "retries": 4,
    "retry_delay": timedelta(minutes=2),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=30),
    "execution_timeout": timedelta(hours=12),
    "on_failure_callback": alerts.task_callback(),
    "pre_execute": require_known_parameters,
    # What only a person can mend, and a bug, fails at once; all else (TemporaryError first) is tried again.
    "retry_policy": ExceptionRetryPolicy(rules=[_NEEDS_A_PERSON, _BUG]),
}

LONG_RETRY_ARGS: dict[str, Any] = DEFAULT_ARGS | {
    "retries": 300,
    "retry_delay": timedelta(seconds=10),
    "max_retry_delay": timedelta(minutes=5),
    "on_retry_callback": alerts.retry_callback(),
    # A maintenance page, a name that is not found or a revoked key looks like something for a person, and may
    # be over in minutes: what a run alone knows must not get lost with it. A person is told that it waits.
    "retry_policy": ExceptionRetryPolicy(
        rules=[
            RetryRule(exception=ParameterError, action=RetryAction.FAIL, reason="a run's conf never changes"),
            RetryRule(
                exception=MissingConnection,
                action=RetryAction.FAIL,
                reason="the connection has to be created",
            ),
            RetryRule(exception=[ConfigurationError, ContractError], reason="it may be over soon"),
            _NEEDS_A_PERSON,
            _BUG,
        ]
    ),
}
"""Where a run holds in its conf what nobody says again: it is tried for a day, whatever is wrong outside."""


FAMILY = "vtex_connectif"
"""What assets and metrics of these DAGs are found under."""


def report_asset(dag_id: str) -> Asset:
    """The asset that a run's report updates: other DAGs are scheduled by it, the UI lists its events."""
    return Asset(name=f"{dag_id}_report", group=FAMILY)


def daily(pipeline: DailyPipeline) -> CronDataIntervalTimetable:
    """The pipeline's cron in the store's time zone. Intervals join without gap or overlap, 23 or 25 hours long
    when the clock changes; a plain cron string would give every run an empty interval.
    """
    schedule = load_settings().schedule
    return CronDataIntervalTimetable(pipeline.schedule(schedule), timezone=schedule.time_zone)


def weekly() -> CronTriggerTimetable:
    """When both sides are compared: a run looks at what there is, so it has no interval, and none at once."""
    schedule = load_settings().schedule
    return CronTriggerTimetable(schedule.reconcile, timezone=schedule.time_zone)
