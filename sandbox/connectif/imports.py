"""Imports: queue, progress and error reports. The rows themselves are the business of `csv_load`."""

from __future__ import annotations

import csv
import json
import shutil
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from sandbox.connectif.csv_load import BadFile, Load, Options, Target, target_of
from sandbox.connectif.error_report import ErrorReport
from sandbox.connectif.errors import ApiError, Unprocessable, not_found, queue_full
from sandbox.connectif.schema import id_of, row_of
from sandbox.connectif.worker import Worker

if TYPE_CHECKING:
    import sqlite3
    from threading import Event

    from sandbox.connectif.account import Account
    from sandbox.connectif.callbacks import Newsletter
    from sandbox.connectif.contacts import Contacts

MAX_FILE_BYTES = 50 * 1024 * 1024
MAX_QUEUED = 10
BATCH_ROWS = 2_500  # some 20 ms of the lock: other calls wait no longer
_FORM = ("type", "overrideExisting", "updateOnlyEmptyFields", "delimiter")
_BOOLEANS = {"true": True, "false": False}


def read_options(form: dict[str, str], *, reject_unknown: bool) -> Options:
    """The text parts of the form. Coupons belong to the API, but are not simulated."""
    problems = {key: "is required" for key in _FORM if key not in form}
    if reject_unknown:
        problems |= dict.fromkeys(form.keys() - set(_FORM), "unknown property")
    if form.get("type", "contacts") not in ("contacts", "products"):
        problems["type"] = "must be contacts or products (coupons are not simulated)"
    for key in ("overrideExisting", "updateOnlyEmptyFields"):
        if form.get(key, "true") not in _BOOLEANS:
            problems[key] = "must be true or false"
    if form.get("delimiter", ",") not in (",", ";"):
        problems["delimiter"] = "must be , or ;"
    if form.get("updateOnlyEmptyFields") == "true" and form.get("overrideExisting") != "true":
        problems["updateOnlyEmptyFields"] = "can only be true together with overrideExisting"
    if problems:
        raise Unprocessable(problems)
    return Options(
        "products" if form["type"] == "products" else "contacts",
        _BOOLEANS[form["overrideExisting"]],
        _BOOLEANS[form["updateOnlyEmptyFields"]],
        form["delimiter"],
    )


