"""Files into Connectif by import: one call for a file of many rows, a queue of ten, few calls to watch it."""

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
from include.pipeline.csv_files import rows_of, split
from include.pipeline.import_file import ImportFile, StagedFile
from include.pipeline.import_report import Refusals, columns_of, read_refusals
from include.pipeline.run import SyncRun
from include.staging import Staging

log = logging.getLogger(__name__)

_NOT_NAMED = "Connectif's report does not name the row"
_NOT_REPEATED = "for a reason that is not repeated here: see make explain"
_PIECES = "pieces"
_UPLOAD_LIMIT = "upload-limit.json"
# A limit of a proxy is one megabyte or more (nginx' default). Below, a file is more imports than make sense.
_MOST_PIECES = 200
# Finding one row in half a million takes twenty halvings, each of two imports: some hundred calls.
_MOST_SEARCHES = 40

Sending = Callable[[StagedFile], StagedFile | None]
"""What of a file is to be sent now; None: nothing is left of it."""


@dataclass(frozen=True)
class Imported:
    """A finished import: the file as it was sent, and its rows that Connectif did not take or account for.

    `not_taken` has the columns `key` (the row's `_email` or `productId`; "" where it is not known), `reason`
    (`target_rejected`; `target_unconfirmed` when Connectif's counts leave the row out), `detail` and
    `private` (Connectif's own text), one row each. `doubtful` are keys of rows any of which may be one
    without a key.
    """

    file: ImportFile
    not_taken: pd.DataFrame
    doubtful: frozenset[str] = frozenset()

    @property
    def unconfirmed(self) -> int:
        return int((self.not_taken["reason"] == Reason.TARGET_UNCONFIRMED).sum())


class _Queued(NamedTuple):
    """An import that was accepted: of which file, what of it was sent, and whether for the second time."""

    file: StagedFile
    sent: StagedFile
    import_id: str
    again: bool


