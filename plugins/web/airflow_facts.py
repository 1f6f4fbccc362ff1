"""The facts of the status page that only Airflow knows: paused DAGs, the receiver, runs that wait.

They are read in the api-server, which also serves the receiver, with the functions that answer its `/health`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from sqlalchemy import func, select

from include.errors import ConfigurationError, SyncError, TemporaryError
from include.outcomes import PipelineName
from include.page.newsletter_answer import AirflowFacts, Receiver
from include.pipelines import CALLBACK_RUN, NEWSLETTER, PIPELINES
from plugins.web.airflow_runs import hide_error_details
from plugins.web.newsletter_keys import KeysUnreadable, read_keys
from plugins.web.newsletter_receiver import oldest_unfinished_run, unfinished_runs


def airflow_facts(pipelines: Collection[PipelineName]) -> AirflowFacts:
    """Read the facts for these pipelines. `problem` is set if Airflow's database does not answer."""
    try:
        with hide_error_details("read its runs"):
            paused = _paused([PIPELINES[pipeline].dag_id for pipeline in pipelines])
            newsletter = _newsletter_runs() if PipelineName.NEWSLETTER in pipelines else {}
    except TemporaryError as problem:
        return AirflowFacts(problem=str(problem), receiver=Receiver.DOWN, receiver_problem=str(problem))
    receiver, why = _receiver() if PipelineName.NEWSLETTER in pipelines else (Receiver.UP, "")
    return AirflowFacts(paused=paused, receiver=receiver, receiver_problem=why, **newsletter)


def _paused(dag_ids: list[str]) -> frozenset[str]:
    query = select(DagModel.dag_id).where(DagModel.dag_id.in_(dag_ids), DagModel.is_paused.is_(True))
    with create_session() as session:
        return frozenset(session.scalars(query))


def _newsletter_runs() -> dict[str, Any]:
    """The last callback, and the runs that are due but not finished."""
    called = select(func.max(DagRun.run_after)).where(
        DagRun.dag_id == NEWSLETTER.dag_id, DagRun.run_id.startswith(CALLBACK_RUN, autoescape=True)
    )
    waiting = select(func.count(), func.min(DagRun.run_after)).where(*unfinished_runs(NEWSLETTER.dag_id))
    with create_session() as session:
        number, oldest = session.execute(waiting).one()
        return {"last_callback": session.scalar(called), "runs_waiting": number, "oldest_run": oldest}


def _receiver() -> tuple[Receiver, str]:
    """Whether the receiver accepts calls now, and why not: the conditions of its `/health`."""
    try:
        read_keys()
        oldest_unfinished_run()
    except SyncError as problem:
        is_unset = isinstance(problem, ConfigurationError) and not isinstance(problem, KeysUnreadable)
        return (Receiver.NOT_SET_UP if is_unset else Receiver.DOWN), str(problem)
    return Receiver.UP, ""
