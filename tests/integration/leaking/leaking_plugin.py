"""A plugin with bugs that log secrets in every component: lines, tracebacks, both kinds of loggers."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog
from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin
from fastapi import FastAPI

from tests.integration.leaking.secrets import texts

MARK = "leaking-plugin"


def leak(place: str) -> None:
    """Log one line of each kind."""
    for kind, text in texts().items():
        logging.getLogger("leaking").warning("%s %s %s %s", MARK, place, kind, text)
        structlog.get_logger("leaking").warning("%s %s", MARK, place, kind=kind, text=text)
        try:
            fail(f"{MARK} {place} {kind} {text}")
        except ValueError:
            logging.getLogger("leaking").exception("%s %s", MARK, place)
            structlog.get_logger("leaking").exception(f"{MARK} {place}")


def fail(text: str) -> None:
    """Raise an error that quotes its input."""
    raise ValueError(text)


class LeakingListener:
    @hookimpl
    def on_starting(self, component: object) -> None:
        """Leak in components only. A task has no secret of the database when it starts."""
        if type(component).__name__ == "Job":
            leak(f"{sys.argv[1]} {type(component).__name__}")

    @hookimpl
    def on_dag_run_running(self, dag_run: Any, msg: str) -> None:
        leak("run is running")


app = FastAPI()


@app.get("/leak")
def page() -> None:
    """Leak in the api-server."""
    leak("api-server")


class LeakingPlugin(AirflowPlugin):
    name = "zz_leaking"
    listeners: list[Any] = [LeakingListener()]  # noqa: RUF012
    fastapi_apps: list[Any] = [{"app": app, "url_prefix": "/leaking", "name": "leaks"}]  # noqa: RUF012
