"""Copies a whole state store to another database, for example from SQLite to PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from include.errors import ConfigurationError, ContractError
from include.state.database import READ, WRITE, engine_for, parse_url, transaction
from include.state.schema import require_current, require_file, upgrade
from include.state.tables import erased, lease, metadata, pending_event, run, shop

ROWS_AT_ONCE = 2_000

Say = Callable[[str], None]


def copy_state(source_url: str, target_url: str, say: Say) -> None:
    """Make the target an exact copy of the source; `say` gets a line for each table.

    It is one transaction of the target: a copy that is interrupted leaves it as it was, and a copy can be
    repeated. Stop the DAGs first, because later changes of the source are not copied.

    ConfigurationError if the source's tables are not those of this program, or if runs have used the target.
    """
    addresses = [parse_url(url) for url in (source_url, target_url)]
    if addresses[0] == addresses[1]:
        raise ConfigurationError("sync_state: source and target are the same database. Nothing was copied")
    require_file(addresses[0])
    source, target = map(engine_for, addresses)
    try:
        with transaction(source, READ) as reading:
            if source.dialect.name == "postgresql":
                reading.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            require_current(reading)
            upgrade(target_url)
            with transaction(target, WRITE) as writing:
                _require_unused(reading, writing)
                _copy_tables(reading, writing, say)
                _continue_numbers(writing)
    finally:
        source.dispose()
        target.dispose()


def _require_unused(reading: sa.Connection, writing: sa.Connection) -> None:
    """Refuse a target with a run that the source does not know: its state would be lost."""
    unexpired = sa.select(lease.c.run_key).where(lease.c.expires_at > datetime.now(UTC))
    if set(writing.execute(unexpired).scalars()) - set(reading.execute(unexpired).scalars()):
        raise _in_use("a run of it is writing to a vendor now")
    for table in (erased, pending_event):
        if _keys_of(writing, table) - _keys_of(reading, table):
            raise _in_use(f"the source does not know all rows of its table {table.name}")
    names = (shop.c.name, run.c.run_key, run.c.started_at)
    of_target = sa.select(*names).join(shop, shop.c.shop_id == run.c.shop_id)
    newest = writing.execute(of_target.order_by(run.c.started_at.desc()).limit(1)).one_or_none()
    if newest is None:
        return
    same = (shop.c.name == newest.name, run.c.run_key == newest.run_key)
    if reading.execute(of_target.where(*same).limit(1)).one_or_none() is None:
        raise _in_use(f"the source does not know its run {newest.run_key} of the shop {newest.name}")


def _in_use(why: str) -> ConfigurationError:
    return ConfigurationError(
        f"sync_state: the target is in use: {why}. Nothing was copied. If the target's state is not needed, "
        "drop its tables"
    )


def _keys_of(connection: sa.Connection, table: sa.Table) -> set[tuple[Any, ...]]:
    return {tuple(row) for row in connection.execute(sa.select(*table.primary_key.columns))}


def _copy_tables(reading: sa.Connection, writing: sa.Connection, say: Say) -> None:
    tables = metadata.sorted_tables
    for table in reversed(tables):
        writing.execute(sa.delete(table))
    for table in tables:
        wanted, copied = _count(reading, table), 0
        rows = reading.execution_options(yield_per=ROWS_AT_ONCE).execute(sa.select(table))
        for batch in rows.mappings().partitions(ROWS_AT_ONCE):
            writing.execute(sa.insert(table), [dict(row) for row in batch])
            copied += len(batch)
        if not wanted == copied == (found := _count(writing, table)):
            raise ContractError(
                f"sync_state: {table.name} has {wanted:,} rows, the copy has {found:,}. Nothing was copied"
            )
        say(f"{table.name}: {copied:,} rows")


def _count(connection: sa.Connection, table: sa.Table) -> int:
    return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def _continue_numbers(writing: sa.Connection) -> None:
    """Let PostgreSQL number new shops after the copied ones; SQLite does so by itself."""
    if writing.dialect.name != "postgresql":
        return
    last = writing.execute(sa.select(sa.func.max(shop.c.shop_id))).scalar()
    sequence = sa.func.pg_get_serial_sequence(shop.name, shop.c.shop_id.name)
    writing.execute(sa.select(sa.func.setval(sequence, last or 1, last is not None)))
