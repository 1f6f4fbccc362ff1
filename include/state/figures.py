"""Figures for the operator: records by reason, and how fast subscription changes were applied. Reads only."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

import sqlalchemy as sa

from include.outcomes import Outcome, PipelineName, Reason
from include.state.database import Part
from include.state.tables import pending_event, purchase, record, run, subscription

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

_UNSENT = (Outcome.REJECTED, Outcome.HELD)


class ReasonCount(NamedTuple):
    """How many records of a pipeline have this reason as their last outcome, and the keys seen last."""

    pipeline: PipelineName
    outcome: Outcome
    reason: Reason
    records: int
    last_seen: datetime
    examples: tuple[str, ...]


class AppliedChange(NamedTuple):
    """When the customer changed the subscription, and when the change was applied at VTEX."""

    instant: datetime
    applied_at: datetime


class OriginCount(NamedTuple):
    """How many purchases of a payment method or sales channel have an outcome.

    `origin` is None if it is not recorded.
    """

    origin: str | None
    outcome: Outcome
    purchases: int


class WaitingEvents(NamedTuple):
    """The newsletter events that wait until VTEX knows the customer or accepts the change, and since when."""

    number: int
    since: datetime | None


class Figures(Part):
    """Sums over the rows of the other parts."""

    def reasons(self, pipelines: Sequence[PipelineName], examples: int = 3) -> list[ReasonCount]:
        """Every reason for which records were not sent, the most frequent first."""
        not_sent = (
            record.c.shop_id == self._database.shop_id,
            record.c.pipeline.in_(pipelines),
            record.c.outcome != Outcome.SENT,
            record.c.reason.is_not(None),
        )
        group = (record.c.pipeline, record.c.outcome, record.c.reason)
        counts = (
            sa.select(*group, sa.func.count().label("records"), sa.func.max(record.c.last_seen).label("last"))
            .where(*not_sent)
            .group_by(*group)
            .order_by(sa.desc("records"), record.c.reason)
        )
        place = sa.func.row_number().over(
            partition_by=group, order_by=(record.c.last_seen.desc(), record.c.record_key)
        )
        newest = sa.select(*group, record.c.record_key, place.label("place")).where(*not_sent).subquery()
        shown = sa.select(newest).where(newest.c.place <= examples).order_by(newest.c.place)
        with self._database.read() as connection:
            keys: dict[tuple[str, ...], list[str]] = {}
            for row in connection.execute(shown):
                keys.setdefault((row.pipeline, row.outcome, row.reason), []).append(row.record_key)
            return [
                ReasonCount(
                    PipelineName(row.pipeline),
                    Outcome(row.outcome),
                    Reason(row.reason),
                    row.records,
                    row.last,
                    tuple(keys.get((row.pipeline, row.outcome, row.reason), ())),
                )
                for row in connection.execute(counts)
            ]

    def not_sent(self, pipelines: Sequence[PipelineName]) -> Counter[Outcome]:
        """How many records are rejected and how many are held now, because of their last outcome.

        The reasons select the rows by an index: most rows of a shop have neither outcome.
        """
        reasons = [reason for reason in Reason if reason.outcome in _UNSENT]
        query = (
            sa.select(record.c.outcome, sa.func.count())
            .where(
                record.c.shop_id == self._database.shop_id,
                record.c.pipeline.in_(pipelines),
                record.c.reason.in_(reasons),
                record.c.outcome.in_(_UNSENT),
            )
            .group_by(record.c.outcome)
        )
        with self._database.read() as connection:
            return Counter({Outcome(outcome): n for outcome, n in connection.execute(query)})

    def changes_applied_since(self, since: datetime, limit: int) -> list[AppliedChange]:
        """The last subscription change of each person that was applied since then, the newest first."""
        query = (
            sa.select(subscription.c.instant, subscription.c.applied_at)
            .where(subscription.c.shop_id == self._database.shop_id, subscription.c.applied_at >= since)
            .order_by(subscription.c.applied_at.desc())
            .limit(limit)
        )
        with self._database.read() as connection:
            return [AppliedChange(row.instant, row.applied_at) for row in connection.execute(query)]

    def purchases_by(
        self, origin: Literal["payment_method", "sales_channel"], since: datetime
    ) -> list[OriginCount]:
        """The purchases since then by payment method or sales channel, and by outcome."""
        column = purchase.c[origin]
        query = (
            sa.select(column, purchase.c.outcome, sa.func.count().label("purchases"))
            .where(
                purchase.c.shop_id == self._database.shop_id,
                purchase.c.outcome.in_(tuple(Outcome)),
                # No purchase is recorded before its date, and this column has an index
                purchase.c.first_seen >= since,
                purchase.c.purchase_date >= since,
            )
            .group_by(column, purchase.c.outcome)
        )
        with self._database.read() as connection:
            return [OriginCount(name, Outcome(outcome), n) for name, outcome, n in connection.execute(query)]

    def waiting_events(self) -> WaitingEvents:
        """The newsletter events that wait, and since when the oldest does."""
        query = sa.select(sa.func.count(), sa.func.min(pending_event.c.waiting_since)).where(
            pending_event.c.shop_id == self._database.shop_id
        )
        with self._database.read() as connection:
            return WaitingEvents(*connection.execute(query).one())

    def last_run_named(self, prefix: str, pipeline: PipelineName) -> datetime | None:
        """When the last run of the pipeline started whose run id starts with `prefix`."""
        query = sa.select(sa.func.max(run.c.started_at)).where(
            run.c.shop_id == self._database.shop_id,
            run.c.pipeline == pipeline,
            run.c.run_id.startswith(prefix, autoescape=True),
        )
        with self._database.read() as connection:
            return cast("datetime | None", connection.execute(query).scalar())

    def oldest_waiting_event(self, *, is_live: bool) -> datetime | None:
        """Since when the oldest newsletter event waits that VTEX did not accept; None if there is none.

        In a live shop, an event that no run has tried yet counts, too. Events for customers that VTEX does
        not know yet do not count: most of them wait for a day.
        """
        last = sa.and_(
            record.c.shop_id == pending_event.c.shop_id,
            record.c.pipeline == PipelineName.NEWSLETTER,
            record.c.record_key == pending_event.c.person,
        )
        is_busy = record.c.reason == Reason.TARGET_BUSY
        is_counted = is_busy | (pending_event.c.attempts == 0) if is_live else is_busy
        query = (
            sa.select(sa.func.min(pending_event.c.waiting_since))
            .outerjoin(record, last)
            .where(pending_event.c.shop_id == self._database.shop_id, is_counted)
        )
        with self._database.read() as connection:
            return cast("datetime | None", connection.execute(query).scalar())
