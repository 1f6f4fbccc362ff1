"""A CSV file to import, and the folder where it is staged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from include.http.form import FileToSend
from include.staging import Staging

_PIECE_BYTES = 1 << 18


@dataclass(frozen=True)
class ImportFile:
    """A staged CSV file with its number of rows and bytes. With `override_existing=False` the import adds new
    records only.
    """

    name: str
    kind: str
    rows: int
    size: int
    override_existing: bool = True

    @property
    def staged_as(self) -> str:
        """Its name in the staging folder, where it is compressed."""
        return f"{self.name}.zst"

    @property
    def stem(self) -> str:
        """Its name without the extension: `contacts-0001`."""
        return PurePosixPath(self.name).stem

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class StagedFile(NamedTuple):
    """A file and its folder."""

    folder: Staging
    file: ImportFile

    def upload(self) -> FileToSend:
        """The decompressed file, in pieces; StagingError if it is missing or damaged.

        A load may wait for hours before it sends the file, so the file is checked again here.
        """
        self.folder.check_again(self.file.staged_as)

        def pieces() -> Iterator[bytes]:
            with self.folder.reading(self.file.staged_as) as file:
                while piece := file.read(_PIECE_BYTES):
                    yield piece

        return FileToSend(self.file.name, "text/csv", self.file.size, pieces)
