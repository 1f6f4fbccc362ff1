"""Files into Connectif by import: one call for a file of many rows, a queue of ten, few calls to watch it."""

from __future__ import annotations

import io
import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from include.connectif.client import ConnectifClient, Import, QueueFull
from include.connectif.exports import plain_name
from include.connectif.limits import QUEUED_IMPORTS
from include.errors import TemporaryError
from include.redaction import redact
from include.rest.form import FileToSend
from include.staging import Staging
from include.sync.run import SyncRun

log = logging.getLogger(__name__)

_PIECE_BYTES = 1 << 18


@dataclass(frozen=True)
class ImportFile:
    """A staged CSV of so many rows and bytes that is to become an import. `override_existing=False` only
    adds what is new.
    """

    name: str
    kind: str
    rows: int
    size: int
    override_existing: bool = True

    @property
    def staged_as(self) -> str:
        """Its name in the staging folder, where it lies compressed."""
        return f"{self.name}.zst"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def to_send(self, folder: Staging) -> FileToSend:
        """The file as it is sent: plain, a piece at a time; StagingError when it is gone or damaged.

        A load may wait for hours, so that is looked at anew.
        """
        folder.check_again(self.staged_as)

        def pieces() -> Iterator[bytes]:
            with folder.reading(self.staged_as) as file:
                while piece := file.read(_PIECE_BYTES):
                    yield piece

        return FileToSend(self.name, "text/csv", self.size, pieces)


Sending = Callable[[ImportFile], FileToSend | None]
"""What of a file is to be sent now; None: nothing is left of it."""


@dataclass(frozen=True)
class Imported:
    """A finished import: the file, how many rows Connectif refused, and which, with its reasons.

    `refused` has the columns `key` (the row's `_email` or `productId`; "" where the report does not tell)
    and `detail`, one row for each refused row.
    """

    file: ImportFile
    errors: int
    refused: pd.DataFrame


