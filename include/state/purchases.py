"""The outcome of each purchase, written as soon as Connectif has answered."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from include.batching import in_batches
from include.outcomes import Outcome, Reason
from include.state.database import Part
from include.state.post_marks import remove_marks
from include.state.records import replay_condition
from include.state.tables import LONGEST_ORIGIN, purchase

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, timedelta

    from include.window import Window

DONE = (Outcome.SENT, Outcome.ALREADY_THERE)
"""Outcomes after which Connectif has the purchase."""

_IDS_PER_QUERY = 500
_ROWS_PER_STATEMENT = 1_000


@dataclass(frozen=True)
class StoredPurchase:
    """One purchase and its VTEX orders; `attempts` counts the recorded answers.

    `lines_left_out` is the number of lines that were not sent.
    """

    purchase_id: str
    outcome: Outcome
    reason: Reason | None
    detail: str
    run_key: str
    order_ids: tuple[str, ...]
    purchase_date: datetime
    lines_left_out: int
    attempts: int
    first_seen: datetime
    last_seen: datetime


@dataclass(frozen=True)
class PurchaseOutcome:
    """The outcome of one purchase, to be recorded; `person` is the buyer's hash (`StateStore.hashed`).

    `payment_method` and `sales_channel` are VTEX's names.
    """

    purchase_id: str
    outcome: Outcome
    reason: Reason | None
    detail: str
    order_ids: Sequence[str]
    purchase_date: datetime
    person: str | None = None
    lines_left_out: int = 0
    payment_method: str | None = None
    sales_channel: str | None = None


class Purchases(Part):
    """One row per purchase: the last answer. An outcome in `DONE` is never replaced by another one.

    A sent purchase that Connectif reports as existing stays `sent`, with the reason `already_tracked`: so
    purchases that the sync added differ from those of the shop's web tag. It also keeps the order ids that
    were sent: they show which orders it lacks.
    """

    def done(self, purchase_ids: Iterable[str]) -> set[str]:
        """The ids of those purchases that Connectif has, by our records."""
        recorded = self.recorded(purchase_ids)
        return {key for key, stored in recorded.items() if stored.outcome in DONE}

    def count_by_outcome(self, when: Window) -> Counter[Outcome]:
        """The number of purchases in the window by outcome: `sent` ones are those that the sync added, and
        `already_there` those that Connectif had before."""
        query = (
            sa.select(purchase.c.outcome, sa.func.count().label("number"))
            .where(
                purchase.c.shop_id == self._database.shop_id,
                # No purchase is recorded before its date, and this column has an index
                purchase.c.first_seen >= when.start,
                purchase.c.purchase_date >= when.start,
                purchase.c.purchase_date < when.end,
            )
            .group_by(purchase.c.outcome)
        )
        with self._database.read() as connection:
            return Counter({Outcome(row.outcome): row.number for row in connection.execute(query)})

    def of_run(self, run_key: str) -> dict[str, StoredPurchase]:
        """The purchases that a run has recorded so far, by id: a retry does not ask Connectif again."""
        query = sa.select(purchase).where(
            purchase.c.shop_id == self._database.shop_id, purchase.c.run_key == run_key
        )
        with self._database.read() as connection:
            return {
                row["purchase_id"]: _to_stored_purchase(row) for row in connection.execute(query).mappings()
            }

    def recorded(self, purchase_ids: Iterable[str]) -> dict[str, StoredPurchase]:
        """The recorded ones of these purchases, by id."""
        found: dict[str, StoredPurchase] = {}
        with self._database.read() as connection:
            for ids in in_batches(purchase_ids, _IDS_PER_QUERY):
                query = sa.select(purchase).where(
                    purchase.c.shop_id == self._database.shop_id, purchase.c.purchase_id.in_(ids)
                )
                found |= {
                    row["purchase_id"]: _to_stored_purchase(row)
                    for row in connection.execute(query).mappings()
                }
        return found

    def orders_to_replay(self, wanted: str) -> list[str]:
        """Order ids of purchases that Connectif does not have. `wanted` is "all" (rejected or held), a reason
        code, or a purchase id."""
        query = sa.select(purchase.c.order_ids).where(
            purchase.c.shop_id == self._database.shop_id,
            purchase.c.outcome.not_in(DONE),
            replay_condition(purchase, purchase.c.purchase_id, wanted),
        )
        with self._database.read() as connection:
            return sorted({one for order_ids in connection.execute(query).scalars() for one in order_ids})

    def record(self, run_key: str, answers: Iterable[PurchaseOutcome]) -> None:
        """Write answers; they are durable on return. Only an answer in `DONE` replaces an answer in `DONE`.

        The same transaction removes the run's marks of these purchases (see `PostMarks`).
        """
        for batch in in_batches(answers, _ROWS_PER_STATEMENT):
            # PostgreSQL rejects a statement with the same key twice: the last row wins
            latest = {answer.purchase_id: answer for answer in batch}
            rows = [self._purchase_row(run_key, answer) for answer in latest.values()]
            with self._database.write() as connection:
                connection.execute(self._purchase_upsert(), rows)
                remove_marks(connection, self._database.shop_id, run_key, list(latest.values()))

    def _purchase_row(self, run_key: str, answer: PurchaseOutcome) -> dict[str, Any]:
        now = self._database.clock()
        return {
            "shop_id": self._database.shop_id,
            "run_key": run_key,
            **{field.name: getattr(answer, field.name) for field in fields(answer)},
            "order_ids": list(answer.order_ids),
            "payment_method": _cut(answer.payment_method),
            "sales_channel": _cut(answer.sales_channel),
            "attempts": 1,
            "first_seen": now,
            "last_seen": now,
        }

    def _purchase_upsert(self) -> sa.Insert:
        insert = self._database.insert(purchase)
        new = insert.excluded
        kept = {"shop_id", "purchase_id", "attempts", "first_seen"}
        values = {column.name: new[column.name] for column in purchase.c if column.name not in kept}
        sent_before = sa.and_(purchase.c.outcome == Outcome.SENT, new.outcome == Outcome.ALREADY_THERE)
        return insert.on_conflict_do_update(
            index_elements=["shop_id", "purchase_id"],
            set_=values
            | {
                "outcome": sa.case((sent_before, Outcome.SENT), else_=new.outcome),
                "order_ids": sa.case((sent_before, purchase.c.order_ids), else_=new.order_ids),
                "lines_left_out": sa.case((sent_before, purchase.c.lines_left_out), else_=new.lines_left_out),
                "attempts": purchase.c.attempts + 1,
            },
            where=sa.or_(sa.not_(_is_done(purchase.c.outcome)), _is_done(new.outcome)),
        )

    def held(self, max_age: timedelta) -> list[StoredPurchase]:
        """Purchases held for at most `max_age` (for example, without a contact), the oldest first."""
        query = (
            sa.select(purchase)
            .where(
                purchase.c.shop_id == self._database.shop_id,
                purchase.c.outcome == Outcome.HELD,
                purchase.c.first_seen >= self._database.clock() - max_age,
            )
            .order_by(purchase.c.first_seen, purchase.c.purchase_id)
        )
        with self._database.read() as connection:
            return [_to_stored_purchase(row) for row in connection.execute(query).mappings()]


def _cut(origin: str | None) -> str | None:
    return origin and origin[:LONGEST_ORIGIN]


def _is_done(outcome: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """An OR of comparisons: SQLAlchemy cannot send an IN with many rows at once."""
    return sa.or_(*(outcome == done for done in DONE))


def _to_stored_purchase(row: sa.RowMapping) -> StoredPurchase:
    return StoredPurchase(
        purchase_id=row["purchase_id"],
        outcome=Outcome(row["outcome"]),
        reason=None if row["reason"] is None else Reason(row["reason"]),
        detail=row["detail"],
        run_key=row["run_key"],
        order_ids=tuple(row["order_ids"]),
        purchase_date=row["purchase_date"],
        lines_left_out=row["lines_left_out"],
        attempts=row["attempts"],
        first_seen=row["first_seen"],
        last_seen=row["last_seen"],
    )
