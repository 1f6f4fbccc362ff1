"""What the DAGs have in common: owner, retries by kind of error, schedule, parameters. Light to import."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pendulum
from airflow.sdk import Asset, CronDataIntervalTimetable, CronTriggerTimetable, Param
from airflow.sdk.definitions.retry_policy import ExceptionRetryPolicy, RetryAction, RetryRule

from include.errors import ConfigurationError, ContractError, UnsafeChange
from include.outcomes import Area
from include.settings import load_settings
from plugins import alerts

START = pendulum.datetime(2026, 1, 1, tz=load_settings().schedule.time_zone)
"""Before any shop's first run; what lies before the first run is fetched by back-fill."""

_NEEDS_A_PERSON = RetryRule(
    exception=[ConfigurationError, ContractError, UnsafeChange],
    action=RetryAction.FAIL,
    reason="somebody has to look at the message first",
)
_BUG = RetryRule(
    exception=[TypeError, ValueError, LookupError, AttributeError, AssertionError],
    action=RetryAction.FAIL,
    reason="a bug does not heal by itself",
)

POLICY: dict[str, Any] = {
    "owner": "vtex-connectif-sync",
    "retries": 4,
    "retry_delay": timedelta(minutes=2),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=30),
    "execution_timeout": timedelta(hours=12),
    "on_failure_callback": alerts.task_callback(),
    # What only a person can mend, and a bug, fails at once; all else (TemporaryError first) is tried again.
    "retry_policy": ExceptionRetryPolicy(rules=[_NEEDS_A_PERSON, _BUG]),
}

PATIENT: dict[str, Any] = POLICY | {
    "retries": 300,
    "retry_delay": timedelta(seconds=10),
    "max_retry_delay": timedelta(minutes=5),
    "on_retry_callback": alerts.retry_callback(),
    # A maintenance page, a name that is not found or a revoked key looks like something for a person, and may
    # be over in minutes: what a run alone knows must not get lost with it. A person is told that it waits.
    "retry_policy": ExceptionRetryPolicy(
        rules=[
            RetryRule(exception=[ConfigurationError, ContractError], reason="it may be over soon"),
            _NEEDS_A_PERSON,
            _BUG,
        ]
    ),
}
"""Where a run holds in its conf what nobody says again: it is tried for a day, whatever is wrong outside."""


DAILY_PARAMS: dict[str, Param] = {
    "mode": Param(
        "auto",
        enum=["auto", "full", "window", "replay"],
        type="string",
        title="What to take",
        description=(
            "auto: as the schedule does; full: everything; window: only the time given below; "
            "replay: only records that were not sent, see below."
        ),
    ),
    "replay": Param(
        None,
        type=["null", "string"],
        pattern=r"^[^@\s]+$",
        maxLength=200,
        title="What to replay",
        description=(
            "With mode replay: all (rejected and held records), a reason code such as target_rejected, or "
            "the key of one record. Empty: all."
        ),
    ),
    "window_start": Param(
        None,
        type=["null", "string"],
        format="date-time",
        title="From",
        description="With offset. Together with To, or not at all.",
    ),
    "window_end": Param(
        None,
        type=["null", "string"],
        format="date-time",
        title="To",
        description="With offset; the first instant that is not taken.",
    ),
    "only": Param(
        None,
        type=["null", "string"],
        pattern=r"^[^@\s]+$",
        maxLength=100,
        title="Only one record",
        description="The id of a customer document, a product or an order: takes it alone and logs its way.",
    ),
    "dry_run": Param(
        False,
        type="boolean",
        title="Dry run",
        description="Does everything but the writes, and says what would be sent.",
    ),
}


RECONCILE_PARAMS: dict[str, Param] = {
    "areas": Param(
        ["contacts", "products", "purchases"],
        type="array",
        items={"type": "string", "enum": ["contacts", "products", "purchases"]},
        examples=["contacts", "products", "purchases"],
        minItems=1,
        uniqueItems=True,
        title="Areas",
        description="What to compare.",
    ),
    "window_start": DAILY_PARAMS["window_start"],
    "window_end": DAILY_PARAMS["window_end"],
    "repair": Param(
        False,
        type="boolean",
        title="Repair",
        description="Sends the purchases that are missing at Connectif, quietly. Nothing else is repaired.",
    ),
}


FAMILY = "vtex_connectif"
"""What assets and metrics of these DAGs are found under."""


def report_asset(dag_id: str) -> Asset:
    """The asset that a run's report updates: other DAGs are scheduled by it, the UI lists its events."""
    return Asset(name=f"{dag_id}_report", group=FAMILY)


def daily(area: Area) -> CronDataIntervalTimetable:
    """The area's cron in the store's time zone. Intervals join without gap or overlap, 23 or 25 hours long
    when the clock changes; a plain cron string would give every run an empty interval.
    """
    schedule = load_settings().schedule
    return CronDataIntervalTimetable(getattr(schedule, area.value), timezone=schedule.time_zone)


def weekly() -> CronTriggerTimetable:
    """When both sides are compared: a run looks at what there is, so it has no interval, and none at once."""
    schedule = load_settings().schedule
    return CronTriggerTimetable(schedule.reconcile, timezone=schedule.time_zone)
