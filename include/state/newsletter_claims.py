"""What a newsletter run has claimed, so that its retry finds the ledger as the run did."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from include.batching import in_batches
from include.state.subscription_changes import SubscriptionChange, SubscriptionState
from include.state.tables import claim

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from include.state.database import Database

KEPT_FOR_A_RETRY = timedelta(days=7)
"""Airflow tries a newsletter run again for a day at the most (`plugins/default_args.py`)."""
_ASKED_AT_ONCE = 500


def remember_claims(
    database: Database,
    connection: sa.Connection,
    run_key: str,
    changes: Mapping[str, SubscriptionChange],
    before: Mapping[str, SubscriptionState],
) -> dict[str, SubscriptionState]:
    """Write down what stood before a run's claims. Returns that, and for a claim that an interrupted attempt
    of the run has left, what stood before the run.
    """
    earlier, now = _claims_of(database, connection, run_key, changes), database.clock()
    stood, rows = dict(before), list[dict[str, Any]]()
    for person in sorted(changes):
        known = earlier.get(person)
        if known is None or _change_of(known) != changes[person]:
            rows.append({"person": person, **changes[person]._asdict(), **_columns_of(before.get(person))})
        elif before.get(person) == SubscriptionState(changes[person], None):
            stood.pop(person)
            stood |= _stood_before(known)
    shared = {"shop_id": database.shop_id, "run_key": run_key, "documents": 0, "claimed_at": now}
    if rows:
        connection.execute(_upsert(database), [shared | row for row in rows])
    connection.execute(sa.delete(claim).where(claim.c.claimed_at < now - KEPT_FOR_A_RETRY))
    return stood


def first_documents(
    database: Database, connection: sa.Connection, run_key: str, documents: Mapping[str, int]
) -> dict[str, int]:
    """By person, how many documents the run began to write at first, and does now where it had not begun."""
    known = {
        person: row.documents
        for person, row in _claims_of(database, connection, run_key, documents).items()
        if row.documents
    }
    ours = claim.c.shop_id == database.shop_id, claim.c.run_key == run_key
    for person, number in documents.items():
        if number and person not in known:
            this = sa.update(claim).where(*ours, claim.c.person == person)
            connection.execute(this.values(documents=number))
    return {**documents, **known}


def _claims_of(
    database: Database, connection: sa.Connection, run_key: str, people: Iterable[str]
) -> dict[str, sa.Row[Any]]:
    ours = claim.c.shop_id == database.shop_id, claim.c.run_key == run_key
    found: dict[str, sa.Row[Any]] = {}
    for persons in in_batches(people, _ASKED_AT_ONCE):
        query = sa.select(claim).where(*ours, claim.c.person.in_(persons))
        found |= {row.person: row for row in connection.execute(query)}
    return found


def _upsert(database: Database) -> sa.Insert:
    insert = database.insert(claim)
    keys = {"shop_id", "run_key", "person"}
    new = {column.name: insert.excluded[column.name] for column in claim.c if column.name not in keys}
    return insert.on_conflict_do_update(index_elements=sorted(keys), set_=new)


def _change_of(row: sa.Row[Any]) -> SubscriptionChange:
    return SubscriptionChange(row.instant, row.unsubscribed)


def _columns_of(before: SubscriptionState | None) -> dict[str, Any]:
    return {
        "before_instant": before and before.change.instant,
        "before_unsubscribed": before and before.change.unsubscribed,
        "before_applied_at": before and before.applied_at,
    }


def _stood_before(row: sa.Row[Any]) -> dict[str, SubscriptionState]:
    if row.before_instant is None:
        return {}
    return {
        row.person: SubscriptionState(
            SubscriptionChange(row.before_instant, row.before_unsubscribed), row.before_applied_at
        )
    }
