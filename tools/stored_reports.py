"""The reports in the state store of a local Airflow."""

from __future__ import annotations

from pathlib import Path

from include.outcomes import PipelineName
from include.pipelines import NEWSLETTER
from include.shops import base_of
from include.state import open_state_store
from include.state.reports import StoredReport
from include.state.shops import ShopTable


def stored_reports(database: Path, hash_key: str) -> dict[str, StoredReport]:
    """The last report of each run in a SQLite file, by run id (see `stored_reports_at`)."""
    return stored_reports_at(f"sqlite:///{database}", hash_key)


def stored_reports_at(url: str, hash_key: str) -> dict[str, StoredReport]:
    """The last report of each run of every shop, by run id.

    Leaves out the newsletter reports of contact runs.
    """
    own = list[StoredReport]()
    for shop in ShopTable(url).all():
        with open_state_store(url, hash_key, shop) as state:
            runs = [run for pipeline in PipelineName for run in state.reports.latest(pipeline, limit=100)]
        own += [run for run in runs if not _is_of_contact_run(run)]
    return {run.run_id: run for run in sorted(own, key=lambda run: run.finished_at or run.started_at)}


def _is_of_contact_run(run: StoredReport) -> bool:
    return run.pipeline is PipelineName.NEWSLETTER and base_of(run.dag_id) != NEWSLETTER.dag_id
