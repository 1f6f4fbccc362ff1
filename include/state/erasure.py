"""Erased people: the state store keeps only a keyed hash, so that no later run writes them again."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import sqlalchemy as sa

from include.batching import in_batches
from include.errors import ConfigurationError
from include.outcomes import PipelineName
from include.state.database import Part
from include.state.shop import Shop
from include.state.tables import (
    claim,
    erased,
    pending_event,
    posting,
    purchase,
    record,
    run,
    subscription,
    subscription_in_flight,
    taken_event,
    vendor_text,
)
from include.state.tables import shop as shops

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

_KEYS_PER_QUERY = 500


class Traces(NamedTuple):
    """How many rows about a person were removed from the state store."""

    changes: int
    outcomes: int
    purchases: int
    reports: int


class FinishedRun(NamedTuple):
    """A run that has its report, and the shop that it ran for."""

    shop: Shop
    dag_id: str
    run_id: str
    run_key: str


class Erasure(Part):
    """The erased people of a VTEX account: they are shared by all shops with that account.

    Each call raises `ConfigurationError` if people were erased under another hash key: no erased person could
    be recognised then, and all of them would be sent again.
    """

    def is_erased(self, email: str) -> bool:
        """Whether the sync must not write this person anywhere."""
        return self.erased_at(email) is not None

    def erased_at(self, email: str) -> datetime | None:
        """When the person was erased; None if the sync may write about this person."""
        with self._database.read() as connection:
            is_person = self._is_person(self._vtex_account(connection), email)
            query = sa.select(erased.c.erased_at).where(*is_person)
            return cast("datetime | None", connection.execute(query).scalar())

    def erased_people(self) -> frozenset[str]:
        """The hashes of all erased people (see `StateStore.hashed`)."""
        with self._database.read() as connection:
            account = self._vtex_account(connection)
            query = sa.select(erased.c.person).where(erased.c.vtex_account == account)
            return frozenset(connection.execute(query).scalars())

    def erasures(self) -> str:
        """A text that changes whenever a person is erased or restored."""
        with self._database.read() as connection:
            last, number = self._last_and_number(connection)
        return f"{number} until {last.isoformat() if last else 'now'}"

    def last_erasure(self) -> datetime | None:
        """When the last of the people who are still erased was erased."""
        with self._database.read() as connection:
            return self._last_and_number(connection)[0]

    def erase(self, email: str, document_ids: Collection[str] = ()) -> Traces:
        """Remove all rows about a person, and keep the hash.

        `document_ids` are the person's documents at VTEX: outcomes of customers are stored under these ids.
        """
        person = self._people.hashed(email)
        with self._database.write() as connection:
            account = self._vtex_account(connection)
            self._save_erasure(connection, account, person)
            shop_ids = self._shop_ids(account)
            bought = list(
                connection.execute(
                    sa.select(purchase.c.purchase_id, purchase.c.order_ids).where(
                        purchase.c.shop_id.in_(shop_ids), purchase.c.person == person
                    )
                )
            )
            orders = {order_id for row in bought for order_id in row.order_ids}
            outcomes = self._delete_outcomes(connection, shop_ids, PipelineName.CONTACTS, document_ids)
            outcomes += self._delete_outcomes(connection, shop_ids, PipelineName.PURCHASES, orders)
            outcomes += self._delete_outcomes(connection, shop_ids, PipelineName.NEWSLETTER, [person])
            keys = {*document_ids, *orders, *(row.purchase_id for row in bought)}
            self._delete_vendor_texts(connection, shop_ids, {*keys, person})
            changes = sum(
                connection.execute(
                    sa.delete(table).where(table.c.shop_id.in_(shop_ids), table.c.person == person)
                ).rowcount
                for table in (subscription, subscription_in_flight, pending_event)
            )
            for table in (purchase, posting, taken_event, claim):
                connection.execute(
                    sa.delete(table).where(table.c.shop_id.in_(shop_ids), table.c.person == person)
                )
            reports = self._remove_from_reports(connection, shop_ids, keys)
        return Traces(changes, outcomes, len(bought), reports)

    def restore(self, email: str) -> bool:
        """Let the sync write the person again. False if the person was not erased."""
        with self._database.write() as connection:
            statement = sa.delete(erased).where(*self._is_person(self._vtex_account(connection), email))
            return connection.execute(statement).rowcount > 0

    def finished_runs(self) -> list[FinishedRun]:
        """The runs of the VTEX account that have their report."""
        with self._database.read() as connection:
            query = sa.select(*_SHOP_COLUMNS, run.c.dag_id, run.c.run_id, run.c.run_key)
            query = query.join(shops, shops.c.shop_id == run.c.shop_id)
            query = query.where(_account_of_shop == self._vtex_account(connection))
            return [
                FinishedRun(Shop(*row[: len(_SHOP_COLUMNS)]), row.dag_id, row.run_id, row.run_key)
                for row in connection.execute(query)
            ]

    def shops_of_the_vtex_account(self) -> list[Shop]:
        """All shops with the VTEX account of this one."""
        with self._database.read() as connection:
            query = sa.select(*_SHOP_COLUMNS).where(_account_of_shop == self._vtex_account(connection))
            return [Shop(*row) for row in connection.execute(query)]

    def _vtex_account(self, connection: sa.Connection) -> str:
        """The VTEX account of this shop; raises if people were erased under another hash key."""
        query = sa.select(_account_of_shop).where(shops.c.shop_id == self._database.shop_id)
        account = connection.execute(query).scalar_one()
        other_key = sa.select(erased.c.person).where(
            erased.c.vtex_account == account, erased.c.key_mark != self._people.key_mark
        )
        if connection.execute(other_key.limit(1)).first():
            raise ConfigurationError(
                "sync_state: extra hash_key is not the one under which people were erased, so the sync would "
                "not recognise them. Put that key back (docs/privacy.md). Nothing was sent"
            )
        return account

    def _is_person(self, account: str, email: str) -> tuple[sa.ColumnElement[bool], ...]:
        return erased.c.vtex_account == account, erased.c.person == self._people.hashed(email)

    def _last_and_number(self, connection: sa.Connection) -> tuple[datetime | None, int]:
        query = sa.select(sa.func.max(erased.c.erased_at), sa.func.count())
        row = connection.execute(query.where(erased.c.vtex_account == self._vtex_account(connection))).one()
        return row[0], row[1]

    def _shop_ids(self, account: str) -> sa.Select[tuple[int]]:
        return sa.select(shops.c.shop_id).where(_account_of_shop == account)

    def _save_erasure(self, connection: sa.Connection, account: str, person: str) -> None:
        values = {"key_mark": self._people.key_mark, "erased_at": self._database.clock()}
        insert = self._database.insert(erased).values(vtex_account=account, person=person, **values)
        statement = insert.on_conflict_do_update(index_elements=["vtex_account", "person"], set_=values)
        connection.execute(statement)

    def _delete_outcomes(
        self,
        connection: sa.Connection,
        shop_ids: sa.Select[tuple[int]],
        pipeline: PipelineName,
        keys: Collection[str],
    ) -> int:
        return sum(
            connection.execute(
                sa.delete(record).where(
                    record.c.shop_id.in_(shop_ids),
                    record.c.pipeline == pipeline,
                    record.c.record_key.in_(batch),
                )
            ).rowcount
            for batch in in_batches(keys, _KEYS_PER_QUERY)
        )

    def _delete_vendor_texts(
        self, connection: sa.Connection, shop_ids: sa.Select[tuple[int]], keys: Collection[str]
    ) -> None:
        """Remove the vendors' texts about the person's records, in every pipeline."""
        for batch in in_batches(keys, _KEYS_PER_QUERY):
            statement = sa.delete(vendor_text).where(
                vendor_text.c.shop_id.in_(shop_ids), vendor_text.c.record_key.in_(batch)
            )
            connection.execute(statement)

    def _remove_from_reports(
        self, connection: sa.Connection, shop_ids: sa.Select[tuple[int]], keys: set[str]
    ) -> int:
        """Remove the person's keys from the reports: those of comparisons and dry runs name some records."""
        query = sa.select(run.c.shop_id, run.c.run_key, run.c.report).where(run.c.shop_id.in_(shop_ids))
        changed = 0
        for shop_id, run_key, report in connection.execute(query).all():
            without = _without(report, keys)
            if without != report:
                changed += 1
                statement = sa.update(run).where(run.c.shop_id == shop_id, run.c.run_key == run_key)
                connection.execute(statement.values(report=without))
        return changed


_SHOP_COLUMNS = [shops.c[field.name] for field in fields(Shop)]
_account_of_shop: sa.ColumnElement[str] = sa.func.lower(
    sa.func.coalesce(sa.func.nullif(shops.c.vtex_account, ""), shops.c.vtex_host)
)
"""The VTEX account of a shop in lower case, or its host if the account is empty."""


def _without(value: Any, keys: set[str]) -> Any:
    """The JSON value with all texts in `keys` removed from its lists, at every depth."""
    if isinstance(value, dict):
        return {key: _without(inner, keys) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without(item, keys) for item in value if not (isinstance(item, str) and item in keys)]
    return value
