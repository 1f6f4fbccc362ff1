"""Around each try of a task: failures are recorded, and our own errors are logged as one line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import structlog

from include.errors import MissingConnection, SyncError, TemporaryError
from include.outcomes import PipelineName
from include.page.overview import overview
from include.page.status import Reader, status_page
from include.settings import load_settings
from include.state import StateStore, open_state_store, upgrade
from include.task_failure import KILLED
from plugins import short_tracebacks
from plugins.task_boundary import failure_in, forget_failure, record_failure, record_retry, recorded_failure

STARTED = datetime(2026, 11, 23, 5, tzinfo=UTC)
RUN = ("sync_contacts", "scheduled__2026-11-23T05:00:00+00:00")
CANARY = "canary@example.com"


def context(
    error: object = None,
    *,
    task: str = "load",
    try_number: int = 1,
    map_index: int | None = -1,
    started: datetime = STARTED,
) -> dict[str, Any]:
    """What Airflow passes to the callback of a task; without an error, as its DAG processor does."""
    ti = SimpleNamespace(
        dag_id=RUN[0], run_id=RUN[1], task_id=task, map_index=map_index, try_number=try_number
    )
    run = SimpleNamespace(start_date=started, run_after=STARTED)
    return {"ti": ti, "dag_run": run, **({} if error is None else {"exception": error})}


@pytest.fixture
def file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Valid connections. Returns the file of the state store, which has tables."""
    file = tmp_path / "state.db"
    upgrade(f"sqlite:///{file}")
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "LocalExecutor")
    connections = {
        "vtex_default": {
            "conn_type": "vtex",
            "login": "key",
            "password": "t" * 20,
            "extra": {"account": "shop"},
        },
        "connectif_default": {"conn_type": "connectif", "login": "key-id", "password": "s" * 20},
        "sync_state": {"conn_type": "sqlite", "host": str(file), "extra": {"hash_key": "k" * 32}},
    }
    for name, fields in connections.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(fields))
    return file


@pytest.fixture
def state(file: Path) -> Iterator[StateStore]:
    from plugins.hooks.accounts import shop_of_connections  # noqa: PLC0415

    with open_state_store(f"sqlite:///{file}", "k" * 32, shop_of_connections()) as state:
        yield state


def test_failure__holds_the_message_of_our_own_errors(state: StateStore) -> None:
    record_failure(context(TemporaryError("VTEX: HTTP 503"), try_number=5))
    failure = recorded_failure(*RUN, STARTED)
    assert failure is not None
    assert (failure.task, failure.try_number, failure.error, failure.sentence, failure.retried) == (
        "load", 5, "TemporaryError", "VTEX: HTTP 503", False,
    )  # fmt: skip
    assert failure.log == (
        "dags/sync_contacts/runs/scheduled__2026-11-23T05%3A00%3A00%2B00%3A00/tasks/load?try_number=5"
    )


def test_failure__of_a_mapped_task_leads_to_its_log() -> None:
    failure = failure_in(context(TemporaryError("x"), map_index=3, try_number=2))
    assert failure.log.endswith("/tasks/load/mapped/3?try_number=2")


def test_failure__of_a_killed_process_says_so(state: StateStore) -> None:
    record_failure(context())
    assert (recorded_failure(*RUN, STARTED) or failure_in(context(SyncError("")))).sentence == KILLED


def test_failure__is_replaced_by_the_next_try_and_removed_by_a_good_one(state: StateStore) -> None:
    record_retry(context(TemporaryError("first")))
    assert [one.failure.retried for one in state.task_failures.since(RUN[0], STARTED)] == [True]
    record_failure(context(TemporaryError("second"), try_number=2))
    assert [one.failure.sentence for one in state.task_failures.since(RUN[0], STARTED)] == ["second"]
    forget_failure(context(try_number=3, task="transform"))
    assert recorded_failure(*RUN, STARTED)
    forget_failure(context(try_number=3))
    assert recorded_failure(*RUN, STARTED) is None


def test_failure__of_a_run_that_was_cleared_does_not_count(state: StateStore) -> None:
    record_failure(context(TemporaryError("before the clear")))
    assert recorded_failure(*RUN, STARTED + timedelta(hours=2)) is None