class Imports:
    """At most ten wait; one is worked off at a time, in a thread, in the order in which they came."""

    def __init__(self, account: Account, contacts: Contacts, newsletter: Newsletter) -> None:
        self._account = account
        self._database = account.database
        self._knobs = account.knobs
        self._contacts = contacts
        self._newsletter = newsletter
        self._folder = tempfile.TemporaryDirectory(prefix="sandbox-imports-", ignore_cleanup_errors=True)
        self._worker = Worker("connectif-imports", self._run_next, lambda: self._knobs.imports_paused)

    def reset(self) -> None:
        self._worker.stop()
        for path in Path(self._folder.name).iterdir():
            path.unlink()

    def close(self) -> None:
        """Stops for good and removes the files."""
        self._worker.stop()
        self._folder.cleanup()

    def create(self, options: Options, file: IO[bytes]) -> dict[str, Any]:
        """Takes the file in and queues the import."""
        with self._database.transaction():
            if self._queued() >= MAX_QUEUED:
                raise queue_full("imports", MAX_QUEUED, "E0401")
            row = self._insert(options)
            path = self._path(row)
            with path.open("wb") as copy:
                shutil.copyfileobj(file, copy, 1 << 20)
            if self._knobs.import_missing_columns == "422":
                self._refuse_bad_header(path, options)
            created = self.get(id_of("imports", row))
        self._worker.wake()
        return created

    def get(self, connectif_id: str, base_url: str = "") -> dict[str, Any]:
        return self._shown(self._find(connectif_id), base_url)

    def page(self, number: int, base_url: str) -> tuple[list[dict[str, Any]], bool]:
        """A page of imports, newest first, and whether more follow."""
        size = self._knobs.list_page_size
        rows = self._database.rows(
            "SELECT * FROM imports ORDER BY row DESC LIMIT ? OFFSET ?", (size + 1, (number - 1) * size)
        )
        return [self._shown(row, base_url) for row in rows[:size]], len(rows) > size

    def delete(self, connectif_id: str) -> None:
        """Only what has come to its end can go."""
        with self._database.transaction():
            row = self._find(connectif_id)
            if row["status"] not in ("finished", "error"):
                raise ApiError(400, "Only imports that are finished or failed can be deleted.")
            self._report(row["row"]).unlink(missing_ok=True)
            self._database.execute("DELETE FROM imports WHERE row = ?", (row["row"],))

    def error_report(self, connectif_id: str) -> Path:
        """The file with the rows that failed: the columns of the upload and the reason."""
        path = self._report(self._find(connectif_id)["row"])
        if not path.exists():
            raise not_found("Error report")
        return path

    # --- the queue ---

    def _queued(self) -> int:
        return int(self._database.value("SELECT COUNT(*) FROM imports WHERE status = 'queued'"))

    def _insert(self, options: Options) -> int:
        shown = {
            "delimiter": options.delimiter, "overrideExisting": options.override_existing,
            "updateOnlyEmptyFields": options.update_only_empty_fields,
        }  # fmt: skip
        self._database.execute(
            "INSERT INTO imports (status, origin, type, options, created_at)"
            " VALUES ('queued', 'api', ?, ?, ?)",
            (options.type, json.dumps(shown), self._account.now()),
        )
        return int(self._database.value("SELECT last_insert_rowid()"))

    def _refuse_bad_header(self, path: Path, options: Options) -> None:
        try:
            with path.open(encoding="utf-8", newline="") as file:
                header = next(csv.reader(file, delimiter=options.delimiter), [])
            self._load(options, header)
        except (BadFile, UnicodeDecodeError, csv.Error) as problem:
            path.unlink()
            raise Unprocessable({"file": str(problem)}) from None

    def _run_next(self, stopping: Event) -> bool:
        row = self._database.row("SELECT * FROM imports WHERE status = 'queued' ORDER BY row LIMIT 1")
        if row is None:
            return False
        status = "error"
        try:
            self._run(row["row"], _options(row), stopping)
            status = "finished"
        except (BadFile, UnicodeDecodeError, csv.Error) as problem:
            self._report(row["row"]).write_text(
                f"{self._knobs.error_report_column}\n{problem}\n", encoding="utf-8"
            )
        finally:
            self._set(row["row"], status=status, finished_at=self._account.now())
            self._path(row["row"]).unlink(missing_ok=True)
        return True

    # --- one import ---

    def _run(self, row: int, options: Options, stopping: Event) -> None:
        path = self._path(row)
        total = _count_rows(path, options)
        lost = min(self._lost_rows(options), total)
        self._set(row, status="inProgress", started_at=self._account.now(), total=total)
        success = errors = 0
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file, delimiter=options.delimiter)
            header = next(reader, [])
            load = self._load(options, header)
            rows = islice((cells for cells in reader if cells), total - lost if lost else None)
            with ErrorReport(self._report(row), header, load.key, self._knobs) as report:
                while not stopping.is_set() and (batch := list(islice(rows, self._batch_rows()))):
                    began = time.monotonic()
                    rejects = load.apply(batch, self._account.now())
                    report.add(batch, rejects)
                    errors += len(rejects)
                    success += len(batch) - len(rejects)
                    self._set(row, success=success, errors=errors)
                    self._newsletter.settle(tell=True)
                    self._keep_pace(len(batch), began, stopping)
        if not (lost and self._knobs.import_lost_in_total):
            self._set(row, total=success + errors)  # blank lines turned out to be no elements

    def _lost_rows(self, options: Options) -> int:
        """How many rows of this import go missing without a word, as the knobs say."""
        consent = options.type == "contacts" and not options.override_existing
        kind = "consent" if consent else options.type
        return self._knobs.import_lost_rows if self._knobs.import_lost_kind in ("all", kind) else 0

    def _load(self, options: Options, header: list[str]) -> Load:
        target: Target = target_of(options, self._contacts.fields())
        return Load(self._account, options, target, header)

    def _batch_rows(self) -> int:
        speed = self._knobs.import_rows_per_second
        return max(1, min(BATCH_ROWS, int(speed / 10))) if speed else BATCH_ROWS

    def _keep_pace(self, rows: int, began: float, stopping: Event) -> None:
        if speed := self._knobs.import_rows_per_second:
            stopping.wait(max(0.0, rows / speed - (time.monotonic() - began)))

    # --- rows and files ---

    def _find(self, connectif_id: str) -> sqlite3.Row:
        row: sqlite3.Row | None = self._database.row(
            "SELECT * FROM imports WHERE row = ?", (row_of("imports", connectif_id),)
        )
        if row is None:
            raise not_found("Import")
        return row

    def _set(self, row: int, **values: Any) -> None:
        changes = ", ".join(f"{column} = ?" for column in values)
        self._database.execute(f"UPDATE imports SET {changes} WHERE row = ?", [*values.values(), row])  # noqa: S608

    def _shown(self, row: sqlite3.Row, base_url: str) -> dict[str, Any]:
        connectif_id = id_of("imports", row["row"])
        found = {
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
        if row["finished_at"] and self._report(row["row"]).exists():
            host = "/" if self._knobs.error_report_link == "relative" else base_url
            found["errorReportFileUrl"] = f"{host}files/import-errors/{connectif_id}.csv"
        return {key: value for key, value in found.items() if value is not None}

    def _path(self, row: int) -> Path:
        return Path(self._folder.name) / f"{row}.csv"

    def _report(self, row: int) -> Path:
        return Path(self._folder.name) / f"{row}-errors.csv"


def _options(row: sqlite3.Row) -> Options:
    shown = json.loads(row["options"])
    return Options(row["type"], shown["overrideExisting"], shown["updateOnlyEmptyFields"], shown["delimiter"])


def _count_rows(path: Path, options: Options) -> int:
    """Rows without the header. Lines are counted unless a quote could hide a line break in a cell."""
    lines, last = 0, b"\n"
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            if b'"' in chunk:
                return _count_parsed(path, options)
            lines += chunk.count(b"\n")
            last = chunk[-1:]
    return max(0, lines - 1 + (last != b"\n"))


def _count_parsed(path: Path, options: Options) -> int:
    with path.open(encoding="utf-8", newline="") as file:
        return max(0, sum(1 for cells in csv.reader(file, delimiter=options.delimiter) if cells) - 1)
