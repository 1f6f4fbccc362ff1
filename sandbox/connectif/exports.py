"""Exports: the queue and the files that are handed out. What is in them is the business of `export_files`."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.connectif.contacts import SYSTEM_FIELDS
from sandbox.connectif.errors import ApiError, Unprocessable, not_found, queue_full
from sandbox.connectif.export_files import ACTIVITIES, Sheet, Style, write_zip
from sandbox.connectif.fields import Field, Kind, read_object
from sandbox.connectif.schema import id_of, row_of
from sandbox.connectif.worker import Worker

if TYPE_CHECKING:
    import sqlite3
    from threading import Event

    from sandbox.connectif.account import Account
    from sandbox.connectif.contacts import Contacts

MAX_QUEUED = 5
MAX_DAYS = 31
URL_SECONDS = 100 * 60

_FIELDS: dict[str, Field] = {
    field.key: field
    for field in (
        Field("exportType", Kind.RADIO, "", ("contacts", "activities")),
        Field("delimiter", Kind.RADIO, "", (",", ";")),
        Field("dateFormat", Kind.RADIO, "", ("ISO", "L", "LL", "LLL")),
        Field("version", Kind.RADIO, "", ("v1", "v2", "v3", "v4", "v5", "v6")),
    )
}


class Exports:
    """At most five wait, one is worked off at a time. Each look at a finished one gives a new URL."""

    def __init__(self, account: Account, contacts: Contacts) -> None:
        self._account = account
        self._database = account.database
        self._knobs = account.knobs
        self._contacts = contacts
        self._secret = secrets.token_bytes(16)
        self._folder = tempfile.TemporaryDirectory(prefix="sandbox-exports-", ignore_cleanup_errors=True)
        self._worker = Worker("connectif-exports", self._run_next, lambda: self._knobs.exports_paused)

    def reset(self) -> None:
        self._worker.stop()
        for path in Path(self._folder.name).iterdir():
            path.unlink()

    def close(self) -> None:
        """Stops for good and removes the files."""
        self._worker.stop()
        self._folder.cleanup()

    def create(self, body: Any) -> dict[str, Any]:
        request = read_request(body, reject_unknown=self._account.rejects_unknown)
        with self._database.transaction():
            if self._database.value("SELECT COUNT(*) FROM exports WHERE status = 'queued'") >= MAX_QUEUED:
                raise queue_full("exports", MAX_QUEUED, "E0301")
            self._database.execute(
                "INSERT INTO exports (status, request, origin, created_at) VALUES ('queued', ?, 'api', ?)",
                (json.dumps(request), self._account.now()),
            )
            created = self.get(id_of("exports", self._database.value("SELECT last_insert_rowid()")), "")
        self._worker.wake()
        return created

    def get(self, connectif_id: str, base_url: str) -> dict[str, Any]:
        return self._shown(self._find(connectif_id), base_url)

    def page(self, number: int, base_url: str) -> tuple[list[dict[str, Any]], bool]:
        """A page of exports, newest first, and whether more follow."""
        size = self._knobs.list_page_size
        rows = self._database.rows(
            "SELECT * FROM exports ORDER BY row DESC LIMIT ? OFFSET ?", (size + 1, (number - 1) * size)
        )
        return [self._shown(row, base_url) for row in rows[:size]], len(rows) > size

    def file(self, connectif_id: str, ticket: str) -> Path:
        """The ZIP behind a URL that was handed out, while it is valid."""
        expires, _, signature = ticket.partition("-")
        row = self._find(connectif_id)["row"]
        if not hmac.compare_digest(signature, self._signature(row, expires)):
            raise not_found("File")
        if self._account.clock.now().timestamp() > int(expires):
            raise ApiError(403, "This URL has expired.")
        return self._path(row)

    # --- the queue ---

    def _run_next(self, stopping: Event) -> bool:
        row = self._database.row(
            "SELECT row, request FROM exports WHERE status = 'queued' ORDER BY row LIMIT 1"
        )
        if row is None:
            return False
        self._set(row["row"], status="inProgress")
        status, total = "error", 0
        try:
            total = self._write(row["row"], json.loads(row["request"]), stopping)
            status = "finished"
        finally:
            self._set(row["row"], status=status, total=total, progress=100 * (status == "finished"),
                      finished_at=self._account.now())  # fmt: skip
        return True

    def _write(self, row: int, request: dict[str, Any], stopping: Event) -> int:
        sheet = Sheet(self._database, request["dateFormat"], stopping)
        if request["exportType"] == "contacts":
            rows = sheet.contacts([key for key in self._contacts.fields() if key not in SYSTEM_FIELDS])
        else:
            rows = sheet.activities(request["filters"])
        style = Style(
            request["exportType"],
            request["delimiter"],
            self._knobs.export_rows_per_file,
            self._knobs.export_columns,
        )
        return write_zip(self._path(row), sheet, rows, style)

    # --- rows and files ---

    def _find(self, connectif_id: str) -> sqlite3.Row:
        row: sqlite3.Row | None = self._database.row(
            "SELECT * FROM exports WHERE row = ?", (row_of("exports", connectif_id),)
        )
        if row is None:
            raise not_found("Export")
        return row

    def _set(self, row: int, **values: Any) -> None:
        changes = ", ".join(f"{column} = ?" for column in values)
        self._database.execute(f"UPDATE exports SET {changes} WHERE row = ?", [*values.values(), row])  # noqa: S608

    def _shown(self, row: sqlite3.Row, base_url: str) -> dict[str, Any]:
        request = json.loads(row["request"])
        found = {
            "id": id_of("exports", row["row"]), **request, "status": row["status"], "origin": row["origin"],
            "progress": row["progress"], "total": row["total"], "createdAt": row["created_at"],
        }  # fmt: skip
        if row["finished_at"]:
            found["finishedAt"] = row["finished_at"]
        if row["status"] == "finished":
            found |= {
                "fileName": f"{request['exportType']}-{found['id']}", "fileExtension": "zip",
                "fileUrl": self._url(row["row"], base_url),
            }  # fmt: skip
        return found

    def _url(self, row: int, base_url: str) -> str:
        expires = str(int(self._account.clock.now().timestamp()) + URL_SECONDS)
        return (
            f"{base_url}files/exports/{id_of('exports', row)}/{expires}-{self._signature(row, expires)}.zip"
        )

    def _signature(self, row: int, expires: str) -> str:
        return hmac.new(self._secret, f"{row} {expires}".encode(), hashlib.sha256).hexdigest()

    def _path(self, row: int) -> Path:
        return Path(self._folder.name) / f"{row}.zip"


def read_request(body: Any, *, reject_unknown: bool) -> dict[str, Any]:
    """A checked `ExportCreation`. Segments are not simulated, so none exists."""
    head = {key: value for key, value in body.items() if key != "filters"} if isinstance(body, dict) else body
    values, problems = read_object(head, _FIELDS, reject_unknown=reject_unknown, reject_null=True)
    problems |= {key: "is required" for key in _FIELDS if key not in (body or {}) and key != "version"}
    if problems:
        raise Unprocessable(problems)
    filters, problems = _read_filters(body.get("filters", {}), values["exportType"])
    if problems:
        raise Unprocessable({f"filters.{key}": reason for key, reason in problems.items()})
    return {"version": "v1", **values, "filters": filters}


def _read_filters(filters: Any, export_type: str) -> tuple[dict[str, Any], dict[str, str]]:
    known = {
        "fromDate": Field("fromDate", Kind.INSTANT, ""), "toDate": Field("toDate", Kind.INSTANT, ""),
        "activityTypes": Field("activityTypes", Kind.CHECKBOX, "", tuple(ACTIVITIES)),
    }  # fmt: skip
    if export_type == "contacts":
        return read_object(filters, {}, reject_unknown=True, reject_null=True)
    values, problems = read_object(filters, known, reject_unknown=True, reject_null=True)
    problems |= {key: "is required for activities" for key in ("fromDate", "toDate") if key not in values}
    if not problems:
        length = datetime.fromisoformat(values["toDate"]) - datetime.fromisoformat(values["fromDate"])
        if not timedelta(0) <= length <= timedelta(days=MAX_DAYS):
            problems["toDate"] = f"must be at most {MAX_DAYS} days after fromDate"
    return {key: known[key].shown(value) for key, value in values.items()}, problems
