"""Vendors' texts about rejected records. They may quote the customer, so they are encrypted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from include.batching import in_batches
from include.state.database import Part
from include.state.tables import vendor_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from include.outcomes import PipelineName

_KEYS_PER_QUERY = 500


class VendorTexts(Part):
    """The last text of each rejected record. It is kept as long as the outcome; an erasure removes it."""

    def keep(self, pipeline: PipelineName, texts: Mapping[str, str]) -> None:
        """Write texts by record key, in place of earlier ones; empty texts are skipped."""
        present = {key: text for key, text in texts.items() if text}
        shared = {
            "shop_id": self._database.shop_id,
            "pipeline": pipeline,
            "last_seen": self._database.clock(),
        }
        insert = self._database.insert(vendor_text)
        new = {name: insert.excluded[name] for name in ("sealed_text", "last_seen")}
        statement = insert.on_conflict_do_update(
            index_elements=["shop_id", "pipeline", "record_key"], set_=new
        )
        for keys in in_batches(sorted(present), _KEYS_PER_QUERY):
            rows = [
                shared | {"record_key": key, "sealed_text": self._people.sealed(present[key])} for key in keys
            ]
            with self._database.write() as connection:
                connection.execute(statement, rows)

    def of(self, pipeline: PipelineName, keys: Iterable[str]) -> dict[str, str]:
        """The stored texts of these records, by key. They may hold personal data: never log them."""
        found: dict[str, str] = {}
        with self._database.read() as connection:
            for batch in in_batches(keys, _KEYS_PER_QUERY):
                query = sa.select(vendor_text.c.record_key, vendor_text.c.sealed_text).where(
                    vendor_text.c.shop_id == self._database.shop_id,
                    vendor_text.c.pipeline == pipeline,
                    vendor_text.c.record_key.in_(batch),
                )
                for key, sealed in connection.execute(query):
                    found[key] = self._people.opened(sealed)
        return found
