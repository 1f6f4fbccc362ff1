"""A DAG to test the local stack: it sleeps, fails or returns its AIRFLOW_HOME."""

from __future__ import annotations

import os
import time

from airflow.sdk import Param, dag, task


@dag(
    schedule=None,
    params={"sleep_seconds": Param(0, type="integer"), "fail": Param(default=False, type="boolean")},
    is_paused_upon_creation=False,
)
def stack_probe() -> None:
    @task
    def act(params: dict[str, object] | None = None) -> str:
        assert params is not None
        time.sleep(int(str(params["sleep_seconds"])))
        if params["fail"]:
            raise ValueError("failed as asked")
        return os.environ["AIRFLOW_HOME"]

    act()


stack_probe()
