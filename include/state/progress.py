"""The progress of each pipeline: its first full load, and the time that its runs cover."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import sqlalchemy as sa

from include.state.database import Part
from include.state.tables import activation, coverage, left_edge
from include.window import BEGINNING, Window, merged

if TYPE_CHECKING:
    from datetime import datetime

    from include.outcomes import PipelineName


class Progress(Part):
    """Activation and coverage. Only a finished full load activates a pipeline, not a dry run, a single record
    or a window."""

    def is_activated(self, pipeline: PipelineName) -> bool:
        """Whether a full load of the pipeline has finished."""
        query = sa.select(activation.c.pipeline).where(
            activation.c.shop_id == self._database.shop_id, activation.c.pipeline == pipeline
        )
        with self._database.read() as connection:
            return connection.execute(query).first() is not None

    def mark_activated(self, pipeline: PipelineName, run_key: str, covered_until: datetime) -> None:
        """Record a finished full load that began to read at `covered_until`: all earlier time is covered."""
        insert = self._database.insert(activation).values(
            shop_id=self._database.shop_id,
            pipeline=pipeline,
            run_key=run_key,
            covered_until=covered_until,
            activated_at=self._database.clock(),
        )
        new = {name: insert.excluded[name] for name in ("run_key", "covered_until", "activated_at")}
        with self._database.write() as connection:
            connection.execute(insert.on_conflict_do_update(index_elements=["shop_id", "pipeline"], set_=new))
            self._cover(connection, pipeline, Window(BEGINNING, covered_until))
            self._begin(connection, pipeline, covered_until)

    def covered(self, pipeline: PipelineName) -> list[Window]:
        """The time that finished runs have covered, merged and sorted; from `BEGINNING` after activation."""
        query = sa.select(coverage.c.start_at, coverage.c.end_at).where(
            coverage.c.shop_id == self._database.shop_id, coverage.c.pipeline == pipeline
        )
        with self._database.read() as connection:
            return merged(Window(row.start_at, row.end_at) for row in connection.execute(query))

    def begin(self, pipeline: PipelineName, start: datetime) -> None:
        """Record the left edge once. If the first run fails, its time is a gap, and the edge stays."""
        with self._database.write() as connection:
            self._begin(connection, pipeline, start)

    def left_edge(self, pipeline: PipelineName) -> datetime | None:
        """The instant from which runs must cover time; None before the first scheduled run or full load.

        Only a scheduled run or a full load sets it, once. Earlier time is never missing.
        """
        query = sa.select(left_edge.c.start_at).where(
            left_edge.c.shop_id == self._database.shop_id, left_edge.c.pipeline == pipeline
        )
        with self._database.read() as connection:
            return cast("datetime | None", connection.execute(query).scalar())

    def cover(self, pipeline: PipelineName, window: Window) -> None:
        """Record a finished window. Pass only time that is over: `window.until(now)`."""
        with self._database.write() as connection:
            self._cover(connection, pipeline, window)

    def _begin(self, connection: sa.Connection, pipeline: PipelineName, start: datetime) -> None:
        insert = self._database.insert(left_edge).values(
            shop_id=self._database.shop_id, pipeline=pipeline, start_at=start
        )
        connection.execute(insert.on_conflict_do_nothing())

    def _cover(self, connection: sa.Connection, pipeline: PipelineName, window: Window) -> None:
        insert = self._database.insert(coverage).values(
            shop_id=self._database.shop_id, pipeline=pipeline, start_at=window.start, end_at=window.end
        )
        connection.execute(insert.on_conflict_do_nothing())
