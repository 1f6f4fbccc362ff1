"""The run reports of a local stack's own store."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from include.outcomes import Area
from include.store import AccountPair, open_store
from include.store.reports import StoredReport
from include.store.tables import pair


def stored_reports(database: Path, hash_key: str) -> dict[str, StoredReport]:
    """Every run in a store that knows one pair of accounts, by its run id (the last report of each).

    What a contact run did for the newsletter besides is left out.
    """
    url = f"sqlite:///{database}"
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        row = connection.execute(sa.select(pair)).mappings().one()
    engine.dispose()
    accounts = AccountPair(**{name: value for name, value in row.items() if name != "pair_id"})
    with open_store(url, hash_key, accounts) as store:
        runs = [run for area in Area for run in store.reports(area, limit=100)]
    own = [run for run in runs if run.area is not Area.NEWSLETTER or run.dag_id == "update_newsletter"]
    return {run.run_id: run for run in sorted(own, key=lambda run: run.finished_at or run.started_at)}
