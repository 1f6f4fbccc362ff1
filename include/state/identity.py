"""Finds the row of a shop by its name, and stops if another account is behind the name.

A new Connectif key is an everyday change, so the key is not a part of the identity. Connectif's own id of the
account tells whether a new key belongs to the same account.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from itertools import chain, count
from typing import Any, cast

import sqlalchemy as sa

from include.errors import ConfigurationError
from include.live import is_simulated
from include.state.database import READ, WRITE, insert_into, transaction
from include.state.schema import require_current
from include.state.shop import Shop
from include.state.tables import activation, purchase, run, subscription
from include.state.tables import shop as shops

log = logging.getLogger(__name__)

ADOPT = "python -m plugins.state adopt"
ReadStoreId = Callable[[], str]
"""Asks Connectif for its id of the account; empty if Connectif does not tell it."""


class ForeignAccount(ConfigurationError):
    """Another VTEX or Connectif account is behind the name of a shop that the state store knows."""


def find_shop(
    engine: sa.Engine, shop: Shop, *, read_store_id: ReadStoreId | None, any_account: bool
) -> tuple[int, Shop]:
    """The number of the shop's row, and the shop as the row has it; a new shop gets a row.

    ForeignAccount if the accounts behind the name have changed; `any_account` skips this check. Without
    `read_store_id` Connectif is not asked, and a new key passes until a run checks it.
    """
    with transaction(engine, READ) as connection:
        require_current(connection)
        row = _row_of(connection, shop.name)
    if row is None:
        row = _add(engine, shop, read_store_id)
    if not any_account:
        _check_accounts(engine, row, shop, read_store_id)
    return row.shop_id, _shop_of(row, shop)


def _row_of(connection: sa.Connection, name: str) -> sa.Row[Any] | None:
    return connection.execute(sa.select(shops).where(shops.c.name == name)).one_or_none()


def _add(engine: sa.Engine, shop: Shop, read_store_id: ReadStoreId | None) -> sa.Row[Any]:
    values = {**_columns(shop), "connectif_store_id": read_store_id() if read_store_id else None}
    with transaction(engine, WRITE) as connection:
        values |= {"name": shop.name, "folder": _free_folder(connection, shop.folder)}
        connection.execute(insert_into(engine, shops).values(**values).on_conflict_do_nothing())
        return cast("sa.Row[Any]", _row_of(connection, shop.name))


def _free_folder(connection: sa.Connection, wanted: str) -> str:
    """The folder, with a number if it belongs to a shop that was renamed."""
    taken = set(connection.execute(sa.select(shops.c.folder)).scalars())
    numbers = (f"{wanted}-{number}" for number in count(2))
    return next(folder for folder in chain([wanted], numbers) if folder not in taken)


def _columns(shop: Shop) -> dict[str, str]:
    return {
        "vtex_account": shop.vtex_account,
        "vtex_host": shop.vtex_host,
        "connectif_host": shop.connectif_host,
        "connectif_key_id": shop.connectif_key_id,
    }


def _shop_of(row: sa.Row[Any], shop: Shop) -> Shop:
    return Shop(**_columns(shop), name=row.name, folder=row.folder, connectif_store_id=row.connectif_store_id)


def _check_accounts(
    engine: sa.Engine, row: sa.Row[Any], shop: Shop, read_store_id: ReadStoreId | None
) -> None:
    if changes := list(_changes_at_vtex(row, shop)):
        if not _is_unused(engine, row):
            raise _foreign(shop, changes)
        _save(engine, row, shop, None)
        return
    is_same_key = row.connectif_key_id == shop.connectif_key_id
    is_same_host = _is_same_host(row.connectif_host, shop.connectif_host)
    if is_same_key and is_same_host and row.connectif_store_id is not None:
        return
    if read_store_id is None:
        if not is_same_host:
            raise _foreign(shop, [_change("Connectif's host", row.connectif_host, shop.connectif_host)])
        return
    if not is_same_key and row.connectif_store_id is None:
        _require_no_other_row(engine, row, shop)
    _check_store(row, shop, store_id := read_store_id(), is_same_host=is_same_host)
    if not is_same_key:
        log.info("sync_state: shop %s has a new Connectif key and continues where it was", shop.name)
    _save(engine, row, shop, store_id or row.connectif_store_id or "")


def _save(engine: sa.Engine, row: sa.Row[Any], shop: Shop, store_id: str | None) -> None:
    with transaction(engine, WRITE) as connection:
        statement = sa.update(shops).where(shops.c.shop_id == row.shop_id)
        connection.execute(statement.values(**_columns(shop), connectif_store_id=store_id))


def _is_unused(engine: sa.Engine, row: sa.Row[Any]) -> bool:
    """Whether no run of the shop has finished: then only a page or the doctor has seen its accounts."""
    tables = (run, activation, subscription, purchase)
    used = [sa.exists().where(table.c.shop_id == row.shop_id) for table in tables]
    with transaction(engine, READ) as connection:
        return not connection.execute(sa.select(sa.or_(*used))).scalar()


def _require_no_other_row(engine: sa.Engine, row: sa.Row[Any], shop: Shop) -> None:
    """Before version 0.3 each Connectif key was a shop: the key may belong to another row of the account."""
    with transaction(engine, READ) as connection:
        same_key = (
            shops.c.vtex_account == row.vtex_account,
            shops.c.connectif_key_id == shop.connectif_key_id,
        )
        other = connection.execute(sa.select(shops.c.name).where(*same_key, shops.c.shop_id != row.shop_id))
        if name := other.scalar():
            raise ForeignAccount(
                f"sync_state: the Connectif key of the shop {shop.name} belongs to {name}, a shop of an "
                f"earlier version. Nothing was read or sent. To continue as that shop, give it a section and "
                f"run: {ADOPT} <section> {name}. To continue as {shop.name}, run: {ADOPT} {shop.name}"
            )


def _check_store(row: sa.Row[Any], shop: Shop, store_id: str, *, is_same_host: bool) -> None:
    known = row.connectif_store_id
    if known and store_id and known != store_id:
        raise _foreign(shop, [_change("Connectif's account", known, store_id)])
    if not is_same_host and not (known and store_id):
        raise _foreign(shop, [_change("Connectif's host", row.connectif_host, shop.connectif_host)])


def _changes_at_vtex(row: sa.Row[Any], shop: Shop) -> Iterator[str]:
    if row.vtex_account.lower() != shop.vtex_account.lower():
        yield _change("the VTEX account", row.vtex_account, shop.vtex_account)
    if not _is_same_host(row.vtex_host, shop.vtex_host):
        yield _change("the VTEX host", row.vtex_host, shop.vtex_host)


def _is_same_host(before: str, now: str) -> bool:
    """Whether both are one host. A simulated shop may have another port after each start."""
    return before == now or (is_simulated(before) and is_simulated(now))


def _change(what: str, before: str, now: str) -> str:
    return f"{what} is {now or 'empty'}, before it was {before or 'empty'}"


def _foreign(shop: Shop, changes: list[str]) -> ForeignAccount:
    return ForeignAccount(
        f"sync_state: another account is behind the name of the shop {shop.name}: {'; '.join(changes)}. "
        "Nothing was read or sent. If the connection is wrong, correct it. If the shop has moved, run: "
        f"{ADOPT} {shop.name}. If it is another shop, give it a name of its own "
        "(docs/shops.md)"
    )