class Importer:
    """Posts files in order, at most ten queued, and waits for the results.

    Which file became which import is kept beside the results, so that a retried task posts nothing twice.
    `to_send` is asked at each post for what of a file is to go; a copy is staged in `journal`. A file that is
    too large (413) goes in halves. So does, again, one whose rows Connectif does not all account for.
    """

    def __init__(
        self,
        connectif: ConnectifClient,
        files: Staging,
        journal: Staging,
        *,
        to_send: Sending | None = None,
        searches_rows: bool = True,
        poll_seconds: float,
        patience_minutes: float,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connectif, self._files, self._journal = connectif, files, journal
        self._pieces = journal.within(_PIECES)
        self._to_send = to_send or (lambda file: file)
        self._poll_seconds, self._patience_seconds = poll_seconds, patience_minutes * 60
        self._sleep, self._clock = sleep, clock
        self._full_since: float | None = None
        self._searches_left = _MOST_SEARCHES if searches_rows else 0

    def run(self, files: Sequence[ImportFile], key_column: str) -> Iterator[Imported]:
        """Import all `files` and yield each result: in order, but for files that go once more."""
        to_do = deque(StagedFile(self._files, file) for file in files)
        waiting: deque[_Queued] = deque()
        while to_do or waiting:
            if to_do and len(waiting) < QUEUED_IMPORTS:
                try:
                    yield from self._begin(to_do, waiting, key_column)
                    continue
                except QueueFull:
                    log.info("Connectif's import queue is full: waiting for an import to end")
            if waiting:
                yield from self._end(waiting.popleft(), to_do, key_column)
            else:
                self._wait_for_others()

    # --- sending

    def _begin(
        self, to_do: deque[StagedFile], waiting: deque[_Queued], key_column: str
    ) -> Iterator[Imported]:
        """Send the first file, or put pieces of it in its place; yields what cannot be sent at all."""
        file = to_do[0]
        entry = self._entry(file)
        if "pieces" in entry:
            self._replace(to_do, entry["pieces"])
        elif entry.get("id"):
            waiting.append(self._accepted(file, entry))
            to_do.popleft()
        elif (sent := self._to_send(file)) is None:
            to_do.popleft()
        elif self._is_too_large(sent):
            self._replace(to_do, self._split(file, sent))
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
                sent.file.kind, sent.to_send(), override_existing=sent.file.override_existing
            )
        except FileTooLarge as refused:
            log.warning("%s: %s bytes, %s rows", refused, f"{sent.file.size:,}", f"{sent.file.rows:,}")
            if sent.file.rows == 1:
                to_do.popleft()
                yield self._row_too_large(sent, key_column)
            else:
                self._remember_limit(refused=sent.file.size)
                self._replace(to_do, self._split(to_do[0], sent))
            return
        file = to_do.popleft()
        own_copy = sent.folder is not file.folder
        entry = {**entry, "id": queued.id, "sent": sent.file.to_json(), "own_copy": own_copy}
        self._note(file, entry)
        self._full_since = None
        self._remember_limit(accepted=sent.file.size)
        log.info("%s: %s rows queued as import %s", sent.file.name, f"{sent.file.rows:,}", queued.id)
        waiting.append(self._accepted(file, entry))

    def _accepted(self, file: StagedFile, entry: dict[str, Any]) -> _Queued:
        folder = self._journal if entry["own_copy"] else file.folder
        sent = StagedFile(folder, ImportFile(**entry["sent"]))
        return _Queued(file, sent, entry["id"], entry.get("again", False))

    def _replace(self, to_do: deque[StagedFile], pieces: Sequence[dict[str, Any]]) -> None:
        to_do.popleft()
        to_do.extendleft(StagedFile(self._pieces, ImportFile(**piece)) for piece in reversed(pieces))

    def _wait_for_others(self) -> None:
        """The queue is full of imports that are not ours. Look seldom: each look sends the whole file."""
        self._full_since = self._clock() if self._full_since is None else self._full_since
        if self._clock() - self._full_since > self._patience_seconds:
            raise TemporaryError(
                "Connectif's import queue has been full of others' imports for "
                f"{self._patience_seconds / 60:.0f} minutes: a retry goes on waiting"
            )
        self._sleep(10 * self._poll_seconds)

    # --- files that are too large

    def _limit(self) -> dict[str, int]:
        """`refused`: the smallest file that was too large; `accepted`: the largest that was not."""
        has_one = self._journal.has(_UPLOAD_LIMIT)
        known: dict[str, int] = self._journal.read_json(_UPLOAD_LIMIT) if has_one else {}
        return known

    def _is_too_large(self, sent: StagedFile) -> bool:
        refused = self._limit().get("refused")
        return refused is not None and sent.file.size >= refused and sent.file.rows > 1

    def _remember_limit(self, *, refused: int | None = None, accepted: int | None = None) -> None:
        """Only once a file was too large. It holds for all files of the run."""
        known = before = self._limit()
        if refused is not None:
            known = known | {"refused": min(refused, known.get("refused", refused))}
        elif known and accepted is not None:
            known = known | {"accepted": max(accepted, known.get("accepted", 0))}
        if known != before:
            self._journal.write_json(_UPLOAD_LIMIT, known)

    def _split(self, file: StagedFile, sent: StagedFile) -> list[dict[str, Any]]:
        """Stage the file in halves, or in as many pieces as the known limit asks for."""
        limit = self._limit()
        refused = limit["refused"]
        most = max((refused + 1) // 2, min(limit.get("accepted", 0), refused - 1))
        pieces = min(sent.file.rows, max(2, -(-sent.file.size // most)))
        if pieces > _MOST_PIECES:
            raise ConfigurationError(
                f"Connectif, or a proxy before it, takes no file of {refused:,} bytes or more (413): "
                f"{sent.file.name} would be {pieces:,} imports. Raise the proxy's limit for uploads"
            )
        log.info("%s goes in %s pieces", sent.file.name, pieces)
        return self._stage_pieces(file, sent, pieces)

    def _stage_pieces(self, file: StagedFile, sent: StagedFile, pieces: int) -> list[dict[str, Any]]:
        made = [piece.to_json() for piece in split(sent, self._pieces, pieces)]
        self._note(file, {"pieces": made})
        return made

    def _row_too_large(self, sent: StagedFile, key_column: str) -> Imported:
        (key,) = _keys_of(sent, key_column)
        row = NotTaken(key, Reason.TARGET_REJECTED, "413: the row alone is too large")
        return Imported(sent.file, _rows([row]))

    # --- results

    def _end(self, queued: _Queued, to_do: deque[StagedFile], key_column: str) -> Iterator[Imported]:
        """Wait for the import and yield its result, or have its rows sent once more."""
        done = self._wait(queued)
        if done.status != "finished":
            self._forget(queued)
            raise TemporaryError(
                f"Connectif ended import {done.id} of {queued.sent.file.name} as "
                f"{quote_status(done.status)} after {_number(done.success)} of {_number(done.total)} rows. "
                "Its list of imports may say why; a retry sends the file again"
            )
        result = self._imported(queued.sent, done, key_column)
        if self._goes_in_halves(result):
            self._searches_left -= 1
            log.warning("%s goes again, in halves: which rows it is about is not known", result.file.name)
            to_do.appendleft(queued.file)
            self._replace(to_do, self._stage_pieces(queued.file, queued.sent, 2))
        elif result.unconfirmed and not queued.again:
            log.warning("%s is sent once more", result.file.name)
            self._note(queued.file, {"id": None, "again": True})
            to_do.appendleft(queued.file)
        else:
            yield result

    def _goes_in_halves(self, result: Imported) -> bool:
        """Rows are looked for that are not accounted for, and, among contacts that are only added, those
        refused without a name: what may not have been added must not be sent by another import either.

        Sending rows again changes nothing, and the half that holds a row which never arrives tells on it.
        """
        searched = result.unconfirmed or not result.file.override_existing
        return bool(result.doubtful and searched and result.file.rows > 1 and self._searches_left)

    def _wait(self, queued: _Queued) -> Import:
        begun, pause = self._clock(), min(1.0, self._poll_seconds)
        import_id, name = queued.import_id, queued.sent.file.name
        while True:
            state = self._read(queued)
            if state.is_over:
                return state
            if self._clock() - begun > self._patience_seconds:
                raise TemporaryError(
                    f"Connectif's import {import_id} of {name} is still {quote_status(state.status)} after "
                    f"{self._patience_seconds / 60:.0f} minutes: a retry goes on waiting"
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
                f"{refused}. Connectif does not know the import of {queued.sent.file.name} any more: "
                "a retry sends the file again"
            ) from None

    def _imported(self, sent: StagedFile, done: Import, key_column: str) -> Imported:
        """What the counts say about the rows that were sent: ours, whatever `total` is. A row is taken when
        Connectif counts it and no other count contradicts; absent counts prove nothing."""
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
            *(_refused(key, reason, columns) for key, reason in refusals.named.items()),
            *(_refused("", reason, columns) for reason in reasons),
            *[NotTaken("", Reason.TARGET_UNCONFIRMED, accounted)] * missing,
        ]
        return Imported(sent.file, *_named_if_all(not_taken, suspects))

    def _suspects(
        self, sent: StagedFile, refusals: Refusals, unnamed: int, missing: int, key_column: str
    ) -> frozenset[str]:
        """Keys of the rows any of which may be one of those without a name."""
        if not unnamed and not missing:
            return frozenset()
        if not missing and refusals.suspects is not None and unnamed == len(refusals.unnamed):
            return frozenset(refusals.suspects)
        return frozenset(key for key in _keys_of(sent, key_column) if key not in refusals.named)

    def _refusals(self, sent: StagedFile, done: Import, key_column: str) -> Refusals:
        """What the error report says, where there is one to read."""
        if done.report_url is None or (not done.errors and done.success == sent.file.rows):
            return Refusals(suspects=None)
        try:
            report = self._connectif.read_import_report(done.report_url)
        except SyncError as error:
            log.warning("%s: which rows were refused cannot be read: %s", sent.file.name, error)
            return Refusals(suspects=None)
        return read_refusals(report, sent, key_column)

    # --- the journal

    def _entry(self, file: StagedFile) -> dict[str, Any]:
        name = _journal_name(file)
        entry: dict[str, Any] = self._journal.read_json(name) if self._journal.has(name) else {}
        return entry

    def _note(self, file: StagedFile, entry: dict[str, Any]) -> None:
        self._journal.write_json(_journal_name(file), entry)

    def _forget(self, queued: _Queued) -> None:
        self._note(queued.file, {"id": None, "again": queued.again})


class ImportResult(NamedTuple):
    """What became of several files: `not_taken` and `doubtful` as in `Imported`."""

    not_taken: pd.DataFrame
    doubtful: set[str]


def import_files(
    run: SyncRun,
    files: Sequence[ImportFile],
    *,
    folder: Staging,
    journal: Staging,
    key_column: str,
    to_send: Sending | None = None,
    searches_rows: bool = True,
) -> ImportResult:
    """Import the files of a folder; returns the rows that Connectif did not take. Without `searches_rows` no
    import is spent on finding out which they are, where Connectif does not tell.
    """
    settings = run.settings.connectif
    importer = Importer(
        run.connectif,
        folder,
        journal,
        to_send=to_send,
        searches_rows=searches_rows,
        poll_seconds=settings.import_poll_seconds,
        patience_minutes=settings.import_timeout_minutes,
        sleep=run.sleep,
    )
    imported = list(importer.run(files, key_column))
    not_taken = pd.concat([_rows([]), *(one.not_taken for one in imported)], ignore_index=True)
    return ImportResult(not_taken, set().union(*(one.doubtful for one in imported)))


class NotTaken(NamedTuple):
    """A row that Connectif did not take. Its repr has neither key nor private text."""

    key: str
    reason: Reason
    detail: str
    private: str = ""

    def __repr__(self) -> str:
        return f"NotTaken({self.reason}, {self.detail!r})"


def _refused(key: str, said: str, columns: Sequence[str]) -> NotTaken:
    """Of the report's reason (of a row that it names, or not) what is known, and all of it in private."""
    if not key and not said:
        return NotTaken(key, Reason.TARGET_REJECTED, _NOT_NAMED)
    codes = VOCABULARY.codes_in(said)
    known = VOCABULARY.describe(said, code=codes[0] if codes else "", fields=columns)
    detail = ": ".join(filter(None, [*codes, known])) or (_NOT_REPEATED if said else "")
    return NotTaken(key, Reason.TARGET_REJECTED, detail, said)


def _rows(not_taken: Sequence[NotTaken]) -> pd.DataFrame:
    lines = [(one.key, one.reason.value, one.detail, one.private) for one in not_taken]
    return pd.DataFrame(lines, columns=list(NotTaken._fields), dtype="str")


def _named_if_all(not_taken: list[NotTaken], suspects: frozenset[str]) -> tuple[pd.DataFrame, frozenset[str]]:
    """Rows without a key get one where none of the suspects was taken, and all for the same reason."""
    unnamed = [one for one in not_taken if not one.key]
    if len(unnamed) != len(suspects) or len({one.reason for one in unnamed}) > 1:
        return _rows(not_taken), suspects
    same = len({(one.detail, one.private) for one in unnamed}) == 1
    named = [one for one in not_taken if one.key]
    for key, one in zip(sorted(suspects), unnamed, strict=True):
        told = one if same else NotTaken("", one.reason, _NOT_NAMED)
        named.append(told._replace(key=key))
    return _rows(named), frozenset()


def _keys_of(staged: StagedFile, key_column: str) -> Iterator[str]:
    for rows in rows_of(staged, [key_column]):
        yield from rows[key_column]


def _number(count: int | None) -> str:
    return "?" if count is None else f"{count:,}"


def _journal_name(file: StagedFile) -> str:
    return f"accepted-{file.file.name}.json"
