"""What the status page reads from Airflow: paused DAGs, waiting runs, the last callback, the receiver."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.models.dag import DagModel
from airflow.models.dagbundle import DagBundleModel
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunType
from sqlalchemy import delete
from sqlalchemy.exc import OperationalError

from include.outcomes import PipelineName
from include.page.newsletter_answer import AirflowFacts, Receiver
from plugins.web import airflow_facts as facts

NOW = datetime.now(UTC).replace(microsecond=0)
DAGS = ("sync_contacts", "sync_products", "update_newsletter")
EVERY = tuple(PipelineName)
SECRET = "a-webhook-secret-of-the-test"


@pytest.fixture(autouse=True)
def dags(airflow_db: None) -> Iterator[None]:
    """The DAGs of a running Airflow, without runs of other tests; they are removed afterwards."""
    with create_session() as session:
        session.execute(delete(DagRun).where(DagRun.dag_id.in_(DAGS)))
        if not session.get(DagBundleModel, "facts"):
            session.add(DagBundleModel(name="facts"))
            session.flush()
        for dag_id in DAGS:
            session.merge(DagModel(dag_id=dag_id, bundle_name="facts", is_paused=False, is_stale=False))
    yield
    with create_session() as session:
        session.execute(delete(DagRun).where(DagRun.dag_id.in_(DAGS)))
        session.execute(delete(DagModel).where(DagModel.dag_id.in_(DAGS)))


@pytest.fixture(autouse=True)
def connection(monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, webhook_secret=SECRET)


def connect(monkeypatch: pytest.MonkeyPatch, **extra: str) -> None:
    fields = {"conn_type": "connectif", "login": "key-id", "password": "s" * 20, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_CONNECTIF_DEFAULT", json.dumps(fields))


def pause(dag_id: str) -> None:
    with create_session() as session:
        model = session.get(DagModel, dag_id)
        assert model is not None
        model.is_paused = True


def run(run_id: str, state: DagRunState, age: timedelta) -> None:
    made: dict[str, Any] = {"dag_id": "update_newsletter", "run_id": run_id, "run_type": DagRunType.MANUAL}
    with create_session() as session:
        session.add(DagRun(**made, state=state, run_after=NOW - age, conf={"events": []}))


def test_facts__of_a_healthy_airflow() -> None:
    assert facts.airflow_facts(EVERY) == AirflowFacts()


def test_facts__paused_dags_are_those_of_the_pipelines_that_the_reader_may_see() -> None:
    pause("sync_contacts")
    pause("sync_products")
    assert facts.airflow_facts((PipelineName.CONTACTS,)).paused == {"sync_contacts"}


def test_facts__the_last_callback_and_the_runs_that_wait() -> None:
    run("connectif__1", DagRunState.SUCCESS, timedelta(hours=2))
    run("connectif__2", DagRunState.RUNNING, timedelta(minutes=3))
    run("connectifx", DagRunState.QUEUED, timedelta(minutes=1))
    run("again__1", DagRunState.QUEUED, timedelta(days=-1))
    found = facts.airflow_facts(EVERY)
    assert found.last_callback == NOW - timedelta(minutes=3)
    assert (found.runs_waiting, found.oldest_run) == (2, NOW - timedelta(minutes=3))
    assert found.receiver is Receiver.UP


def test_receiver__is_down_while_its_dag_is_paused() -> None:
    pause("update_newsletter")
    found = facts.airflow_facts(EVERY)
    assert (found.receiver, found.paused) == (Receiver.DOWN, {"update_newsletter"})
    assert "unpause it" in found.receiver_problem


def test_receiver__is_not_set_up_without_a_secret_and_down_without_its_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connect(monkeypatch)
    found = facts.airflow_facts(EVERY)
    assert (found.receiver, "Webhook secret" in found.receiver_problem) == (Receiver.NOT_SET_UP, True)
    monkeypatch.delenv("AIRFLOW_CONN_CONNECTIF_DEFAULT")
    found = facts.airflow_facts(EVERY)
    assert (found.receiver, "connectif_default" in found.receiver_problem) == (Receiver.DOWN, True)


def test_receiver__is_left_out_for_a_reader_who_may_not_see_the_newsletter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connect(monkeypatch)
    assert facts.airflow_facts((PipelineName.CONTACTS,)) == AirflowFacts()


def test_facts__are_unknown_while_airflows_database_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def locked() -> None:
        raise OperationalError("SELECT canary@example.com", {}, Exception("database is locked"))

    monkeypatch.setattr(facts, "create_session", locked)
    found = facts.airflow_facts(EVERY)
    assert (found.receiver, "locked or unreachable" in found.problem) == (Receiver.DOWN, True)
    assert "canary" not in repr(found)
