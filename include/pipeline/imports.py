"""Send files to Connectif by import: one call for a file of many rows, and few calls to watch the import."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from include.connectif.client import ConnectifClient, FileTooLarge, Import, QueueFull
from include.connectif.limits import QUEUED_IMPORTS
from include.connectif.vocabulary import VOCABULARY, quote_status
from include.errors import ConfigurationError, SyncError, TemporaryError
from include.http.transport import RequestRefused
from include.outcomes import Reason
from include.pipeline.csv_files import read_rows, split_file
from include.pipeline.import_file import ImportFile, StagedFile
from include.pipeline.import_report import Refusals, columns_of, read_refusals
from include.pipeline.run import SyncRun
from include.staging import Staging
from include.values.wording import plural

log = logging.getLogger(__name__)

_NOT_NAMED = "Connectif's report does not name the row"
_NOT_REPEATED = "the reason may hold personal data: see make explain"
_PIECES = "pieces"
_UPLOAD_LIMIT = "upload-limit.json"
# A proxy accepts one megabyte or more (nginx' default). A smaller limit would need too many imports.
_MOST_PIECES = 200
# To find one row in half a million takes twenty halvings of two imports each: some hundred calls.
_MOST_SEARCHES = 40

FileFilter = Callable[[StagedFile], StagedFile | None]
"""Returns the part of a file to send now; None if no row is left."""


@dataclass(frozen=True)
class Imported:
    """A finished import: the sent file, and the rows that Connectif refused or did not account for.

    `not_taken` has one row for each of them, with the columns `key` (the row's `_email` or `productId`; "" if
    unknown), `reason` (`target_rejected`; `target_unconfirmed` if Connectif's counts omit the row), `detail`
    and `private` (Connectif's own text). A row without a key has one of the keys in `doubtful`.
    """

    file: ImportFile
    not_taken: pd.DataFrame
    doubtful: frozenset[str] = frozenset()

    @property
    def unconfirmed(self) -> int:
        return int((self.not_taken["reason"] == Reason.TARGET_UNCONFIRMED).sum())


class _Queued(NamedTuple):
    """An accepted import: its file, the part that was sent, and whether it is the second attempt."""

    file: StagedFile
    sent: StagedFile
    import_id: str
    again: bool


class Importer:
    """Posts files in order, keeps at most ten in the queue, and waits for the results.

    The journal keeps the import id of each file, so that a retried task posts no file twice. Before each post
    `file_filter` returns the part of the file to send; its copy is staged in `journal`. A file that is too
    large (413) is split in halves. A file whose rows Connectif does not all account for is also sent again in
    halves.
    """

    def __init__(
        self,
        connectif: ConnectifClient,
        files: Staging,
        journal: Staging,
        *,
        file_filter: FileFilter | None = None,
        searches_rows: bool = True,
        poll_seconds: float,
        patience_minutes: float,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connectif, self._files, self._journal = connectif, files, journal
        self._pieces = journal.within(_PIECES)
        self._file_filter = file_filter or (lambda file: file)
        self._poll_seconds, self._patience_seconds = poll_seconds, patience_minutes * 60
        self._sleep, self._clock = sleep, clock
        self._queue_full_since: float | None = None
        self._searches_left = _MOST_SEARCHES if searches_rows else 0

    def run(self, files: Sequence[ImportFile], key_column: str) -> Iterator[Imported]:
        """Import all `files` and yield the results in order; files that are sent again come later."""
        to_do = deque(StagedFile(self._files, file) for file in files)
        waiting: deque[_Queued] = deque()
        while to_do or waiting:
            if to_do and len(waiting) < QUEUED_IMPORTS:
                try:
                    yield from self._send_next(to_do, waiting, key_column)
                    continue
                except QueueFull:
                    log.info("Connectif's import queue is full; waiting until an import ends")
            if waiting:
                yield from self._collect(waiting.popleft(), to_do, key_column)
            else:
                self._wait_for_queue()

    # --- sending

    def _send_next(
        self, to_do: deque[StagedFile], waiting: deque[_Queued], key_column: str
    ) -> Iterator[Imported]:
        """Send the first file, or replace it with its pieces; yield the result of a row that is too large."""
        file = to_do[0]
        entry = self._entry(file)
        if "pieces" in entry:
            self._replace(to_do, entry["pieces"])
        elif entry.get("id"):
            waiting.append(self._queued_import(file, entry))
            to_do.popleft()
        elif (sent := self._file_filter(file)) is None:
            to_do.popleft()
        elif self._is_too_large(sent):
            self._replace(to_do, self._split_to_limit(file, sent))
        else:
            yield from self._post(sent, entry, to_do, waiting, key_column)

    def _post(
        self,
        sent: StagedFile,
        entry: dict[str, Any],
        to_do: deque[StagedFile],
        waiting: deque[_Queued],
        key_column: str,
    ) -> Iterator[Imported]:
        try:
            queued = self._connectif.create_import(
                sent.file.kind, sent.upload(), override_existing=sent.file.override_existing
            )
        except FileTooLarge as refused:
            log.warning("%s: %s bytes, %s rows", refused, f"{sent.file.size:,}", f"{sent.file.rows:,}")
            if sent.file.rows == 1:
                to_do.popleft()
                yield self._row_too_large(sent, key_column)
            else:
                self._remember_limit(refused=sent.file.size)
                self._replace(to_do, self._split_to_limit(to_do[0], sent))
            return
        file = to_do.popleft()
        own_copy = sent.folder is not file.folder
        entry = {**entry, "id": queued.id, "sent": sent.file.to_json(), "own_copy": own_copy}
        self._write_entry(file, entry)
        self._queue_full_since = None
        self._remember_limit(accepted=sent.file.size)
        log.info("%s: %s queued as import %s", sent.file.name, plural(sent.file.rows, "row"), queued.id)
        waiting.append(self._queued_import(file, entry))

    def _queued_import(self, file: StagedFile, entry: dict[str, Any]) -> _Queued:
        folder = self._journal if entry["own_copy"] else file.folder
        sent = StagedFile(folder, ImportFile(**entry["sent"]))
        return _Queued(file, sent, entry["id"], entry.get("again", False))

    def _replace(self, to_do: deque[StagedFile], pieces: Sequence[dict[str, Any]]) -> None:
        to_do.popleft()
        to_do.extendleft(StagedFile(self._pieces, ImportFile(**piece)) for piece in reversed(pieces))

    def _wait_for_queue(self) -> None:
        """Wait while imports of others fill the queue.

        Each attempt sends the whole file, so attempts are rare.
        """
        self._queue_full_since = self._clock() if self._queue_full_since is None else self._queue_full_since
        if self._clock() - self._queue_full_since > self._patience_seconds:
            raise TemporaryError(
                "Connectif's import queue has been full of imports of other senders for "
                f"{self._patience_seconds / 60:.0f} minutes. A retry waits again"
            )
        self._sleep(10 * self._poll_seconds)

    # --- files that are too large

    def _limit(self) -> dict[str, int]:
        """`refused`: size of the smallest refused file; `accepted`: size of the largest accepted file."""
        has_one = self._journal.has(_UPLOAD_LIMIT)
        known: dict[str, int] = self._journal.read_json(_UPLOAD_LIMIT) if has_one else {}
        return known

    def _is_too_large(self, sent: StagedFile) -> bool:
        refused = self._limit().get("refused")
        return refused is not None and sent.file.size >= refused and sent.file.rows > 1

    def _remember_limit(self, *, refused: int | None = None, accepted: int | None = None) -> None:
        """Remember the limit for all files of the run, as soon as Connectif refused a file for its size."""
        known = before = self._limit()
        if refused is not None:
            known = known | {"refused": min(refused, known.get("refused", refused))}
        elif known and accepted is not None:
            known = known | {"accepted": max(accepted, known.get("accepted", 0))}
        if known != before:
            self._journal.write_json(_UPLOAD_LIMIT, known)

    def _split_to_limit(self, file: StagedFile, sent: StagedFile) -> list[dict[str, Any]]:
        """Split the file in halves, or in as many pieces as the known limit requires."""
        limit = self._limit()
        refused = limit["refused"]
        most = max((refused + 1) // 2, min(limit.get("accepted", 0), refused - 1))
        pieces = min(sent.file.rows, max(2, -(-sent.file.size // most)))
        if pieces > _MOST_PIECES:
            raise ConfigurationError(
                f"Connectif, or a proxy before it, takes no file of {refused:,} bytes or more (413): "
                f"{sent.file.name} would need {pieces:,} imports. Raise the proxy's upload limit"
            )
        log.info("%s is split into %s pieces", sent.file.name, pieces)
        return self._stage_pieces(file, sent, pieces)

    def _stage_pieces(self, file: StagedFile, sent: StagedFile, pieces: int) -> list[dict[str, Any]]:
        made = [piece.to_json() for piece in split_file(sent, self._pieces, pieces)]
        self._write_entry(file, {"pieces": made})
        return made

    def _row_too_large(self, sent: StagedFile, key_column: str) -> Imported:
        (key,) = _keys_of(sent, key_column)
        row = NotTaken(key, Reason.TARGET_REJECTED, "413: the row is too large")
        return Imported(sent.file, _rows([row]))

    # --- results

    def _collect(self, queued: _Queued, to_do: deque[StagedFile], key_column: str) -> Iterator[Imported]:
        """Wait for the import and yield its result, or queue its rows again."""
        done = self._wait(queued)
        if done.status != "finished":
            self._forget(queued)
            raise TemporaryError(
                f"Connectif ended import {done.id} of {queued.sent.file.name} with status "
                f"{quote_status(done.status)} after {_number(done.success)} of {_number(done.total)} rows. "
                "Check Connectif's list of imports for the reason; a retry sends the file again"
            )
        result = self._imported(queued.sent, done, key_column)
        if self._needs_halving(result):
            self._searches_left -= 1
            log.warning(
                "%s is sent again in halves, to find the rows that Connectif does not name", result.file.name
            )
            to_do.appendleft(queued.file)
            self._replace(to_do, self._stage_pieces(queued.file, queued.sent, 2))
        elif result.unconfirmed and not queued.again:
            log.warning("%s is sent again: Connectif did not account for all its rows", result.file.name)
            self._write_entry(queued.file, {"id": None, "again": True})
            to_do.appendleft(queued.file)
        else:
            yield result

    def _needs_halving(self, result: Imported) -> bool:
        """Whether to send the file in halves, to find rows that are not accounted for.

        Contacts that were refused without a name are searched too if the import only adds contacts: no other
        import may send them. Repeated rows change nothing at Connectif, and the half that still lacks rows
        holds the lost row.
        """
        searched = result.unconfirmed or not result.file.override_existing
        return bool(result.doubtful and searched and result.file.rows > 1 and self._searches_left)

    def _wait(self, queued: _Queued) -> Import:
        started, pause = self._clock(), min(1.0, self._poll_seconds)
        import_id, name = queued.import_id, queued.sent.file.name
        while True:
            state = self._read(queued)
            if state.is_over:
                return state
            if self._clock() - started > self._patience_seconds:
                raise TemporaryError(
                    f"Connectif's import {import_id} of {name} is still {quote_status(state.status)} after "
                    f"{self._patience_seconds / 60:.0f} minutes. A retry waits for the same import"
                )
            done = (state.success or 0) + (state.errors or 0)
            log.info(
                "%s: %s, %s of %s rows",
                name, quote_status(state.status), f"{done:,}", _number(state.total),
            )  # fmt: skip
            self._sleep(pause)
            pause = min(2 * pause, self._poll_seconds)

    def _read(self, queued: _Queued) -> Import:
        try:
            return self._connectif.read_import(queued.import_id)
        except RequestRefused as refused:
            if refused.status != 404:
                raise
            self._forget(queued)
            raise TemporaryError(
                f"{refused}. Connectif does not know the import of {queued.sent.file.name} any more. "
                "A retry sends the file again"
            ) from None

    def _imported(self, sent: StagedFile, done: Import, key_column: str) -> Imported:
        """The result according to Connectif's counts, compared with the number of rows that we sent.

        A row counts as taken if Connectif counts it and no other count contradicts. A missing count proves
        nothing, and `total` is not used.
        """
        rows, success = sent.file.rows, done.success or 0
        refusals = self._refusals(sent, done, key_column)
        refused = min(rows, max(done.errors or 0, len(refusals.named)))
        missing = rows - refused - min(success, rows - refused)
        log.log(
            logging.WARNING if missing or success + refused > rows else logging.INFO,
            "%s: Connectif counts %s of its %s rows as taken, %s are refused, %s not accounted for",
            sent.file.name, _number(done.success), f"{rows:,}", f"{refused:,}", f"{missing:,}",
        )  # fmt: skip
        unnamed = refused - len(refusals.named)
        suspects = self._suspects(sent, refusals, unnamed, missing, key_column)
        reasons = [*refusals.unnamed, *[""] * unnamed][:unnamed]
        columns = columns_of(sent) if refusals.named or any(reasons) else ()
        accounted = f"import {done.id} accounts for {rows - missing:,} of {rows:,} rows"
        not_taken = [
            *(_refused_row(key, reason, columns) for key, reason in refusals.named.items()),
            *(_refused_row("", reason, columns) for reason in reasons),
            *[NotTaken("", Reason.TARGET_UNCONFIRMED, accounted)] * missing,
        ]
        return Imported(sent.file, *_name_rows(not_taken, suspects))

    def _suspects(
        self, sent: StagedFile, refusals: Refusals, unnamed: int, missing: int, key_column: str
    ) -> frozenset[str]:
        """Keys of the rows that may be one of the rows without a name."""
        if not unnamed and not missing:
            return frozenset()
        if not missing and refusals.suspects is not None and unnamed == len(refusals.unnamed):
            return frozenset(refusals.suspects)
        return frozenset(key for key in _keys_of(sent, key_column) if key not in refusals.named)

    def _refusals(self, sent: StagedFile, done: Import, key_column: str) -> Refusals:
        """The refused rows in the error report, if Connectif has one."""
        if done.report_url is None or (not done.errors and done.success == sent.file.rows):
            return Refusals(suspects=None)
        try:
            report = self._connectif.read_import_report(done.report_url)
        except SyncError as error:
            log.warning(
                "%s: the report of refused rows cannot be read, the rows stay without names: %s",
                sent.file.name,
                error,
            )
            return Refusals(suspects=None)
        return read_refusals(report, sent, key_column)

    # --- the journal

    def _entry(self, file: StagedFile) -> dict[str, Any]:
        name = _journal_name(file)
        entry: dict[str, Any] = self._journal.read_json(name) if self._journal.has(name) else {}
        return entry

    def _write_entry(self, file: StagedFile, entry: dict[str, Any]) -> None:
        self._journal.write_json(_journal_name(file), entry)

    def _forget(self, queued: _Queued) -> None:
        self._write_entry(queued.file, {"id": None, "again": queued.again})


class ImportResult(NamedTuple):
    """The result of several files: `not_taken` and `doubtful` as in `Imported`."""

    not_taken: pd.DataFrame
    doubtful: set[str]


def import_files(
    run: SyncRun,
    files: Sequence[ImportFile],
    *,
    folder: Staging,
    journal: Staging,
    key_column: str,
    file_filter: FileFilter | None = None,
    searches_rows: bool = True,
) -> ImportResult:
    """Import the files of a folder, and return the rows that Connectif did not take.

    Without `searches_rows`, no extra imports are made to identify rows that Connectif does not name.
    """
    settings = run.settings.connectif
    importer = Importer(
        run.connectif,
        folder,
        journal,
        file_filter=file_filter,
        searches_rows=searches_rows,
        poll_seconds=settings.import_poll_seconds,
        patience_minutes=settings.import_timeout_minutes,
        sleep=run.sleep,
    )
    imported = list(importer.run(files, key_column))
    not_taken = pd.concat([_rows([]), *(one.not_taken for one in imported)], ignore_index=True)
    return ImportResult(not_taken, set().union(*(one.doubtful for one in imported)))


class NotTaken(NamedTuple):
    """A row that Connectif did not take. The repr has neither the key nor the private text."""

    key: str
    reason: Reason
    detail: str
    private: str = ""

    def __repr__(self) -> str:
        return f"NotTaken({self.reason}, {self.detail!r})"


def _refused_row(key: str, text: str, columns: Sequence[str]) -> NotTaken:
    """A refused row: the known words of Connectif's text as detail, and the whole text as private."""
    if not key and not text:
        return NotTaken(key, Reason.TARGET_REJECTED, _NOT_NAMED)
    codes = VOCABULARY.codes_in(text)
    known = VOCABULARY.describe(text, code=codes[0] if codes else "", fields=columns)
    detail = ": ".join(filter(None, [*codes, known])) or (_NOT_REPEATED if text else "")
    return NotTaken(key, Reason.TARGET_REJECTED, detail, text)


def _rows(not_taken: Sequence[NotTaken]) -> pd.DataFrame:
    lines = [(one.key, one.reason.value, one.detail, one.private) for one in not_taken]
    return pd.DataFrame(lines, columns=list(NotTaken._fields), dtype="str")


def _name_rows(not_taken: list[NotTaken], suspects: frozenset[str]) -> tuple[pd.DataFrame, frozenset[str]]:
    """Give the rows without a key their keys, if every suspect was refused for the same reason."""
    unnamed = [one for one in not_taken if not one.key]
    if len(unnamed) != len(suspects) or len({one.reason for one in unnamed}) > 1:
        return _rows(not_taken), suspects
    same = len({(one.detail, one.private) for one in unnamed}) == 1
    named = [one for one in not_taken if one.key]
    for key, one in zip(sorted(suspects), unnamed, strict=True):
        row = one if same else NotTaken("", one.reason, _NOT_NAMED)
        named.append(row._replace(key=key))
    return _rows(named), frozenset()


def _keys_of(staged: StagedFile, key_column: str) -> Iterator[str]:
    for rows in read_rows(staged, [key_column]):
        yield from rows[key_column]


def _number(count: int | None) -> str:
    return "?" if count is None else f"{count:,}"


def _journal_name(file: StagedFile) -> str:
    return f"accepted-{file.file.name}.json"
