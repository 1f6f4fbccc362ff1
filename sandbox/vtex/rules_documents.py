# ruff: noqa: S608 - the SQL is put together from names of ours; values are bound
"""Master Data v1, entity CL: one document read and written, and the index that hears of it later."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import orjson

from sandbox.core.clock import Clock
from sandbox.core.database import Database
from sandbox.shop.instants import text
from sandbox.vtex.errors import VtexError, message
from sandbox.vtex.fields import COLUMNS, SYSTEM, WRITABLE, check, check_names, named, stored, typed
from sandbox.vtex.knobs import VtexKnobs

Document = dict[str, Any]


@dataclass(frozen=True)
class Written:
    """What a write did: `created`, `changed`, or neither (nothing differed)."""

    id: str
    created: bool = False
    changed: bool = False


class Documents:
    """All methods are thread-safe through the database's lock."""

    def __init__(self, database: Database, clock: Clock, knobs: VtexKnobs) -> None:
        self._database, self._clock, self._knobs = database, clock, knobs

    def get(self, document_id: str) -> Document | None:
        """As it was last written, index or not; all fields. The prefixed form `CL-…` is nobody's id."""
        with self._database.lock:
            waiting = self._database.row(
                "SELECT document FROM client_write WHERE id = ? ORDER BY number DESC", (document_id,)
            )
            if waiting is not None:
                found: Document = orjson.loads(waiting["document"])
                return found
            row = self._database.row("SELECT * FROM client WHERE id = ?", (document_id,))
            return None if row is None else {name: typed(name, row[name]) for name in COLUMNS}

    def printed(self, document_id: str, fields: str | None) -> Document | None:
        document = self.get(document_id)
        if document is None:
            return None
        return {name: (document | SYSTEM)[name] for name in named(fields)}

    def insert(self, changes: Document, *, by: str) -> Written:
        """POST: a known e-mail is not inserted twice."""
        with self._database.transaction():
            known = self._known(changes)
            if known is not None:
                if self._knobs.md_duplicate_post == "400":
                    raise message(400, "duplicated entry")
                return Written(known)
            return self._create(changes, by)

    def upsert(self, changes: Document, *, by: str) -> Written:
        """PATCH on the collection: found by `id` or by e-mail it is changed, else it is created."""
        with self._database.transaction():
            known = self._known(changes)
            return self._create(changes, by) if known is None else self._change(known, changes, by)

    def patch(self, document_id: str, changes: Document, *, by: str) -> Written:
        with self._database.transaction():
            if self.get(document_id) is None:
                if self._knobs.md_patch_unknown_id == "404":
                    raise VtexError(404)
                return self._create(changes | {"id": document_id}, by)
            return self._change(document_id, changes, by)

    def put(self, document_id: str, document: Document, *, by: str) -> Written:
        """Replace, or insert with that id."""
        with self._database.transaction():
            if self.get(document_id) is None:
                return self._create(document | {"id": document_id}, by)
            return self._change(document_id, dict.fromkeys(WRITABLE - {"id"}) | document, by)

    def place(self, document_id: str, values: Document) -> Document:
        """For tests: insert or replace, system fields included, seen by the index at once.

        Values may be of types that the API would refuse: what imports and older versions left behind.
        """
        check_names(values, {*COLUMNS})
        document = dict.fromkeys(COLUMNS) | values | {"id": document_id}
        with self._database.transaction():
            self.settle(everything=True)
            self._store(document)
        return document

    def remove(self, document_id: str) -> int:
        """For tests: a person erased. Returns how many documents went."""
        with self._database.transaction():
            self.settle(everything=True)
            return self._database.execute("DELETE FROM client WHERE id = ?", (document_id,))

    def _known(self, changes: Document) -> str | None:
        """The id of the document that a body without an id in its path means."""
        check(changes, WRITABLE)
        if changes.get("id") and self.get(str(changes["id"])) is not None:
            return str(changes["id"])
        email = changes.get("email")
        for table in ("client_write", "client") if email else ():
            found = self._database.value(f"SELECT id FROM {table} WHERE email = ?", (email,))
            if found is not None:
                return str(found)
        return None

    def _create(self, changes: Document, by: str) -> Written:
        """`updatedIn` stays null until the first change."""
        check(changes, WRITABLE)
        now = text(self._clock.now()) + "Z"
        marks = {"createdIn": now, "createdBy": by, "lastInteractionIn": now, "lastInteractionBy": by}
        document = dict.fromkeys(COLUMNS) | {"id": str(uuid4())} | changes | marks
        self._write(document, changes, "created", by)
        return Written(str(document["id"]), created=True)

    def _change(self, document_id: str, changes: Document, by: str) -> Written:
        check(changes, WRITABLE)
        before = self.get(document_id) or {}
        changed = {name: value for name, value in changes.items() if before[name] != value and name != "id"}
        if not changed:
            return Written(document_id)
        now = text(self._clock.now()) + "Z"
        marks = {"updatedIn": now, "updatedBy": by, "lastInteractionIn": now, "lastInteractionBy": by}
        shown = {name: [before[name], value] for name, value in changed.items()}
        self._write(before | changed | marks, shown, "changed", by)
        return Written(document_id, changed=True)

    def _write(self, document: Document, shown: Document, verb: str, by: str) -> None:
        now = self._clock.now()
        visible = text(now + timedelta(seconds=self._knobs.md_index_lag_seconds))
        email = document["email"] if isinstance(document["email"], str) else None
        self._database.execute(
            "INSERT INTO client_write (id, email, document, visible_from) VALUES (?, ?, ?, ?)",
            (document["id"], email, orjson.dumps(document).decode(), visible),
        )
        self._database.execute(
            'INSERT INTO change (at, verb, id, email, changed, "by") VALUES (?, ?, ?, ?, ?, ?)',
            (text(now), verb, document["id"], email, orjson.dumps(shown).decode(), by),
        )

    def settle(self, *, everything: bool = False) -> None:
        """Let the index catch up with the writes that are old enough."""
        limit = "9" if everything else text(self._clock.now())
        waiting = self._database.rows(
            "SELECT number, document FROM client_write WHERE visible_from <= ? ORDER BY number", (limit,)
        )
        for row in waiting:
            self._store(orjson.loads(row["document"]))
            self._database.execute("DELETE FROM client_write WHERE number = ?", (row["number"],))

    def _store(self, document: Document) -> None:
        values = [stored(name, document[name]) for name in COLUMNS]
        columns = ", ".join(f'"{name}"' for name in COLUMNS)
        updates = ", ".join(f'"{name}" = excluded."{name}"' for name in COLUMNS)
        self._database.execute(
            f"INSERT INTO client ({columns}) VALUES ({', '.join('?' * len(COLUMNS))})"
            f" ON CONFLICT (id) DO UPDATE SET {updates}",
            values,
        )
