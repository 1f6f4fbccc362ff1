"""Creates runs in Airflow's database, as its own API does, and hides what its errors quote.

`airflow.api.common.trigger_dag` needs no credentials. It is no public interface: so Airflow is pinned, and
tests/integration calls it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.api.common.trigger_dag import trigger_dag
from airflow.exceptions import DagRunAlreadyExists
from airflow.models.dag import DagModel
from airflow.utils.session import create_session
from airflow.utils.types import DagRunTriggeredByType
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from include.errors import ConfigurationError, SyncError, TemporaryError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


class DatabaseBusy(TemporaryError):
    """Airflow's database is locked (SQLite) or unreachable."""


def require_unpaused(session: Session, dag_id: str) -> None:
    """Raise TemporaryError if the DAG is paused or unknown: Airflow would create a run but never start it."""
    dag = session.scalar(select(DagModel).where(DagModel.dag_id == dag_id))
    if dag is None or dag.is_stale:
        raise TemporaryError(f"Airflow does not know the DAG {dag_id} (yet)")
    if dag.is_paused:
        raise TemporaryError(f"the DAG {dag_id} is paused: unpause it in the UI", retry_after_seconds=300)


def trigger_once(dag_id: str, run_id: str, conf: Mapping[str, Any], user_name: str) -> bool:
    """Create a run in the name of a user; False if a run with this id already exists.

    SyncError if the DAG is unknown, paused or broken, or if the database is unreachable.
    """
    with hide_error_details("create the run"):
        with create_session() as session:
            require_unpaused(session, dag_id)
            _require_import(session, dag_id)
        try:
            trigger_dag(
                dag_id=dag_id,
                run_id=run_id,
                conf=dict(conf),
                triggered_by=DagRunTriggeredByType.UI,
                triggering_user_name=user_name,
            )
        except DagRunAlreadyExists:
            return False
    return True


def _require_import(session: Session, dag_id: str) -> None:
    """Airflow's own API refuses a DAG with import errors, too."""
    if session.scalar(select(DagModel.has_import_errors).where(DagModel.dag_id == dag_id)):
        raise ConfigurationError(f"the DAG {dag_id} has import errors: see the list of DAGs in the UI")


@contextmanager
def hide_error_details(action: str) -> Iterator[None]:
    """Replace errors of Airflow and its database by their class name: their text may hold addresses."""
    try:
        yield
    except SyncError:
        raise
    except OperationalError:
        raise DatabaseBusy("Airflow's database is locked or unreachable") from None
    except Exception as error:  # noqa: BLE001 - the text of any error may hold addresses
        raise TemporaryError(f"Airflow could not {action} ({type(error).__name__})") from None
