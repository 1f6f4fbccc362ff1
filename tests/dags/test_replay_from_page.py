"""The list of records creates a real run in Airflow's database, with the checks of Airflow's own API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from include.errors import SyncError, TemporaryError
from plugins.web.airflow_runs import trigger_once

if TYPE_CHECKING:
    from airflow.sdk import DAG

pytestmark = pytest.mark.filterwarnings("ignore::Warning")

DAG_ID = "sync_contacts"
CONF = {"mode": "replay", "replay": "doc-001,doc-002"}
EMAIL = "canary@example.com"


@pytest.fixture(scope="module")
def known(dags: dict[str, DAG]) -> None:
    """Airflow's database knows our DAGs."""
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db  # noqa: PLC0415 - Airflow takes seconds
    from airflow.models.dagbundle import DagBundleModel  # noqa: PLC0415
    from airflow.utils.session import create_session  # noqa: PLC0415

    with create_session() as session:
        session.merge(DagBundleModel(name="dags-folder"))
    bag = DagBag()
    assert DAG_ID in bag.dags
    sync_bag_to_db(bag, "dags-folder", None)


def change(**values: Any) -> None:
    """Change the DAG's row in Airflow's database."""
    from airflow.models.dag import DagModel  # noqa: PLC0415
    from airflow.utils.session import create_session  # noqa: PLC0415
    from sqlalchemy import update  # noqa: PLC0415

    with create_session() as session:
        session.execute(update(DagModel).where(DagModel.dag_id == DAG_ID).values(**values))


@pytest.fixture
def unpaused(known: None) -> Iterator[None]:
    change(is_paused=False)
    yield
    change(is_paused=True, has_import_errors=False, is_stale=False)


def run_of(run_id: str) -> Any:
    from airflow.models.dagrun import DagRun  # noqa: PLC0415
    from airflow.utils.session import create_session  # noqa: PLC0415
    from sqlalchemy import select  # noqa: PLC0415

    with create_session() as session:
        return session.scalar(select(DagRun).where(DagRun.dag_id == DAG_ID, DagRun.run_id == run_id))


@pytest.mark.usefixtures("unpaused")
def test_run__is_created_once_in_the_name_of_the_user() -> None:
    assert trigger_once(DAG_ID, "replay__1", CONF, "ana") is True
    assert trigger_once(DAG_ID, "replay__1", CONF, "eva") is False
    run = run_of("replay__1")
    assert (run.conf, run.triggering_user_name, run.run_type) == (CONF, "ana", "manual")
    assert (run.triggered_by.value, run.state) == ("ui", "queued")


@pytest.mark.usefixtures("unpaused")
@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"is_paused": True}, "sync_contacts is paused: unpause it"),
        ({"is_stale": True}, "does not know the DAG sync_contacts"),
        ({"has_import_errors": True}, "sync_contacts has import errors"),
    ],
)
def test_run__of_a_dag_that_would_not_start_is_refused(row: dict[str, bool], message: str) -> None:
    change(**row)
    with pytest.raises(SyncError, match=message):
        trigger_once(DAG_ID, "replay__2", CONF, "ana")
    assert run_of("replay__2") is None


@pytest.mark.usefixtures("known")
def test_run__of_an_unknown_dag_is_refused() -> None:
    with pytest.raises(TemporaryError, match="does not know the DAG sync_shoes"):
        trigger_once("sync_shoes", "replay__3", CONF, "ana")


@pytest.mark.usefixtures("unpaused")
def test_run__with_a_wrong_parameter_is_refused_without_its_text() -> None:
    with pytest.raises(SyncError) as refused:
        trigger_once(DAG_ID, "replay__4", {"mode": "replay", "replay": EMAIL}, "ana")
    assert "canary" not in str(refused.value)
    assert refused.value.__suppress_context__
    assert run_of("replay__4") is None
