"""Exports: requests, queue and file URLs. `export_files` writes the files."""

import hashlib
import hmac
import json
import secrets
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

from sandbox.connectif.account import Account
from sandbox.connectif.errors import http_error, not_found, queue_full, unprocessable
from sandbox.connectif.export_files import ACTIVITIES, FileStyle, Sheet, write_zip
from sandbox.connectif.fields import Field, FieldKind, read_object
from sandbox.connectif.jobs import Jobs
from sandbox.connectif.rules_contacts import SYSTEM_FIELDS, Contacts

MAX_QUEUED = 5
MAX_DAYS = 31
URL_SECONDS = 100 * 60

REQUEST_FIELDS: dict[str, Field] = {
    field.key: field
    for field in (
        Field("exportType", FieldKind.RADIO, "", ("contacts", "activities")),
        Field("delimiter", FieldKind.RADIO, "", (",", ";")),
        Field("dateFormat", FieldKind.RADIO, "", ("ISO", "L", "LL", "LLL")),
        Field("version", FieldKind.RADIO, "", ("v1", "v2", "v3", "v4", "v5", "v6")),
    )
}


class Exports:
    """At most five exports wait; one runs at a time. Each GET of a finished export has a new URL."""

    def __init__(self, account: Account, contacts: Contacts) -> None:
        self._account, self._database, self._knobs = account, account.database, account.knobs
        self._contacts = contacts
        self._secret = secrets.token_bytes(16)
        self._jobs = Jobs(account, "exports", self._run, lambda: self._knobs.exports_paused)
        self.reset, self.close = self._jobs.reset, self._jobs.close

    def create(self, body: Any) -> dict[str, Any]:
        request = read_request(body, reject_unknown=self._account.rejects_unknown)
        with self._database.transaction():
            if self._jobs.count_queued() >= MAX_QUEUED:
                raise queue_full("exports", MAX_QUEUED, "E0301")
            row = self._jobs.insert(request=json.dumps(request), created_at=self._account.now())
            created = self.get(self._jobs.id_of(row), "")
        self._jobs.wake()
        return created

    def get(self, connectif_id: str, base_url: str) -> dict[str, Any]:
        return self._show(self._jobs.find(connectif_id), base_url)

    def page(self, number: int, base_url: str) -> tuple[list[dict[str, Any]], bool]:
        """A page of exports, newest first, and whether more pages follow."""
        rows, has_more = self._jobs.page(number, self._knobs.list_page_size)
        return [self._show(row, base_url) for row in rows], has_more

    def file(self, connectif_id: str, ticket: str) -> Path:
        """The ZIP file of a URL, while the URL is valid."""
        expires, _, signature = ticket.partition("-")
        row = self._jobs.find(connectif_id)["row"]
        if not hmac.compare_digest(signature, self._sign(row, expires)):
            raise not_found("File")
        if self._account.clock.now().timestamp() > int(expires):
            raise http_error(403, "This URL has expired.")
        return self._path(row)

    def _run(self, job: sqlite3.Row, stopping: Event) -> None:
        row, status, total = job["row"], "error", 0
        self._jobs.update(row, status="inProgress")
        try:
            total = self._write(row, json.loads(job["request"]), stopping)
            status = "finished"
        finally:
            progress = 100 * (status == "finished")
            self._jobs.update(
                row, status=status, total=total, progress=progress, finished_at=self._account.now()
            )

    def _write(self, row: int, request: dict[str, Any], stopping: Event) -> int:
        sheet = Sheet(self._database, self._account.ids, request["dateFormat"], stopping)
        if request["exportType"] == "contacts":
            rows = sheet.contacts([key for key in self._contacts.fields() if key not in SYSTEM_FIELDS])
        else:
            rows = sheet.activities(request["filters"])
        style = FileStyle(
            request["exportType"],
            request["delimiter"],
            self._knobs.export_rows_per_file,
            self._knobs.export_columns,
        )
        return write_zip(self._path(row), sheet, rows, style)

    def _show(self, row: sqlite3.Row, base_url: str) -> dict[str, Any]:
        request = json.loads(row["request"])
        shown = {
            "id": self._jobs.id_of(row["row"]), **request, "status": row["status"], "origin": row["origin"],
            "progress": row["progress"], "total": row["total"], "createdAt": row["created_at"],
        }  # fmt: skip
        if row["finished_at"]:
            shown["finishedAt"] = row["finished_at"]
        if row["status"] == "finished":
            shown |= {
                "fileName": f"{request['exportType']}-{shown['id']}", "fileExtension": "zip",
                "fileUrl": self._url(row["row"], base_url),
            }  # fmt: skip
        return shown

    def _url(self, row: int, base_url: str) -> str:
        expires = str(int(self._account.clock.now().timestamp()) + URL_SECONDS)
        name = f"{self._jobs.id_of(row)}/{expires}-{self._sign(row, expires)}.zip"
        return f"{base_url}{self._account.files}exports/{name}"

    def _sign(self, row: int, expires: str) -> str:
        return hmac.new(self._secret, f"{row} {expires}".encode(), hashlib.sha256).hexdigest()

    def _path(self, row: int) -> Path:
        return self._jobs.path(f"{row}.zip")


def read_request(body: Any, *, reject_unknown: bool) -> dict[str, Any]:
    """Checks an `ExportCreation`. The sandbox has no segments, so it refuses `segmentId`."""
    head = {key: value for key, value in body.items() if key != "filters"} if isinstance(body, dict) else body
    values, problems = read_object(head, REQUEST_FIELDS, reject_unknown=reject_unknown, reject_null=True)
    missing = [key for key in REQUEST_FIELDS if key not in (body or {}) and key != "version"]
    problems |= dict.fromkeys(missing, "is required")
    if problems:
        raise unprocessable(problems)
    filters, problems = _read_filters(body.get("filters", {}), values["exportType"])
    if problems:
        raise unprocessable({f"filters.{key}": reason for key, reason in problems.items()})
    return {"version": "v1", **values, "filters": filters}


def _read_filters(filters: Any, export_type: str) -> tuple[dict[str, Any], dict[str, str]]:
    known = {
        "fromDate": Field("fromDate", FieldKind.INSTANT, ""),
        "toDate": Field("toDate", FieldKind.INSTANT, ""),
        "activityTypes": Field("activityTypes", FieldKind.CHECKBOX, "", tuple(ACTIVITIES)),
    }
    if export_type == "contacts":
        return read_object(filters, {}, reject_unknown=True, reject_null=True)
    values, problems = read_object(filters, known, reject_unknown=True, reject_null=True)
    problems |= {key: "is required for activities" for key in ("fromDate", "toDate") if key not in values}
    if not problems:
        length = datetime.fromisoformat(values["toDate"]) - datetime.fromisoformat(values["fromDate"])
        if not timedelta(0) <= length <= timedelta(days=MAX_DAYS):
            problems["toDate"] = f"must be at most {MAX_DAYS} days after fromDate"
    return {key: known[key].json_value(value) for key, value in values.items()}, problems
