"""The path of the catalogue that was sent last."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple, cast

import sqlalchemy as sa

from include.state.database import Part
from include.state.tables import catalogue


class SentCatalogue(NamedTuple):
    """The catalogue that was sent last: by which run, when, and how many products."""

    run_key: str
    at: datetime
    products: int


class Catalogue(Part):
    """One row per shop."""

    def sent(self) -> SentCatalogue | None:
        """The last catalogue that was sent, `None` before the first."""
        query = sa.select(catalogue).where(catalogue.c.shop_id == self._database.shop_id)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return None if row is None else SentCatalogue(row.run_key, row.replaced_at, row.products)

    def last_path(self) -> str | None:
        """The path of the catalogue sent last, `None` before the first."""
        query = sa.select(catalogue.c.path).where(catalogue.c.shop_id == self._database.shop_id)
        with self._database.read() as connection:
            return cast("str | None", connection.execute(query).scalar())

    def replace(self, path: str, products: int, run_key: str) -> None:
        """Record the path of the catalogue that was just sent, and its number of products."""
        values = {
            "path": path,
            "products": products,
            "run_key": run_key,
            "replaced_at": self._database.clock(),
        }
        insert = self._database.insert(catalogue).values(shop_id=self._database.shop_id, **values)
        with self._database.write() as connection:
            connection.execute(insert.on_conflict_do_update(index_elements=["shop_id"], set_=values))
