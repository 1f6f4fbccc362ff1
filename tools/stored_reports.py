"""The reports in the state store of a local Airflow."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from include.outcomes import PipelineName
from include.pipelines import NEWSLETTER
from include.state import Shop, open_state_store
from include.state.reports import StoredReport
from include.state.tables import shop


def stored_reports(database: Path, hash_key: str) -> dict[str, StoredReport]:
    """The last report of each run in a SQLite file, by run id (see `stored_reports_at`)."""
    return stored_reports_at(f"sqlite:///{database}", hash_key)


def stored_reports_at(url: str, hash_key: str) -> dict[str, StoredReport]:
    """The last report of each run, by run id. The state store must know one shop only.

    Leaves out the newsletter reports of contact runs.
    """
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        row = connection.execute(sa.select(shop)).mappings().one()
    engine.dispose()
    accounts = Shop(**{name: value for name, value in row.items() if name != "shop_id"})
    with open_state_store(url, hash_key, accounts) as state:
        runs = [run for pipeline in PipelineName for run in state.reports.latest(pipeline, limit=100)]
    own = [
        run for run in runs if run.pipeline is not PipelineName.NEWSLETTER or run.dag_id == NEWSLETTER.dag_id
    ]
    return {run.run_id: run for run in sorted(own, key=lambda run: run.finished_at or run.started_at)}
