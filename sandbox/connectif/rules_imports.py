"""Imports: form, queue, progress and error reports. `csv_load` imports the rows."""

import csv
import json
import shutil
import sqlite3
import time
from itertools import islice
from pathlib import Path
from threading import Event
from typing import IO, Any

from sandbox.connectif.account import Account
from sandbox.connectif.csv_load import BadFile, ImportOptions, Load, Target, import_target
from sandbox.connectif.error_report import ErrorReport
from sandbox.connectif.errors import http_error, not_found, queue_full, unprocessable
from sandbox.connectif.jobs import Jobs
from sandbox.connectif.rules_contacts import Contacts
from sandbox.connectif.rules_newsletter import Newsletter

MAX_FILE_BYTES = 50 * 1024 * 1024
MAX_QUEUED = 10
BATCH_ROWS = 2_500  # holds the lock for some 20 ms, so that other calls do not wait longer
FORM = ("type", "overrideExisting", "updateOnlyEmptyFields", "delimiter")
BOOLEANS = {"true": True, "false": False}


def read_options(form: dict[str, str], *, reject_unknown: bool) -> ImportOptions:
    """Reads the text parts of the form. The API also has coupons; the sandbox does not simulate them."""
    problems = {key: "is required" for key in FORM if key not in form}
    if reject_unknown:
        problems |= dict.fromkeys(form.keys() - set(FORM), "unknown property")
    if form.get("type", "contacts") not in ("contacts", "products"):
        problems["type"] = "must be contacts or products (coupons are not simulated)"
    for key in ("overrideExisting", "updateOnlyEmptyFields"):
        if form.get(key, "true") not in BOOLEANS:
            problems[key] = "must be true or false"
    if form.get("delimiter", ",") not in (",", ";"):
        problems["delimiter"] = "must be , or ;"
    if form.get("updateOnlyEmptyFields") == "true" and form.get("overrideExisting") != "true":
        problems["updateOnlyEmptyFields"] = "can only be true together with overrideExisting"
    if problems:
        raise unprocessable(problems)
    return ImportOptions(
        "products" if form["type"] == "products" else "contacts",
        BOOLEANS[form["overrideExisting"]],
        BOOLEANS[form["updateOnlyEmptyFields"]],
        form["delimiter"],
    )


