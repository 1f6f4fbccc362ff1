"""A shop is known by its name. Before, another Connectif key or host was another shop.

The shop that ran last gets the name of its VTEX account. The earlier ones of that account get the name with
their number; `python -m plugins.state forget` removes them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
_ACCOUNTS = ("vtex_account", "vtex_host", "connectif_host", "connectif_key_id")


def upgrade() -> None:
    with op.batch_alter_table("sync_shop") as table:
        table.add_column(sa.Column("name", sa.String(length=200)))
        table.add_column(sa.Column("folder", sa.String(length=250)))
        table.add_column(sa.Column("connectif_store_id", sa.String(length=200)))
    shop = sa.table("sync_shop", *map(sa.column, ("shop_id", "name", "folder", *_ACCOUNTS)))
    for row, name in _named(op.get_bind(), shop):
        statement = sa.update(shop).where(shop.c.shop_id == row.shop_id)
        op.get_bind().execute(statement.values(name=name, folder=_folder_of(row)))
    with op.batch_alter_table("sync_shop") as table:
        table.alter_column("name", existing_type=sa.String(length=200), nullable=False)
        table.alter_column("folder", existing_type=sa.String(length=250), nullable=False)
        table.drop_constraint("sync_shop_accounts", type_="unique")
        table.create_unique_constraint("sync_shop_name", ["name"])


def _named(connection: sa.Connection, shop: sa.TableClause) -> Iterator[tuple[sa.Row[Any], str]]:
    run = sa.table("sync_run", sa.column("shop_id"), sa.column("started_at"))
    last_run = sa.select(sa.func.max(run.c.started_at)).where(run.c.shop_id == shop.c.shop_id)
    ran_last = last_run.scalar_subquery().desc().nulls_last()
    taken: set[str] = set()
    for row in connection.execute(sa.select(shop).order_by(ran_last, shop.c.shop_id.desc())).all():
        name = row.vtex_account or "shop"
        while name in taken:
            name = f"{name}_{row.shop_id}"
        taken.add(name)
        yield row, name


def _folder_of(row: sa.Row[Any]) -> str:
    """The folder of the shop's files, as version 0.2.0 named it."""
    text = ", ".join(f"{name}={getattr(row, name)!r}" for name in _ACCOUNTS)
    digest = hashlib.sha256(f"Shop({text})".encode()).hexdigest()
    account = "".join(c if c.isalnum() or c in "._-" else "-" for c in row.vtex_account or "shop")
    return f"{account}-{digest[:8]}"
