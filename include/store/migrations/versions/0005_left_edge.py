"""Since when an area's time is to be covered, apart from what is covered: a back-fill may lie before it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_MARK = timedelta(microseconds=1)
"""So short was the window by which revision 0004 remembered the beginning."""


def _table(name: str, **columns: sa.types.TypeEngine[Any]) -> sa.TableClause:
    key: dict[str, sa.types.TypeEngine[Any]] = {"pair_id": sa.Integer(), "area": sa.String()}
    return sa.table(name, *(sa.column(*column) for column in (key | columns).items()))


_INSTANT = sa.DateTime(timezone=True)
_coverage = _table("sync_coverage", start_at=_INSTANT, end_at=_INSTANT)
_activation = _table("sync_activation", covered_until=_INSTANT)
_run = _table("sync_run", run_id=sa.String(), report=sa.JSON())
_left_edge = _table("sync_left_edge", start_at=_INSTANT)


def upgrade() -> None:
    op.create_table(
        "sync_left_edge",
        sa.Column("pair_id", sa.Integer, sa.ForeignKey("sync_pair.pair_id"), primary_key=True),
        sa.Column("area", sa.String(20), primary_key=True),
        sa.Column("start_at", sa.DateTime(timezone=True), nullable=False),
    )
    connection = op.get_bind()
    for pair_id, area, start_at in _edges(connection):
        connection.execute(sa.insert(_left_edge).values(pair_id=pair_id, area=area, start_at=start_at))
    for pair_id, area, start_at, end_at in connection.execute(sa.select(_coverage)).all():
        if end_at - start_at == _MARK:
            connection.execute(
                sa.delete(_coverage).where(
                    _coverage.c.pair_id == pair_id,
                    _coverage.c.area == area,
                    _coverage.c.start_at == start_at,
                    _coverage.c.end_at == end_at,
                )
            )


def _edges(connection: sa.Connection) -> Iterator[tuple[int, str, datetime]]:
    """The best that is known of each area: its mark, else its activation, else its first scheduled window."""
    found: dict[tuple[int, str], datetime] = {}
    for source in (_marks, _activations, _first_windows):
        known = set(found)
        for key, instant in source(connection):
            if key not in known:
                found[key] = min(instant, found.get(key, instant))
    yield from ((*key, instant) for key, instant in found.items())


def _marks(connection: sa.Connection) -> Iterator[tuple[tuple[int, str], datetime]]:
    for pair_id, area, start_at, end_at in connection.execute(sa.select(_coverage)):
        if end_at - start_at == _MARK:
            yield (pair_id, area), _aware(end_at)


def _activations(connection: sa.Connection) -> Iterator[tuple[tuple[int, str], datetime]]:
    for pair_id, area, covered_until in connection.execute(sa.select(_activation)):
        yield (pair_id, area), _aware(covered_until)


def _first_windows(connection: sa.Connection) -> Iterator[tuple[tuple[int, str], datetime]]:
    scheduled = sa.select(_run).where(_run.c.run_id.like("scheduled\\_\\_%", escape="\\"))
    for pair_id, area, _, report in connection.execute(scheduled):
        window: Any = report.get("window")
        if window:
            yield (pair_id, area), datetime.fromisoformat(window["start"])


def _aware(instant: datetime) -> datetime:
    """SQLite forgets the offset of what the store keeps in UTC."""
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
