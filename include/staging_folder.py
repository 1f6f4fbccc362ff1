"""One folder of staged files, on a disk or in a bucket: what `Staging` needs of either."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any, Protocol

from include.bucket_folder import BucketFolder
from include.local_folder import LocalFolder
from include.manifest import StagedFile


class Unfinished(Protocol):
    """A file that has no name yet: no reader finds what is written to `stream` before `publish`."""

    @property
    def stream(self) -> IO[bytes]: ...

    def publish(self, name: str, entry: StagedFile) -> None:
        """Give the file its name. Another file of that name is replaced at once."""


class StagingFolder(Protocol):
    """The files directly in one folder. A file is complete or absent.

    No method raises OSError or an error of a storage library: each failure is a SyncError
    (`include/disk.py`, `include/bucket_errors.py`).
    """

    def create(self) -> None:
        """Make the folder, so that only our user can read it. A bucket has no folders and its own rights."""

    def exists(self) -> bool:
        """Whether the folder exists; in a bucket, whether it holds a file."""

    def names(self) -> set[str]:
        """The files of the folder, also unfinished ones; empty if the folder does not exist."""

    def folders(self) -> list[str]:
        """The sorted names of the folders in this folder."""

    def has(self, name: str) -> bool: ...

    def read(self, name: str) -> bytes | None:
        """A small file, without a check; None if it does not exist."""

    def replace(self, name: str, content: bytes) -> None:
        """Write a small file. A reader finds the old content or the new one."""

    def unfinished(self, name: str) -> AbstractContextManager[Unfinished]:
        """A file that will be called `name`. An error in the block removes it."""

    def check(self, entries: Mapping[str, StagedFile], *, again: bool = False) -> None:
        """StagingError if one of the files is missing or differs from its entry.

        A disk is read once for each file, or once more with `again`. Of a bucket only names and sizes are
        compared: `opened` compares the content.
        """

    def opened(self, name: str, entry: StagedFile | None) -> AbstractContextManager[IO[bytes]]:
        """The file, after its content was compared with its entry: StagingError if it is missing or damaged.

        None is the entry of a file of an earlier version: it is not compared.
        """

    def remove(self, name: str) -> None: ...

    def remove_all(self) -> None:
        """Remove the folder with everything in it."""

    def remove_if_empty(self) -> None: ...

    def keeps_versions(self) -> bool:
        """Whether removed files are known to stay as older versions."""


def folder_at(path: Any) -> StagingFolder:
    """The folder at a `pathlib.Path`, a `UPath` or Airflow's `ObjectStoragePath`."""
    if isinstance(path, Path):
        return LocalFolder(path, str(path))
    if path.protocol in {"", "file", "local"}:
        return LocalFolder(Path(path.path), str(path))
    return BucketFolder(path)
