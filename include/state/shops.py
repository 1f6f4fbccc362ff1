"""All shops of a state store: their accounts, and the removal of one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime

import sqlalchemy as sa

from include.errors import ConfigurationError
from include.state.database import READ, WRITE, engine_for, insert_into, parse_url, transaction
from include.state.identity import ReadStoreId
from include.state.schema import require_current, require_file
from include.state.shop import Shop
from include.state.tables import (
    claim,
    erased,
    lease,
    metadata,
    pending_event,
    subscription,
    subscription_in_flight,
    taken_event,
    vendor_text,
)
from include.state.tables import shop as shops

_OWNED = [table for table in reversed(metadata.sorted_tables) if "shop_id" in table.c and table is not shops]
_OF_PEOPLE = (erased, pending_event, taken_event, subscription, subscription_in_flight, claim, vendor_text)
_COLUMNS = [shops.c[field.name] for field in fields(Shop)]


@dataclass(frozen=True)
class ShopTable:
    """The rows of the shops in the state store at `url`. Each call is a transaction of its own."""

    url: str

    def all(self) -> list[Shop]:
        """The shops by name."""
        with self._transaction(READ) as connection:
            return [Shop(*row) for row in connection.execute(sa.select(*_COLUMNS).order_by(shops.c.name))]

    def get(self, name: str) -> Shop:
        """The shop with this name; ConfigurationError with the known names if there is none."""
        known = {shop.name: shop for shop in self.all()}
        if name not in known:
            names = ", ".join(known) or "none"
            raise ConfigurationError(f"sync_state: there is no shop {name!r:.60}; known are {names}")
        return known[name]

    def adopt(self, known: Shop, shop: Shop, read_store_id: ReadStoreId) -> None:
        """Let the rows of the shop `known` belong to the name and the accounts of `shop`.

        People who were erased from the earlier VTEX account stay erased. ConfigurationError if the new name
        has rows of its own.
        """
        store_id = read_store_id()
        with self._transaction(WRITE) as connection:
            _require_no_writer(connection, known.name, self._number_of(connection, known.name))
            if shop.name != known.name and self._number_of(connection, shop.name) is not None:
                raise ConfigurationError(
                    f"sync_state: there is a shop {shop.name} already. Remove it first: "
                    f"python -m plugins.state forget {shop.name}"
                )
            self._keep_erased(connection, known, shop)
            statement = sa.update(shops).where(shops.c.name == known.name).values(
                name=shop.name,
                vtex_account=shop.vtex_account,
                vtex_host=shop.vtex_host,
                connectif_host=shop.connectif_host,
                connectif_key_id=shop.connectif_key_id,
                connectif_store_id=store_id,
            )  # fmt: skip
            connection.execute(statement)

    def count_rows(self, name: str) -> int:
        """How many rows the shop has in all tables."""
        with self._transaction(READ) as connection:
            number = self._number_of(connection, name)
            return sum(_count(connection, table, table.c.shop_id == number) for table in _OWNED)

    def forget(self, name: str) -> None:
        """Remove the shop and all its rows. Hashes of erased people stay.

        ConfigurationError if a run of the shop writes to a vendor now.
        """
        with self._transaction(WRITE) as connection:
            number = self._number_of(connection, name)
            _require_no_writer(connection, name, number)
            for table in _OWNED:
                connection.execute(sa.delete(table).where(table.c.shop_id == number))
            connection.execute(sa.delete(shops).where(shops.c.shop_id == number))

    def count_people_rows(self) -> int:
        """How many rows of all shops only the hash key can read."""
        with self._transaction(READ) as connection:
            return sum(_count(connection, table) for table in _OF_PEOPLE)

    def forget_people(self) -> None:
        """Remove these rows: a lost hash key recognises no person in them."""
        with self._transaction(WRITE) as connection:
            for table in _OF_PEOPLE:
                connection.execute(sa.delete(table))

    @staticmethod
    def _number_of(connection: sa.Connection, name: str) -> int | None:
        return connection.execute(sa.select(shops.c.shop_id).where(shops.c.name == name)).scalar()

    @staticmethod
    def _keep_erased(connection: sa.Connection, known: Shop, shop: Shop) -> None:
        before, now = account_key(known), account_key(shop)
        if before == now:
            return
        rows = connection.execute(sa.select(erased).where(erased.c.vtex_account == before)).mappings().all()
        for row in rows:
            values = {**row, "vtex_account": now}
            connection.execute(insert_into(connection.engine, erased).values(values).on_conflict_do_nothing())

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sa.Connection]:
        address = parse_url(self.url)
        require_file(address)
        engine = engine_for(address)
        try:
            with transaction(engine, begin) as connection:
                require_current(connection)
                yield connection
        finally:
            engine.dispose()


def _require_no_writer(connection: sa.Connection, name: str, number: int | None) -> None:
    held = sa.select(lease.c.run_key).where(lease.c.shop_id == number, lease.c.expires_at > datetime.now(UTC))
    if run_key := connection.execute(held.limit(1)).scalar():
        raise ConfigurationError(f"sync_state: run {run_key} of the shop {name} is writing: stop it first")


def _count(connection: sa.Connection, table: sa.Table, *where: sa.ColumnElement[bool]) -> int:
    query = sa.select(sa.func.count()).select_from(table).where(*where)
    return int(connection.execute(query).scalar_one())


def account_key(shop: Shop) -> str:
    """The VTEX account as erased people are stored under it: in lower case, or the host if it is empty."""
    return (shop.vtex_account or shop.vtex_host).lower()
