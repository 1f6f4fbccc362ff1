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
from include.pipelines import CALLBACK_RUN, PIPELINES
from include.shops import DEFAULT, ConfiguredShop, load_shops
from plugins.web.airflow_runs import hide_error_details
from plugins.web.newsletter_keys import KeysUnreadable, read_keys
from plugins.web.newsletter_receiver import newsletter_dag, oldest_unfinished_run, unfinished_runs


def airflow_facts(pipelines: Collection[PipelineName], shop: ConfiguredShop | None = None) -> AirflowFacts:
    """Read the facts for these pipelines of a shop, by default of the shop without a section.

    `problem` is set if Airflow's database does not answer.
    """
    shop = shop or load_shops().get(DEFAULT)
    has_newsletter = PipelineName.NEWSLETTER in pipelines
    try:
        with hide_error_details("read its runs"):
            paused = _paused([shop.dag_id(PIPELINES[pipeline].dag_id) for pipeline in pipelines])
            newsletter = _newsletter_runs(newsletter_dag(shop)) if has_newsletter else {}
    except TemporaryError as problem:
        return AirflowFacts(problem=str(problem), receiver=Receiver.DOWN, receiver_problem=str(problem))
    receiver, why = _receiver(shop) if has_newsletter else (Receiver.UP, "")
    return AirflowFacts(paused=paused, receiver=receiver, receiver_problem=why, **newsletter)


def _paused(dag_ids: list[str]) -> frozenset[str]:
    query = select(DagModel.dag_id).where(DagModel.dag_id.in_(dag_ids), DagModel.is_paused.is_(True))
    with create_session() as session:
        return frozenset(session.scalars(query))


def _newsletter_runs(dag_id: str) -> dict[str, Any]:
    """The last callback, and the runs that are due but not finished."""
    called = select(func.max(DagRun.run_after)).where(
        DagRun.dag_id == dag_id, DagRun.run_id.startswith(CALLBACK_RUN, autoescape=True)
    )
    waiting = select(func.count(), func.min(DagRun.run_after)).where(*unfinished_runs(dag_id))
    with create_session() as session:
        number, oldest = session.execute(waiting).one()
        return {"last_callback": session.scalar(called), "runs_waiting": number, "oldest_run": oldest}


def _receiver(shop: ConfiguredShop) -> tuple[Receiver, str]:
    """Whether the shop's receiver accepts calls now, and why not: the conditions of its `/health`."""
    try:
        read_keys(shop.connectif_connection)
        oldest_unfinished_run(shop)
    except SyncError as problem:
        is_unset = isinstance(problem, ConfigurationError) and not isinstance(problem, KeysUnreadable)
        return (Receiver.NOT_SET_UP if is_unset else Receiver.DOWN), str(problem)
    return Receiver.UP, ""
