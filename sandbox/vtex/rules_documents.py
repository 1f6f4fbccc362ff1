# ruff: noqa: S608 - the SQL consists of our own names; values are bound
"""The documents of CL (Master Data v1): reads, writes, and the writes that wait for the index."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import orjson

from sandbox.core.clock import Clock
from sandbox.core.database import Database
from sandbox.core.errors import VendorError
from sandbox.shop.instants import instant_text
from sandbox.vtex.errors import message_error
from sandbox.vtex.fields import (
    COLUMNS,
    SYSTEM,
    WRITABLE,
    check_changes,
    check_names,
    from_column,
    parse_fields,
    to_column,
)
from sandbox.vtex.knobs import VtexKnobs

Document = dict[str, Any]


@dataclass(frozen=True)
class Written:
    """The result of a write: `created`, `changed`, or neither if nothing differed."""

    id: str
    created: bool = False
    changed: bool = False


class Documents:
    """Thread-safe: every method takes the database's lock."""

    def __init__(self, database: Database, clock: Clock, knobs: VtexKnobs) -> None:
        self._database, self._clock, self._knobs = database, clock, knobs

    def get(self, document_id: str) -> Document | None:
        """All fields as last written, also if the index lacks the write. `CL-…` is not an id here."""
        with self._database.lock:
            waiting = self._database.row(
                "SELECT document FROM client_write WHERE id = ? ORDER BY number DESC", (document_id,)
            )
            if waiting is not None:
                document: Document = orjson.loads(waiting["document"])
                return document
            row = self._database.row("SELECT * FROM client WHERE id = ?", (document_id,))
            return None if row is None else {name: from_column(name, row[name]) for name in COLUMNS}

    def show(self, document_id: str, fields: str | None) -> Document | None:
        document = self.get(document_id)
        if document is None:
            return None
        return {name: (document | SYSTEM)[name] for name in parse_fields(fields)}

    def insert(self, changes: Document, *, by: str) -> Written:
        """POST does not insert an e-mail twice."""
        with self._database.transaction():
            existing = self._find_existing(changes)
            if existing is not None:
                if self._knobs.md_duplicate_post == "400":
                    raise message_error(400, "duplicated entry")
                return Written(existing)
            return self._create(changes, by)

    def upsert(self, changes: Document, *, by: str) -> Written:
        """PATCH on the collection changes the document with this `id` or e-mail, or else creates one."""
        with self._database.transaction():
            existing = self._find_existing(changes)
            return self._create(changes, by) if existing is None else self._change(existing, changes, by)

    def patch(self, document_id: str, changes: Document, *, by: str) -> Written:
        with self._database.transaction():
            if self.get(document_id) is None:
                if self._knobs.md_patch_unknown_id == "404":
                    raise VendorError(404)
                return self._create(changes | {"id": document_id}, by)
            return self._change(document_id, changes, by)

    def put(self, document_id: str, document: Document, *, by: str) -> Written:
        """Replaces the document, or inserts it with this id."""
        with self._database.transaction():
            if self.get(document_id) is None:
                return self._create(document | {"id": document_id}, by)
            return self._change(document_id, dict.fromkeys(WRITABLE - {"id"}) | document, by)

    def place(self, document_id: str, values: Document) -> Document:
        """For tests: inserts or replaces a document, system fields included. The index has it at once.

        Values may have types that the API refuses, as documents from imports and old versions do.
        """
        check_names(values, {*COLUMNS})
        document = dict.fromkeys(COLUMNS) | values | {"id": document_id}
        with self._database.transaction():
            self.apply_writes(everything=True)
            self._store(document)
        return document

    def remove(self, document_id: str) -> int:
        """For tests: erases a customer. Returns the number of deleted documents."""
        with self._database.transaction():
            self.apply_writes(everything=True)
            return self._database.execute("DELETE FROM client WHERE id = ?", (document_id,))

    def _find_existing(self, changes: Document) -> str | None:
        """The id of the existing document that has the `id` or the e-mail of `changes`."""
        check_changes(changes, WRITABLE)
        if changes.get("id") and self.get(str(changes["id"])) is not None:
            return str(changes["id"])
        email = changes.get("email")
        for table in ("client_write", "client") if email else ():
            document_id = self._database.value(f"SELECT id FROM {table} WHERE email = ?", (email,))
            if document_id is not None:
                return str(document_id)
        return None

    def _create(self, changes: Document, by: str) -> Written:
        """`updatedIn` stays null until the first change."""
        check_changes(changes, WRITABLE)
        now = instant_text(self._clock.now()) + "Z"
        system = {"createdIn": now, "createdBy": by, "lastInteractionIn": now, "lastInteractionBy": by}
        document = dict.fromkeys(COLUMNS) | {"id": str(uuid4())} | changes | system
        self._write(document, changes, "created", by)
        return Written(str(document["id"]), created=True)

    def _change(self, document_id: str, changes: Document, by: str) -> Written:
        check_changes(changes, WRITABLE)
        before = self.get(document_id) or {}
        changed = {name: value for name, value in changes.items() if before[name] != value and name != "id"}
        if not changed:
            return Written(document_id)
        now = instant_text(self._clock.now()) + "Z"
        system = {"updatedIn": now, "updatedBy": by, "lastInteractionIn": now, "lastInteractionBy": by}
        pairs = {name: [before[name], value] for name, value in changed.items()}
        self._write(before | changed | system, pairs, "changed", by)
        return Written(document_id, changed=True)

    def _write(self, document: Document, changed: Document, verb: str, by: str) -> None:
        """Queues the write for the index and records `changed` for `/_sandbox/changes`."""
        now = self._clock.now()
        visible = instant_text(now + timedelta(seconds=self._knobs.md_index_lag_seconds))
        email = document["email"] if isinstance(document["email"], str) else None
        self._database.execute(
            "INSERT INTO client_write (id, email, document, visible_from) VALUES (?, ?, ?, ?)",
            (document["id"], email, orjson.dumps(document).decode(), visible),
        )
        self._database.execute(
            'INSERT INTO change (at, verb, id, email, changed, "by") VALUES (?, ?, ?, ?, ?, ?)',
            (instant_text(now), verb, document["id"], email, orjson.dumps(changed).decode(), by),
        )

    def apply_writes(self, *, everything: bool = False) -> None:
        """Applies to the index the writes that are old enough, or all writes."""
        limit = "9" if everything else instant_text(self._clock.now())
        waiting = self._database.rows(
            "SELECT number, document FROM client_write WHERE visible_from <= ? ORDER BY number", (limit,)
        )
        for row in waiting:
            self._store(orjson.loads(row["document"]))
            self._database.execute("DELETE FROM client_write WHERE number = ?", (row["number"],))

    def _store(self, document: Document) -> None:
        values = [to_column(name, document[name]) for name in COLUMNS]
        columns = ", ".join(f'"{name}"' for name in COLUMNS)
        updates = ", ".join(f'"{name}" = excluded."{name}"' for name in COLUMNS)
        self._database.execute(
            f"INSERT INTO client ({columns}) VALUES ({', '.join('?' * len(COLUMNS))})"
            f" ON CONFLICT (id) DO UPDATE SET {updates}",
            values,
        )
