"""Marks of purchases that a run is posting: written before each POST, removed when the answer is recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from include.batching import in_batches
from include.outcomes import Outcome
from include.state.database import Part
from include.state.tables import posting

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from include.state.purchases import PurchaseOutcome

_ROWS_PER_STATEMENT = 500


class PostMark(NamedTuple):
    """A purchase that a run is posting, or was posting when its process ended.

    `lines_left_out` is the number of its lines that are not in the POST.
    """

    purchase_id: str
    run_key: str
    lines_left_out: int
    marked_at: datetime


class PurchaseToPost(NamedTuple):
    """A purchase that a run is about to post; `person` is the buyer's hash (`StateStore.hashed`)."""

    purchase_id: str
    person: str
    lines_left_out: int = 0


class PostMarks(Part):
    """Few rows at any time: the current POSTs, and those of processes that ended before the answer."""

    def mark(self, run_key: str, purchases: Iterable[PurchaseToPost]) -> None:
        """Record that Connectif may have these purchases from now on; durable on return."""
        shared = {
            "shop_id": self._database.shop_id,
            "run_key": run_key,
            "marked_at": self._database.clock(),
        }
        insert = self._database.insert(posting)
        new = {name: insert.excluded[name] for name in ("person", "lines_left_out", "marked_at")}
        statement = insert.on_conflict_do_update(
            index_elements=["shop_id", "purchase_id", "run_key"], set_=new
        )
        for batch in in_batches(purchases, _ROWS_PER_STATEMENT):
            rows = {one.purchase_id: {**shared, **one._asdict()} for one in batch}
            with self._database.write() as connection:
                connection.execute(statement, list(rows.values()))

    def marks(self) -> list[PostMark]:
        """All marks, of every run, the oldest first."""
        columns = [posting.c[name] for name in PostMark._fields]
        query = sa.select(*columns).where(posting.c.shop_id == self._database.shop_id)
        with self._database.read() as connection:
            return [PostMark(*row) for row in connection.execute(query.order_by(posting.c.marked_at))]


def remove_marks(
    connection: sa.Connection, shop_id: int, run_key: str, answers: Sequence[PurchaseOutcome]
) -> None:
    """Remove the run's own marks of these purchases, and all runs' marks of those that were sent."""
    sent = [one.purchase_id for one in answers if one.outcome is Outcome.SENT]
    for batch in in_batches([one.purchase_id for one in answers], _ROWS_PER_STATEMENT):
        own = sa.and_(posting.c.run_key == run_key, posting.c.purchase_id.in_(batch))
        sent_by_any = posting.c.purchase_id.in_(set(batch).intersection(sent))
        connection.execute(sa.delete(posting).where(posting.c.shop_id == shop_id, sa.or_(own, sent_by_any)))