def test_run__is_explained_by_its_first_failure(state: StateStore) -> None:
    record_failure(context(TemporaryError("the reason")))
    record_failure(context(SyncError("the run ended in load"), task="report"))
    assert (recorded_failure(*RUN, STARTED) or failure_in(context())).sentence == "the reason"


def test_success__at_the_first_try_opens_no_state_store() -> None:
    forget_failure(context())


def test_failure__that_cannot_be_recorded_is_logged_with_the_reason(caplog: pytest.LogCaptureFixture) -> None:
    record_failure(context(TemporaryError("VTEX: HTTP 503")))
    forget_failure(context(try_number=2))
    messages = [record.getMessage() for record in caplog.records if record.name == "plugins.task_boundary"]
    assert len(messages) == 2
    assert all("There is no connection vtex_default" in message for message in messages)


@pytest.mark.parametrize(
    "error", [OSError(CANARY), ValueError(f"bad row: {CANARY}"), TimeoutError(CANARY), KeyError(CANARY)]
)
def test_canary__of_an_error_that_is_not_ours_is_nowhere(
    state: StateStore, file: Path, error: Exception
) -> None:
    """Only the class is recorded. The message of our own error does not repeat its cause."""
    record_failure(context(error))
    ours = TemporaryError("VTEX does not answer")
    ours.__cause__ = error
    record_failure(context(ours, task="transform"))
    failures = state.task_failures.since(RUN[0], STARTED)
    assert [one.failure.error for one in failures] == [type(error).__name__, "TemporaryError"]
    shown = overview(state, (PipelineName.CONTACTS,), load_settings(), STARTED)
    page = status_page(shown, Reader(ZoneInfo("UTC"), "shop", may_explain=False), STARTED)
    assert type(error).__name__ in page
    assert "Task load failed (try 1," in " ".join(re.sub("<[^>]*>", "", page).split())
    for text in (page, repr(failures), *(one.failure.model_dump_json() for one in failures)):
        assert "canary" not in text
    assert b"canary" not in b"".join(one.read_bytes() for one in file.parent.glob("state.db*"))


# --- the log


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[StringIO]:
    """What structlog writes, in the form that a task sends to its supervisor."""
    from airflow.sdk._shared.logging import structlog as of_airflow  # noqa: PLC0415

    before, out = structlog.get_config(), StringIO()
    processors, _, render = of_airflow.structlog_processors(json_output=True)
    structlog.configure(
        processors=[*processors, lambda *event: render(*event).decode()],
        logger_factory=structlog.WriteLoggerFactory(file=out),
    )
    yield out
    structlog.configure(**before)


def log_exception(error: Exception) -> None:
    """Log like Airflow's task runner."""
    try:
        raise error from OSError("the cause")  # noqa: TRY301 - the error must have a frame
    except Exception:  # noqa: BLE001
        structlog.get_logger("task").exception("Task failed with exception")


def test_log__of_our_own_error_is_one_line_without_frames_and_causes(logged: StringIO) -> None:
    short_tracebacks.shorten_tracebacks()
    short_tracebacks.shorten_tracebacks()
    log_exception(MissingConnection("5 % of it. There is no connection vtex_default", advice="Create it"))
    (line,) = logged.getvalue().splitlines()
    event = json.loads(line)
    assert event["event"] == (
        "Task failed with exception: MissingConnection: 5 % of it. There is no connection vtex_default. "
        "Create it"
    )
    assert "exception" not in event
    assert "the cause" not in line


def test_log__of_a_bug_keeps_its_traceback(logged: StringIO) -> None:
    short_tracebacks.shorten_tracebacks()
    log_exception(TypeError("a bug"))
    bug, *_ = json.loads(logged.getvalue())["exception"]
    assert (bug["exc_type"], bug["exc_value"]) == ("TypeError", "a bug")
    assert [frame["name"] for frame in bug["frames"]] == ["log_exception"]


def test_log__at_level_debug_keeps_all_tracebacks(logged: StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__LOGGING__LOGGING_LEVEL", "DEBUG")
    short_tracebacks.shorten_tracebacks()
    log_exception(TemporaryError("VTEX: HTTP 503"))
    assert json.loads(logged.getvalue())["exception"][0]["frames"]
