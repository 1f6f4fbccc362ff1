"""Who asked to be erased: what the store knew of them goes, a keyed hash keeps them out of later writes."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from include.batching import in_batches
from include.errors import ConfigurationError
from include.outcomes import PipelineName
from include.state.database import Part
from include.state.shop import Shop
from include.state.tables import (
    change,
    claim,
    erased,
    pending_event,
    posting,
    purchase,
    record,
    run,
    taken_event,
    vendor_text,
    writing,
)
from include.state.tables import pair as pairs

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

_AT_ONCE = 500


class Traces(NamedTuple):
    """How much of a person was removed from the store."""

    changes: int
    outcomes: int
    purchases: int
    reports: int


class FinishedRun(NamedTuple):
    """A run that has its report, and the accounts that it ran for."""

    accounts: Shop
    dag_id: str
    run_id: str
    run_key: str


class Erasure(Part):
    """Erased people of the shop: of all pairs with the same VTEX account.

    Each call raises `ConfigurationError` when people were erased under another hash key: nobody could be
    recognised then, and everybody would be let through.
    """

    def is_erased(self, email: str) -> bool:
        """Whether the person must not be written anywhere."""
        with self._database.read() as connection:
            shop = self._shop(connection)
            return connection.execute(self._row(shop, email)).first() is not None

    def erased_people(self) -> frozenset[str]:
        """All of them, as `StateStore.hashed` calls them."""
        with self._database.read() as connection:
            query = sa.select(erased.c.person).where(erased.c.shop == self._shop(connection))
            return frozenset(connection.execute(query).scalars())

    def erasures(self) -> str:
        """A mark that changes with every erasure and every way back."""
        with self._database.read() as connection:
            last, number = self._last(connection)
        return f"{number} until {last.isoformat() if last else 'now'}"

    def last_erasure(self) -> datetime | None:
        """When somebody was erased last, of those that still are."""
        with self._database.read() as connection:
            return self._last(connection)[0]

    def erase(self, email: str, document_ids: Collection[str] = ()) -> Traces:
        """Remove what the store knows of a person, and remember the hash.

        `document_ids` are the person's documents at VTEX: outcomes of customers stand under those.
        """
        person = self._people.hashed(email)
        with self._database.write() as connection:
            shop = self._shop(connection)
            self._remember(connection, shop, person)
            ours = self._shops_of(shop)
            bought = list(
                connection.execute(
                    sa.select(purchase.c.purchase_id, purchase.c.order_ids).where(
                        purchase.c.shop_id.in_(ours), purchase.c.person == person
                    )
                )
            )
            orders = {order_id for row in bought for order_id in row.order_ids}
            outcomes = self._forget(connection, ours, PipelineName.CONTACTS, document_ids)
            outcomes += self._forget(connection, ours, PipelineName.PURCHASES, orders)
            outcomes += self._forget(connection, ours, PipelineName.NEWSLETTER, [person])
            self._forget_texts(
                connection, ours, {*document_ids, *orders, *(row.purchase_id for row in bought), person}
            )
            changes = sum(
                connection.execute(
                    sa.delete(table).where(table.c.shop_id.in_(ours), table.c.person == person)
                ).rowcount
                for table in (change, writing, pending_event)
            )
            for table in (purchase, posting, taken_event, claim):
                connection.execute(
                    sa.delete(table).where(table.c.shop_id.in_(ours), table.c.person == person)
                )
            named = {*document_ids, *orders, *(row.purchase_id for row in bought)}
            reports = self._forget_in_reports(connection, ours, named)
        return Traces(changes, outcomes, len(bought), reports)

    def restore(self, email: str) -> bool:
        """Let the person in again; whether that was somebody erased."""
        with self._database.write() as connection:
            shop = self._shop(connection)
            gone = sa.delete(erased).where(
                erased.c.shop == shop, erased.c.person == self._people.hashed(email)
            )
            return connection.execute(gone).rowcount > 0

    def finished_runs(self) -> list[FinishedRun]:
        """Runs of the shop that have their report."""
        with self._database.read() as connection:
            query = sa.select(*_ACCOUNTS, run.c.dag_id, run.c.run_id, run.c.run_key)
            query = query.join(pairs, pairs.c.shop_id == run.c.shop_id)
            query = query.where(_shop_of == self._shop(connection))
            return [
                FinishedRun(Shop(*row[:4]), row.dag_id, row.run_id, row.run_key)
                for row in connection.execute(query)
            ]

    def shops_of_the_vtex_account(self) -> list[Shop]:
        """All pairs with the VTEX account of this one."""
        with self._database.read() as connection:
            query = sa.select(*_ACCOUNTS).where(_shop_of == self._shop(connection))
            return [Shop(*row) for row in connection.execute(query)]

    def _shop(self, connection: sa.Connection) -> str:
        """What the pairs of one VTEX account share; the hash key is compared on the way."""
        mine = sa.select(_shop_of).where(pairs.c.shop_id == self._database.shop_id)
        shop = connection.execute(mine).scalar_one()
        strange = sa.select(erased.c.person).where(
            erased.c.shop == shop, erased.c.key_mark != self._people.key_mark
        )
        if connection.execute(strange.limit(1)).first():
            raise ConfigurationError(
                "sync_state: extra hash_key is not the one under which people were erased, so none of them "
                "would be recognised. Put it back (docs/privacy.md). Nothing was sent"
            )
        return shop

    def _row(self, shop: str, email: str) -> sa.Select[tuple[str]]:
        return sa.select(erased.c.person).where(
            erased.c.shop == shop, erased.c.person == self._people.hashed(email)
        )

    def _last(self, connection: sa.Connection) -> tuple[datetime | None, int]:
        query = sa.select(sa.func.max(erased.c.erased_at), sa.func.count())
        row = connection.execute(query.where(erased.c.shop == self._shop(connection))).one()
        return row[0], row[1]

    def _shops_of(self, shop: str) -> sa.Select[tuple[int]]:
        return sa.select(pairs.c.shop_id).where(_shop_of == shop)

    def _remember(self, connection: sa.Connection, shop: str, person: str) -> None:
        values = {"key_mark": self._people.key_mark, "erased_at": self._database.clock()}
        insert = self._database.insert(erased).values(shop=shop, person=person, **values)
        connection.execute(insert.on_conflict_do_update(index_elements=["shop", "person"], set_=values))

    def _forget(
        self,
        connection: sa.Connection,
        ours: sa.Select[tuple[int]],
        pipeline: PipelineName,
        keys: Collection[str],
    ) -> int:
        return sum(
            connection.execute(
                sa.delete(record).where(
                    record.c.shop_id.in_(ours), record.c.pipeline == pipeline, record.c.record_key.in_(some)
                )
            ).rowcount
            for some in in_batches(keys, _AT_ONCE)
        )

    def _forget_texts(
        self, connection: sa.Connection, ours: sa.Select[tuple[int]], keys: Collection[str]
    ) -> None:
        """What vendors said of the person's records, in any pipeline."""
        for some in in_batches(keys, _AT_ONCE):
            gone = sa.delete(vendor_text).where(
                vendor_text.c.shop_id.in_(ours), vendor_text.c.record_key.in_(some)
            )
            connection.execute(gone)

    def _forget_in_reports(
        self, connection: sa.Connection, ours: sa.Select[tuple[int]], named: set[str]
    ) -> int:
        """Reports of comparisons name some records: they go on without the person's."""
        query = sa.select(run.c.shop_id, run.c.run_key, run.c.report).where(
            run.c.shop_id.in_(ours), run.c.pipeline == PipelineName.RECONCILE
        )
        changed = 0
        for shop_id, run_key, report in connection.execute(query).all():
            without = _without(report, named)
            if without != report:
                changed += 1
                this = sa.update(run).where(run.c.shop_id == shop_id, run.c.run_key == run_key)
                connection.execute(this.values(report=without))
        return changed


_ACCOUNTS = [pairs.c[field.name] for field in fields(Shop)]
_shop_of: sa.ColumnElement[str] = sa.func.lower(
    sa.func.coalesce(sa.func.nullif(pairs.c.vtex_account, ""), pairs.c.vtex_host)
)


def _without(value: Any, named: set[str]) -> Any:
    """Lists that are shorter by the texts in `named`, however deep they lie."""
    if isinstance(value, dict):
        return {key: _without(inner, named) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without(item, named) for item in value if not (isinstance(item, str) and item in named)]
    return value
