"""How far each area has come: whether its first full load is done, and which time runs have covered."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from include.store.database import Part
from include.store.tables import activation, coverage
from include.window import BEGINNING, Window, merged

if TYPE_CHECKING:
    from datetime import datetime

    from include.outcomes import Area


_HARDLY_ANY = timedelta(microseconds=1)


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

    def covered(self, area: Area) -> list[Window]:
        """The time that finished runs have covered, merged and in order; from `BEGINNING` once activated."""
        query = sa.select(coverage.c.start_at, coverage.c.end_at).where(
            coverage.c.pair_id == self._database.pair_id, coverage.c.area == area
        )
        with self._database.read() as connection:
            return merged(Window(row.start_at, row.end_at) for row in connection.execute(query))

    def begin(self, area: Area, start: datetime) -> None:
        """Remember since when time is to be covered, where none is yet: a first run that fails leaves a gap
        behind it, like any other, and does not put off the beginning."""
        if not self.covered(area):
            self.cover(area, Window(start - _HARDLY_ANY, start))

    def cover(self, area: Area, window: Window) -> None:
        """Remember a finished window. Give only time that has passed: `window.until(now)`."""
        with self._database.write() as connection:
            self._cover(connection, area, window)

    def _cover(self, connection: sa.Connection, area: Area, window: Window) -> None:
        insert = self._database.insert(coverage).values(
            pair_id=self._database.pair_id, area=area, start_at=window.start, end_at=window.end
        )
        connection.execute(insert.on_conflict_do_nothing())
