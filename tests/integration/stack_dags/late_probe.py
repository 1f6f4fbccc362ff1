"""A DAG on a schedule whose run takes its time, with the alerts of the project's own."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from airflow.sdk import dag, task

from plugins import alerts


@dag(schedule="@daily", start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False, **alerts.dag_args())
def late_probe() -> None:
    @task
    def dawdle() -> None:
        time.sleep(120)

    dawdle()


late_probe()
