"""What an operator looks at: records by reason, how fast subscription changes were applied. Reads only."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

import sqlalchemy as sa

from include.outcomes import Outcome, PipelineName, Reason
from include.state.database import Part
from include.state.tables import pending_event, record, subscription

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


class ReasonCount(NamedTuple):
    """How many records of a pipeline were last not sent for this reason, and the keys seen last."""

    pipeline: PipelineName
    outcome: Outcome
    reason: Reason
    records: int
    last_seen: datetime
    examples: tuple[str, ...]


class AppliedChange(NamedTuple):
    """When somebody wished, and when VTEX had it."""

    instant: datetime
    applied_at: datetime


class Figures(Part):
    """Sums over what the other parts of the store keep."""

    def reasons(self, pipelines: Sequence[PipelineName], examples: int = 3) -> list[ReasonCount]:
        """Every reason for which records were not sent, the most frequent first."""
        ours = (
            record.c.shop_id == self._database.shop_id,
            record.c.pipeline.in_(pipelines),
            record.c.outcome != Outcome.SENT,
            record.c.reason.is_not(None),
        )
        of = (record.c.pipeline, record.c.outcome, record.c.reason)
        counts = (
            sa.select(*of, sa.func.count().label("records"), sa.func.max(record.c.last_seen).label("last"))
            .where(*ours)
            .group_by(*of)
            .order_by(sa.desc("records"), record.c.reason)
        )
        place = sa.func.row_number().over(
            partition_by=of, order_by=(record.c.last_seen.desc(), record.c.record_key)
        )
        newest = sa.select(*of, record.c.record_key, place.label("place")).where(*ours).subquery()
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

    def changes_applied_since(self, since: datetime, limit: int) -> list[AppliedChange]:
        """Newsletter subscription changes that VTEX has since then, the youngest first; of each person the last one."""
        query = (
            sa.select(subscription.c.instant, subscription.c.applied_at)
            .where(subscription.c.shop_id == self._database.shop_id, subscription.c.applied_at >= since)
            .order_by(subscription.c.applied_at.desc())
            .limit(limit)
        )
        with self._database.read() as connection:
            return [AppliedChange(row.instant, row.applied_at) for row in connection.execute(query)]

    def waiting_events(self) -> int:
        """Newsletter events that wait for their person, or for VTEX."""
        query = (
            sa.select(sa.func.count())
            .select_from(pending_event)
            .where(pending_event.c.shop_id == self._database.shop_id)
        )
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def oldest_busy_event(self) -> datetime | None:
        """Since when the oldest newsletter event waits that VTEX failed to take; None when there is none.

        Those that wait for their person, as most do for a day, are not meant.
        """
        last = sa.and_(
            record.c.shop_id == pending_event.c.shop_id,
            record.c.pipeline == PipelineName.NEWSLETTER,
            record.c.record_key == pending_event.c.person,
        )
        query = (
            sa.select(sa.func.min(pending_event.c.waiting_since))
            .join(record, last)
            .where(pending_event.c.shop_id == self._database.shop_id, record.c.reason == Reason.TARGET_BUSY)
        )
        with self._database.read() as connection:
            return cast("datetime | None", connection.execute(query).scalar())
