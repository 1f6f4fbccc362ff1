"""Logs our own errors as one line in a task's log. Light to import.

The message of a `SyncError` says what happened and what to do. Airflow would print about 35 frames after it.
Bugs keep their traceback.
"""

from __future__ import annotations

import sys
from typing import Any

import structlog
from airflow.sdk.configuration import conf

from include.errors import SyncError


def shorten_tracebacks() -> None:
    """Log our own errors without traceback and causes from now on in this process.

    With Airflow's logging level DEBUG they keep them. An error is re-raised through ten functions of Airflow
    before Airflow logs it (`task_runner`, 3.3.2), so it cannot be raised without frames.
    """
    # Change the list in place: existing loggers hold it.
    processors: list[Any] = structlog.get_config()["processors"]
    if _drop_traceback not in processors and conf.get("logging", "logging_level").upper() != "DEBUG":
        processors.insert(0, _drop_traceback)


def _drop_traceback(_logger: Any, _name: str, event: Any) -> Any:
    """A structlog processor: `Task failed with exception: AccessRefused: VTEX, Master Data search: …`.

    Airflow's log view wraps the text of an event, but not the text of an error.
    """
    error = _error_in(event.get("exc_info"))
    if isinstance(error, SyncError):
        del event["exc_info"]
        event["event"] = f"{event['event']}: {type(error).__name__}: {error}"
    return event


def _error_in(exc_info: Any) -> BaseException | None:
    if isinstance(exc_info, BaseException):
        return exc_info
    return exc_info[1] if isinstance(exc_info, tuple) else sys.exc_info()[1] if exc_info else None
