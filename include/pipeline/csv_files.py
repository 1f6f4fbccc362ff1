"""Write rows to CSV files below Connectif's size limit; all rows of a file have the same columns."""

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

# Each set of columns needs at least one import, and Connectif allows a hundred calls a minute.
_MOST_COLUMN_SETS = 64
# Connectif does not document whether the limit includes the other parts of the form.
MOST_BYTES = IMPORT_BYTES - 500_000
_ROWS_AT_A_TIME = 20_000


@dataclass
class _OpenFile:
    file: ImportFile
    stream: IO[bytes]
    exit_stack: ExitStack
    rows: int = 0
    size: int = 0

    def write(self, content: bytes) -> None:
        self.stream.write(content)
        self.size += len(content)


class CsvFiles:
    """Appends frames to CSV files: one open file for each set of columns, and the next file when it is full.

    Use it as a context manager: the files appear if the block ends without an error. `files` lists them in
    the order of their names, `<prefix>-0001.csv` and so on.
    """

    def __init__(
        self,
        folder: Staging,
        kind: str,
        *,
        prefix: str = "",
        override_existing: bool = True,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._folder, self._kind, self._override = folder, kind, override_existing
        self._prefix = prefix or kind
        self._most_bytes = most_bytes
        self._open: dict[tuple[str, ...], _OpenFile] = {}
        self._closed: list[ImportFile] = []
        self._number = 0
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
                self._open.pop(columns).exit_stack.__exit__(kind, error, trace)

    @property
    def files(self) -> list[ImportFile]:
        return sorted(self._closed, key=lambda file: file.name)

    def append(self, rows: pd.DataFrame) -> None:
        """Write `rows` to the file of their columns, or to a new file if that one would be too large."""
        if rows.empty:
            return
        columns = tuple(rows.columns)
        self._check_column_sets(columns)
        content = _csv(rows)
        current = self._open.get(columns)
        if current and current.size + len(content) > self._most_bytes:
            self._close(columns)
        if len(content) > self._most_bytes and len(rows) > 1:
            half = len(rows) // 2
            self.append(rows.iloc[:half])
            self.append(rows.iloc[half:])
            return
        current = self._open.get(columns) or self._open_file(rows)
        current.write(content)
        current.rows += len(rows)

    def end_files(self) -> None:
        """Close all open files: later rows are written to new files."""
        for columns in list(self._open):
            self._close(columns)

    def _check_column_sets(self, columns: tuple[str, ...]) -> None:
        self._column_sets.add(columns)
        if len(self._column_sets) > _MOST_COLUMN_SETS:
            raise ConfigurationError(
                f"The {self._kind} have more than {_MOST_COLUMN_SETS} sets of filled-in columns, and each "
                "needs its own import. Nothing was sent. Remove optional fields from the settings"
            )

    def _open_file(self, rows: pd.DataFrame) -> _OpenFile:
        self._number += 1
        file = ImportFile(f"{self._prefix}-{self._number:04}.csv", self._kind, 0, 0, self._override)
        exit_stack = ExitStack()
        opened = _OpenFile(file, exit_stack.enter_context(self._folder.writing(file.staged_as)), exit_stack)
        opened.write(_csv(rows.head(0), header=True))
        self._open[tuple(rows.columns)] = opened
        return opened

    def _close(self, columns: tuple[str, ...]) -> None:
        opened = self._open.pop(columns)
        opened.exit_stack.close()
        self._closed.append(replace(opened.file, rows=opened.rows, size=opened.size))


def read_rows(staged: StagedFile, columns: list[str] | None = None) -> Iterator[pd.DataFrame]:
    """The rows of a staged file as texts, some thousands at a time; by default with all columns."""
    with (
        staged.folder.reading(staged.file.staged_as) as stream,
        pd.read_csv(
            stream, dtype=str, keep_default_na=False, chunksize=_ROWS_AT_A_TIME, usecols=columns
        ) as chunks,
    ):
        yield from chunks


def copy_changed_rows(
    staged: StagedFile, target: Staging, change: Callable[[pd.DataFrame], pd.DataFrame]
) -> StagedFile | None:
    """Apply `change` to the rows of a staged file, and write the result to another folder.

    Returns None if no row is left.
    """
    with target.writing(staged.file.staged_as) as stream, ExitStack() as exit_stack:
        copy = _OpenFile(staged.file, stream, exit_stack)
        for rows in read_rows(staged):
            if not copy.size:
                copy.write(_csv(rows.head(0), header=True))
            kept = change(rows)
            copy.write(_csv(kept))
            copy.rows += len(kept)
    return StagedFile(target, replace(staged.file, rows=copy.rows, size=copy.size)) if copy.rows else None


def split_file(staged: StagedFile, target: Staging, pieces: int) -> list[ImportFile]:
    """Split a staged file into `pieces` files of equal size in another folder; the rows keep their order.

    The files are called `<name of the file>-0001.csv` and so on.
    """
    file = staged.file
    rows_per_file = -(-file.rows // pieces)
    rows_left = rows_per_file
    with CsvFiles(target, file.kind, prefix=file.stem, override_existing=file.override_existing) as files:
        for rows in read_rows(staged):
            while len(rows):
                head, rows = rows.iloc[:rows_left], rows.iloc[rows_left:]  # noqa: PLW2901 - the remaining rows
                files.append(head)
                rows_left -= len(head)
                if not rows_left:
                    files.end_files()
                    rows_left = rows_per_file
    return files.files


def _csv(rows: pd.DataFrame, *, header: bool = False) -> bytes:
    content = io.BytesIO()
    options = pa.csv.WriteOptions(include_header=header, quoting_style="needed")
    pa.csv.write_csv(pa.Table.from_pandas(rows, preserve_index=False), content, options)
    return content.getvalue()
