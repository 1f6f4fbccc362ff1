"""Rows into CSV files below Connectif's size limit, one set of columns a file."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from types import TracebackType
from typing import IO

import pandas as pd
import pyarrow as pa
import pyarrow.csv

from include.connectif.limits import IMPORT_BYTES
from include.errors import ConfigurationError
from include.pipeline.import_file import ImportFile, StagedFile
from include.staging import Staging

# Each set of columns is at least one import, of a hundred calls a minute.
_MOST_COLUMN_SETS = 64
# Whether the limit counts the other parts of the form is documented nowhere.
_ROOM_FOR_THE_FORM = 500_000
_ROWS_AT_A_TIME = 20_000


@dataclass
class _Open:
    file: ImportFile
    stream: IO[bytes]
    closing: ExitStack
    rows: int = 0
    size: int = 0

    def write(self, content: bytes) -> None:
        self.stream.write(content)
        self.size += len(content)


class CsvFiles:
    """Appends frames to CSV files: one open file for each set of columns, followed by another when full.

    Used as a context manager: files appear when it ends well. `files` lists them in the order of their names,
    `<prefix>-0001.csv` and so on.
    """

    def __init__(
        self,
        folder: Staging,
        kind: str,
        *,
        prefix: str = "",
        override_existing: bool = True,
        most_bytes: int = IMPORT_BYTES - _ROOM_FOR_THE_FORM,
    ) -> None:
        self._folder, self._kind, self._override = folder, kind, override_existing
        self._prefix = prefix or kind
        self._most_bytes = most_bytes
        self._open: dict[tuple[str, ...], _Open] = {}
        self._done: list[ImportFile] = []
        self._begun = 0
        self._column_sets: set[tuple[str, ...]] = set()

    def __enter__(self) -> CsvFiles:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for columns in list(self._open):
            if error is None:
                self._close(columns)
            else:
                self._open.pop(columns).closing.__exit__(kind, error, trace)

    @property
    def files(self) -> list[ImportFile]:
        return sorted(self._done, key=lambda file: file.name)

    def append(self, rows: pd.DataFrame) -> None:
        """Write `rows` to the file of their columns, and to the next one when it would be too large."""
        if rows.empty:
            return
        columns = tuple(rows.columns)
        self._count(columns)
        content = _csv(rows)
        current = self._open.get(columns)
        if current and current.size + len(content) > self._most_bytes:
            self._close(columns)
        if len(content) > self._most_bytes and len(rows) > 1:
            half = len(rows) // 2
            self.append(rows.iloc[:half])
            self.append(rows.iloc[half:])
            return
        current = self._open.get(columns) or self._begin(rows)
        current.write(content)
        current.rows += len(rows)

    def end_files(self) -> None:
        """Rows that come after this go to new files."""
        for columns in list(self._open):
            self._close(columns)

    def _count(self, columns: tuple[str, ...]) -> None:
        self._column_sets.add(columns)
        if len(self._column_sets) > _MOST_COLUMN_SETS:
            raise ConfigurationError(
                f"The {self._kind} have more than {_MOST_COLUMN_SETS} sets of filled-in columns, each "
                "an import of its own: take optional fields out of the settings. Nothing was sent"
            )

    def _begin(self, rows: pd.DataFrame) -> _Open:
        self._begun += 1
        file = ImportFile(f"{self._prefix}-{self._begun:04}.csv", self._kind, 0, 0, self._override)
        closing = ExitStack()
        begun = _Open(file, closing.enter_context(self._folder.writing(file.staged_as)), closing)
        begun.write(_csv(rows.head(0), header=True))
        self._open[tuple(rows.columns)] = begun
        return begun

    def _close(self, columns: tuple[str, ...]) -> None:
        done = self._open.pop(columns)
        done.closing.close()
        self._done.append(replace(done.file, rows=done.rows, size=done.size))


def rows_of(staged: StagedFile, columns: list[str] | None = None) -> Iterator[pd.DataFrame]:
    """The rows of a staged file as texts, some thousands at a time; all columns, or these."""
    with (
        staged.folder.reading(staged.file.staged_as) as stream,
        pd.read_csv(
            stream, dtype=str, keep_default_na=False, chunksize=_ROWS_AT_A_TIME, usecols=columns
        ) as chunks,
    ):
        yield from chunks


def changed_copy(
    staged: StagedFile, target: Staging, change: Callable[[pd.DataFrame], pd.DataFrame]
) -> StagedFile | None:
    """Copy a staged file under its own name to another folder, with what `change` makes of its rows.

    None when no row is left.
    """
    with target.writing(staged.file.staged_as) as stream, ExitStack() as closing:
        copy = _Open(staged.file, stream, closing)
        for rows in rows_of(staged):
            if not copy.size:
                copy.write(_csv(rows.head(0), header=True))
            kept = change(rows)
            copy.write(_csv(kept))
            copy.rows += len(kept)
    return StagedFile(target, replace(staged.file, rows=copy.rows, size=copy.size)) if copy.rows else None


def split(staged: StagedFile, target: Staging, pieces: int) -> list[ImportFile]:
    """Copy a staged file to another folder as so many files of as many rows each, in order:
    `<its name>-0001.csv` and so on."""
    file = staged.file
    most = -(-file.rows // pieces)
    room = most
    with CsvFiles(target, file.kind, prefix=file.stem, override_existing=file.override_existing) as files:
        for rows in rows_of(staged):
            while len(rows):
                some, rows = rows.iloc[:room], rows.iloc[room:]  # noqa: PLW2901 - what is left of them
                files.append(some)
                room -= len(some)
                if not room:
                    files.end_files()
                    room = most
    return files.files


def _csv(rows: pd.DataFrame, *, header: bool = False) -> bytes:
    content = io.BytesIO()
    options = pa.csv.WriteOptions(include_header=header, quoting_style="needed")
    pa.csv.write_csv(pa.Table.from_pandas(rows, preserve_index=False), content, options)
    return content.getvalue()