class Imports:
    """At most ten imports wait; one runs at a time, in order of arrival."""

    def __init__(self, account: Account, contacts: Contacts, newsletter: Newsletter) -> None:
        self._account, self._database, self._knobs = account, account.database, account.knobs
        self._contacts, self._newsletter = contacts, newsletter
        self._jobs = Jobs(account, "imports", self._run, lambda: self._knobs.imports_paused)
        self.reset, self.close = self._jobs.reset, self._jobs.close

    def create(self, options: ImportOptions, file: IO[bytes]) -> dict[str, Any]:
        """Stores the file and queues the import."""
        with self._database.transaction():
            if self._jobs.count_queued() >= MAX_QUEUED:
                raise queue_full("imports", MAX_QUEUED, "E0401")
            row = self._insert(options)
            path = self._path(row)
            with path.open("wb") as copy:
                shutil.copyfileobj(file, copy, 1 << 20)
            if self._knobs.import_missing_columns == "422":
                self._refuse_bad_header(path, options)
            created = self.get(self._jobs.id_of(row))
        self._jobs.wake()
        return created

    def get(self, connectif_id: str, base_url: str = "") -> dict[str, Any]:
        return self._show(self._jobs.find(connectif_id), base_url)

    def page(self, number: int, base_url: str) -> tuple[list[dict[str, Any]], bool]:
        """A page of imports, newest first, and whether more pages follow."""
        rows, has_more = self._jobs.page(number, self._knobs.list_page_size)
        return [self._show(row, base_url) for row in rows], has_more

    def delete(self, connectif_id: str) -> None:
        """Deletes an import that has ended; refuses others."""
        with self._database.transaction():
            row = self._jobs.find(connectif_id)
            if row["status"] not in ("finished", "error"):
                raise http_error(400, "Only imports that are finished or failed can be deleted.")
            self._report_path(row["row"]).unlink(missing_ok=True)
            self._database.execute("DELETE FROM imports WHERE row = ?", (row["row"],))

    def error_report(self, connectif_id: str) -> Path:
        """The file with the failed rows: the columns of the upload and the reason."""
        path = self._report_path(self._jobs.find(connectif_id)["row"])
        if not path.exists():
            raise not_found("Error report")
        return path

    # --- creating an import

    def _insert(self, options: ImportOptions) -> int:
        shown = {
            "delimiter": options.delimiter, "overrideExisting": options.override_existing,
            "updateOnlyEmptyFields": options.update_only_empty_fields,
        }  # fmt: skip
        return self._jobs.insert(type=options.type, options=json.dumps(shown), created_at=self._account.now())

    def _refuse_bad_header(self, path: Path, options: ImportOptions) -> None:
        try:
            with path.open(encoding="utf-8", newline="") as file:
                header = next(csv.reader(file, delimiter=options.delimiter), [])
            self._load(options, header)
        except (BadFile, UnicodeDecodeError, csv.Error) as problem:
            path.unlink()
            raise unprocessable({"file": str(problem)}) from None

    # --- running an import

    def _run(self, job: sqlite3.Row, stopping: Event) -> None:
        row, status = job["row"], "error"
        try:
            self._import_file(row, _stored_options(job), stopping)
            status = "finished"
        except (BadFile, UnicodeDecodeError, csv.Error) as problem:
            self._report_path(row).write_text(
                f"{self._knobs.error_report_column}\n{problem}\n", encoding="utf-8"
            )
        finally:
            self._jobs.update(row, status=status, finished_at=self._account.now())
            self._path(row).unlink(missing_ok=True)

    def _import_file(self, row: int, options: ImportOptions, stopping: Event) -> None:
        path = self._path(row)
        total = _count_rows(path, options)
        lost = min(self._count_lost(options), total)
        self._jobs.update(row, status="inProgress", started_at=self._account.now(), total=total)
        success = errors = 0
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file, delimiter=options.delimiter)
            header = next(reader, [])
            load = self._load(options, header)
            rows = islice((cells for cells in reader if cells), total - lost if lost else None)
            with ErrorReport(self._report_path(row), header, load.key, self._knobs) as report:
                while not stopping.is_set() and (batch := list(islice(rows, self._batch_rows()))):
                    started = time.monotonic()
                    rejects = load.apply(batch, self._account.now())
                    report.add(batch, rejects)
                    errors += len(rejects)
                    success += len(batch) - len(rejects)
                    self._jobs.update(row, success=success, errors=errors)
                    self._newsletter.process_changes(notify=True)
                    self._wait_for_speed(len(batch), started, stopping)
        if not (lost and self._knobs.import_lost_in_total):
            self._jobs.update(row, total=success + errors)  # blank lines count in `total` until here

    def _count_lost(self, options: ImportOptions) -> int:
        """The number of rows of this import that the knobs lose without an error."""
        consent = options.type == "contacts" and not options.override_existing
        kind = "consent" if consent else options.type
        return self._knobs.import_lost_rows if self._knobs.import_lost_kind in ("all", kind) else 0

    def _load(self, options: ImportOptions, header: list[str]) -> Load:
        target: Target = import_target(options, self._contacts.fields())
        return Load(self._account, options, target, header)

    def _batch_rows(self) -> int:
        speed = self._knobs.import_rows_per_second
        return max(1, min(BATCH_ROWS, int(speed / 10))) if speed else BATCH_ROWS

    def _wait_for_speed(self, rows: int, started: float, stopping: Event) -> None:
        """Waits so that the import runs at the speed of the knob `import_rows_per_second`."""
        if speed := self._knobs.import_rows_per_second:
            stopping.wait(max(0.0, rows / speed - (time.monotonic() - started)))

    # --- rows and files

    def _show(self, row: sqlite3.Row, base_url: str) -> dict[str, Any]:
        connectif_id = self._jobs.id_of(row["row"])
        shown = {
            "id": connectif_id,
            "type": row["type"],
            "status": row["status"],
            "origin": row["origin"],
            "total": row["total"],
            "success": row["success"],
            "errors": row["errors"],
            "options": json.loads(row["options"]),
            "createdAt": row["created_at"],
            "startedAt": row["started_at"],
            "finishedAt": row["finished_at"],
        }
        if row["finished_at"] and self._report_path(row["row"]).exists():
            host = "/" if self._knobs.error_report_link == "relative" else base_url
            shown["errorReportFileUrl"] = f"{host}{self._account.files}import-errors/{connectif_id}.csv"
        return {key: value for key, value in shown.items() if value is not None}

    def _path(self, row: int) -> Path:
        return self._jobs.path(f"{row}.csv")

    def _report_path(self, row: int) -> Path:
        return self._jobs.path(f"{row}-errors.csv")


def _stored_options(row: sqlite3.Row) -> ImportOptions:
    stored = json.loads(row["options"])
    override, only_empty = stored["overrideExisting"], stored["updateOnlyEmptyFields"]
    return ImportOptions(row["type"], override, only_empty, stored["delimiter"])


def _count_rows(path: Path, options: ImportOptions) -> int:
    """The rows without the header. Counts lines, unless a quoted cell could contain a line break."""
    lines, last = 0, b"\n"
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            if b'"' in chunk:
                return _count_parsed_rows(path, options)
            lines += chunk.count(b"\n")
            last = chunk[-1:]
    return max(0, lines - 1 + (last != b"\n"))


def _count_parsed_rows(path: Path, options: ImportOptions) -> int:
    with path.open(encoding="utf-8", newline="") as file:
        return max(0, sum(1 for cells in csv.reader(file, delimiter=options.delimiter) if cells) - 1)
