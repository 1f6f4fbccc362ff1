"""A scheduled DAG with a slow run and with the alerts of the project."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from airflow.sdk import dag, task

from plugins import alerts


@dag(schedule="@daily", start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False, **alerts.dag_args())
def late_probe() -> None:
    @task
    def sleep() -> None:
        time.sleep(120)

    sleep()


late_probe()