class Importer:
    """Posts files in order, at most ten queued, and waits for the results.

    Which file became which import is kept beside the results, so that a retried task posts nothing twice.
    `to_send` is asked at each post for what of a file is to go.
    """

    def __init__(
        self,
        connectif: ConnectifClient,
        files: Staging,
        journal: Staging,
        *,
        to_send: Sending | None = None,
        poll_seconds: float,
        patience_minutes: float,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connectif, self._files, self._journal = connectif, files, journal
        self._to_send = to_send or (lambda file: file.to_send(files))
        self._poll_seconds, self._patience_seconds = poll_seconds, patience_minutes * 60
        self._sleep, self._clock = sleep, clock

    def run(self, files: Sequence[ImportFile], key_column: str) -> Iterator[Imported]:
        """Import all `files` and yield each result in order."""
        waiting: deque[tuple[ImportFile, str]] = deque()
        for file in files:
            while len(waiting) >= QUEUED_IMPORTS:
                yield self._result(*waiting.popleft(), key_column)
            import_id, begun = self._accepted_before(file), self._clock()
            while import_id is None and (sending := self._to_send(file)):
                import_id = self._post(file, sending)
                if import_id is None and waiting:
                    yield self._result(*waiting.popleft(), key_column)
                elif import_id is None:
                    self._wait_for_others(begun)
            if import_id is not None:
                waiting.append((file, import_id))
        while waiting:
            yield self._result(*waiting.popleft(), key_column)

    def _accepted_before(self, file: ImportFile) -> str | None:
        entry = _journal_name(file)
        return self._journal.read_json(entry)["id"] if self._journal.has(entry) else None

    def _post(self, file: ImportFile, sending: FileToSend) -> str | None:
        """The id of the import, or None while the account's queue is full."""
        try:
            queued = self._connectif.create_import(
                file.kind, sending, override_existing=file.override_existing
            )
        except QueueFull:
            log.info("Connectif's import queue is full: waiting for an import to end")
            return None
        self._journal.write_json(_journal_name(file), {"id": queued.id})
        log.info("%s: %s rows queued as import %s", file.name, f"{file.rows:,}", queued.id)
        return queued.id

    def _wait_for_others(self, begun: float) -> None:
        """The queue is full of imports that are not ours. Look seldom: each look sends the whole file."""
        if self._clock() - begun > self._patience_seconds:
            raise TemporaryError(
                "Connectif's import queue has been full of others' imports for "
                f"{self._patience_seconds / 60:.0f} minutes: a retry goes on waiting"
            )
        self._sleep(10 * self._poll_seconds)

    def _result(self, file: ImportFile, import_id: str, key_column: str) -> Imported:
        done = self._wait(file, import_id)
        if done.status != "finished":
            self._journal.write_json(_journal_name(file), {"id": None})
            raise TemporaryError(
                f"Connectif ended import {done.id} of {file.name} as {done.status!r} after {done.success:,} "
                f"of {done.total:,} rows. Its list of imports may say why; a retry sends the file again"
            )
        log.info("%s: %s rows taken, %s refused", file.name, f"{done.success:,}", f"{done.errors:,}")
        return Imported(file, done.errors, self._refused(file, done, key_column))

    def _wait(self, file: ImportFile, import_id: str) -> Import:
        begun, pause = self._clock(), min(1.0, self._poll_seconds)
        while True:
            state = self._connectif.read_import(import_id)
            if state.is_over:
                return state
            if self._clock() - begun > self._patience_seconds:
                raise TemporaryError(
                    f"Connectif's import {import_id} of {file.name} is still {state.status!r} after "
                    f"{self._patience_seconds / 60:.0f} minutes: a retry goes on waiting"
                )
            log.info(
                "%s: %s, %s of %s rows", file.name, state.status, state.success + state.errors, state.total
            )
            self._sleep(pause)
            pause = min(2 * pause, self._poll_seconds)

    def _refused(self, file: ImportFile, done: Import, key_column: str) -> pd.DataFrame:
        report = (
            self._connectif.read_import_report(done.report_url) if done.errors and done.report_url else b""
        )
        refused = read_report(report, key_column, sent=self._columns(file) if report else ())
        unnamed = max(done.errors - len(refused), 0)
        filler = pd.DataFrame(
            {"key": [""] * unnamed, "detail": ["Connectif's report does not name the row"] * unnamed}
        )
        return pd.concat([refused, filler], ignore_index=True).head(done.errors)

    def _columns(self, file: ImportFile) -> list[str]:
        with self._files.reading(file.staged_as) as staged:
            return list(pd.read_csv(staged, nrows=0).columns)


def import_files(
    run: SyncRun,
    files: Sequence[ImportFile],
    *,
    folder: Staging,
    journal: Staging,
    key_column: str,
    to_send: Sending | None = None,
) -> pd.DataFrame:
    """Import the files of a folder; returns the rows that Connectif refused (`key`, `detail`)."""
    settings = run.settings.connectif
    importer = Importer(
        run.connectif,
        folder,
        journal,
        to_send=to_send,
        poll_seconds=settings.import_poll_seconds,
        patience_minutes=settings.import_timeout_minutes,
        sleep=run.sleep,
    )
    nothing = pd.DataFrame({"key": [], "detail": []}, dtype="str")
    refused = [imported.refused for imported in importer.run(files, key_column)]
    return pd.concat([nothing, *refused], ignore_index=True)


def read_report(csv: bytes, key_column: str, *, sent: Collection[str]) -> pd.DataFrame:
    """Connectif's report of failed rows as `key`, `detail`.

    Its columns are documented nowhere: the key is looked up by our own header, however it is spelt, the
    reason is what stands in columns (`error`, `reason` …) that are not among the `sent` ones, cleaned of
    personal data.
    """
    if not csv.strip():
        return pd.DataFrame({"key": [], "detail": []}, dtype=str)
    report = pd.read_csv(
        io.BytesIO(csv),
        dtype=str,
        keep_default_na=False,
        encoding="utf-8-sig",
        encoding_errors="replace",
        index_col=False,
        on_bad_lines="skip",  # its row is counted as one that the report does not name
    )
    reasons = [name for name in report.columns if _tells_a_reason(name) and name not in sent]
    details = [": ".join(row) for row in report[reasons].itertuples(index=False, name=None)]
    wanted = plain_name(key_column)
    named = next((name for name in report.columns if plain_name(name) == wanted), None)
    keys = report[named] if named else pd.Series("", index=report.index)
    return pd.DataFrame({"key": keys, "detail": [redact(detail) for detail in details]}, dtype="str")


def _tells_a_reason(column: str) -> bool:
    return any(word in column.lower() for word in ("error", "reason", "detail", "message", "motivo"))


def _journal_name(file: ImportFile) -> str:
    return f"accepted-{file.name}.json"
