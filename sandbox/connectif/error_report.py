"""The error report of an import, in the forms that the knobs `error_report_*` set."""

import csv
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sandbox.connectif.csv_load import Rejects
from sandbox.connectif.knobs import ConnectifKnobs

LINE_COLUMN = "line"


class ErrorReport:
    """Writes the failed rows to a CSV file. Creates the file with the first failed row."""

    def __init__(self, path: Path, header: Sequence[str], key: str, knobs: ConnectifKnobs) -> None:
        self._path, self._header, self._knobs = path, header, knobs
        self._key_at = header.index(key) if key in header else 0
        self._rows = 0
        self._files = ExitStack()
        self._writer: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._files.close()

    def add(self, batch: Sequence[Sequence[str]], rejects: Rejects) -> None:
        """Adds the failed rows of the next `batch`: `rejects` has the reasons by position in the batch."""
        if rejects:
            self._open().writerows(
                [*self._identify(batch[at], at), reason] for at, reason in sorted(rejects.items())
            )
        self._rows += len(batch)

    def _open(self) -> Any:
        if self._writer is None:
            file = self._files.enter_context(self._path.open("w", encoding="utf-8", newline=""))
            self._writer = csv.writer(file, delimiter=self._knobs.error_report_delimiter)
            self._writer.writerow([*self._columns(), self._knobs.error_report_column])
        return self._writer

    def _columns(self) -> Sequence[str]:
        names = {"row": self._header, "key": [self._header[self._key_at]], "line": [LINE_COLUMN]}
        return names[self._knobs.error_report_rows]

    def _identify(self, row: Sequence[str], at: int) -> Sequence[str]:
        """The cells that identify the row. Line 1 is the header."""
        if self._knobs.error_report_rows == "line":
            return [str(self._rows + at + 2)]
        if self._knobs.error_report_rows == "key":
            return row[self._key_at : self._key_at + 1] or [""]
        return row
