"""A DAG whose task and callbacks read our connections and quote their secrets."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import dag, task

from plugins.hooks.accounts import connectif_account, vtex_account
from plugins.hooks.airflow_connections import connectif_connection, vtex_connection
from plugins.web.newsletter_keys import read_keys
from tests.integration.leaking.secrets import texts


def leak(place: str) -> ValueError:
    vtex_account(vtex_connection())
    connectif_account(connectif_connection())
    read_keys()
    for kind, text in texts().items():
        logging.getLogger("leaking").warning("leaking-dag %s %s %s", place, kind, text)
        print(f"leaking-dag {place} {kind} {text}")  # noqa: T201 - a task's output is a log, too
    return ValueError(f"leaking-dag {place} {' '.join(texts().values())}")


def run_failed(_context: Any) -> None:
    raise leak("callback of the run")


def task_failed(_context: Any) -> None:
    raise leak("callback of the task")


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    is_paused_upon_creation=False,
    on_failure_callback=run_failed,
)
def leaking() -> None:
    @task(on_failure_callback=task_failed)
    def act() -> None:
        raise leak("task")

    act()


leaking()
