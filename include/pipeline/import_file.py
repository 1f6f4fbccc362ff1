"""A CSV that is to become an import, and where it is staged."""

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

    @property
    def stem(self) -> str:
        """Its name without the ending: `contacts-0001`."""
        return PurePosixPath(self.name).stem

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class StagedFile(NamedTuple):
    """A file and the folder that it lies in."""

    folder: Staging
    file: ImportFile

    def to_send(self) -> FileToSend:
        """The file as it is sent: plain, a piece at a time; StagingError when it is gone or damaged.

        A load may wait for hours, so that is looked at anew.
        """
        self.folder.check_again(self.file.staged_as)

        def pieces() -> Iterator[bytes]:
            with self.folder.reading(self.file.staged_as) as file:
                while piece := file.read(_PIECE_BYTES):
                    yield piece

        return FileToSend(self.file.name, "text/csv", self.file.size, pieces)
