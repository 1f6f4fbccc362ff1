"""How far each area has come: its first full load, since when time is to be covered, and which runs have."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import sqlalchemy as sa

from include.store.database import Part
from include.store.tables import activation, coverage, left_edge
from include.window import BEGINNING, Window, merged

if TYPE_CHECKING:
    from datetime import datetime

    from include.outcomes import Area


class Progress(Part):
    """Activation and coverage. Only a finished full load activates: no dry run, single record or window."""

    def is_activated(self, area: Area) -> bool:
        """Whether a full load of the area has finished."""
        query = sa.select(activation.c.area).where(
            activation.c.pair_id == self._database.pair_id, activation.c.area == area
        )
        with self._database.read() as connection:
            return connection.execute(query).first() is not None

    def mark_activated(self, area: Area, run_key: str, covered_until: datetime) -> None:
        """Remember a finished full load that began to read at `covered_until`; all time before is covered."""
        insert = self._database.insert(activation).values(
            pair_id=self._database.pair_id,
            area=area,
            run_key=run_key,
            covered_until=covered_until,
            activated_at=self._database.clock(),
        )
        new = {name: insert.excluded[name] for name in ("run_key", "covered_until", "activated_at")}
        with self._database.write() as connection:
            connection.execute(insert.on_conflict_do_update(index_elements=["pair_id", "area"], set_=new))
            self._cover(connection, area, Window(BEGINNING, covered_until))
            self._begin(connection, area, covered_until)

    def covered(self, area: Area) -> list[Window]:
        """The time that finished runs have covered, merged and in order; from `BEGINNING` once activated."""
        query = sa.select(coverage.c.start_at, coverage.c.end_at).where(
            coverage.c.pair_id == self._database.pair_id, coverage.c.area == area
        )
        with self._database.read() as connection:
            return merged(Window(row.start_at, row.end_at) for row in connection.execute(query))

    def begin(self, area: Area, start: datetime) -> None:
        """Remember the left edge, once: a first run that fails leaves a gap behind it, like any other, and
        does not put off the beginning."""
        with self._database.write() as connection:
            self._begin(connection, area, start)

    def left_edge(self, area: Area) -> datetime | None:
        """Since when time is to be covered; None before the first scheduled run and the first full load.

        No back-fill moves it, and no manual run but a full load: what lies before it is never missing.
        """
        query = sa.select(left_edge.c.start_at).where(
            left_edge.c.pair_id == self._database.pair_id, left_edge.c.area == area
        )
        with self._database.read() as connection:
            return cast("datetime | None", connection.execute(query).scalar())

    def cover(self, area: Area, window: Window) -> None:
        """Remember a finished window. Give only time that has passed: `window.until(now)`."""
        with self._database.write() as connection:
            self._cover(connection, area, window)

    def _begin(self, connection: sa.Connection, area: Area, start: datetime) -> None:
        insert = self._database.insert(left_edge).values(
            pair_id=self._database.pair_id, area=area, start_at=start
        )
        connection.execute(insert.on_conflict_do_nothing())

    def _cover(self, connection: sa.Connection, area: Area, window: Window) -> None:
        insert = self._database.insert(coverage).values(
            pair_id=self._database.pair_id, area=area, start_at=window.start, end_at=window.end
        )
        connection.execute(insert.on_conflict_do_nothing())
