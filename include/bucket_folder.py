"""A folder of staged files in a bucket (S3, Google Cloud Storage), through the file system of its path.

A bucket has no folders and renames nothing: an object appears when its upload is complete, and replaces an
older one at once. So a file is written to a temporary file of this machine and uploaded under its own name.
A process that is killed leaves nothing in the bucket. Before a file is read, it is downloaded in whole and
compared with its entry: readers seek, and must not see damage.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from tempfile import SpooledTemporaryFile
from typing import IO, Any, cast

from include.bucket_errors import bucket, code_of
from include.disk import TEMPORARY_FILES, disk
from include.errors import ConfigurationError, StagingError
from include.manifest import ChecksumStream, StagedFile

PART_BYTES = 16 << 20
"""Bytes of one call. A smaller file is one PUT, which leaves no parts behind. S3 takes parts of 5 MB to 5 GB
and at most 10,000 of them."""
_MEMORY_BYTES = 4 << 20
"""Bytes of a file in memory; a larger file lies in TMPDIR. Several files are open at once."""


class BucketFolder:
    """A `StagingFolder` in a bucket.

    `path` is Airflow's `ObjectStoragePath`, or another path with a file system of fsspec as `fs`. The file
    system is opened on first use. Listings of fsspec's cache are never used: other machines write too.
    """

    def __init__(self, path: Any) -> None:
        self._path, self._title = path, str(path)

    def create(self) -> None:
        """Nothing: a folder exists while it has objects. s3fs would create a missing bucket."""

    def exists(self) -> bool:
        return bool(self._entries())

    def names(self) -> set[str]:
        return {_name(entry) for entry in self._entries() if entry["type"] != "directory"}

    def folders(self) -> list[str]:
        return sorted(_name(entry) for entry in self._entries() if entry["type"] == "directory")

    def has(self, name: str) -> bool:
        return name in self.names()

    def read(self, name: str) -> bytes | None:
        try:
            return b"".join(self._pieces(name))
        except FileNotFoundError:
            return None

    def replace(self, name: str, content: bytes) -> None:
        with bucket(self._title, writes=True):
            self._fs.pipe_file(self._at(name), content)

    @contextmanager
    def unfinished(self, name: str) -> Iterator[_LocalCopy]:
        with _temporary_file() as file:
            yield _LocalCopy(self, file)

    def check(self, entries: Mapping[str, StagedFile], *, again: bool = False) -> None:
        found = {_name(entry): entry["size"] for entry in self._entries()} if entries else {}
        for name, entry in entries.items():
            if name not in found:
                raise StagingError(f"{name} of {self._title} is gone")
            entry.require(StagedFile(found[name], entry.crc32), f"{name} of {self._title}")

    @contextmanager
    def opened(self, name: str, entry: StagedFile | None) -> Iterator[IO[bytes]]:
        with _temporary_file() as file:
            copy = ChecksumStream(file)
            try:
                for piece in self._pieces(name):
                    copy.write(piece)
            except FileNotFoundError:
                raise StagingError(f"{name} of {self._title} is gone") from None
            if entry:
                entry.require(copy.entry, f"{name} of {self._title}")
            file.seek(0)
            yield file

    def remove(self, name: str) -> None:
        with bucket(self._title):
            self._fs.rm_file(self._at(name))

    def remove_all(self) -> None:
        """Remove all objects, and list them again: s3fs does not report objects that S3 refuses to delete
        (`_bulk_delete`, s3fs 2026.9.0, read 2026-11-29).
        """
        with bucket(self._title):
            self._fs.rm(self._root, recursive=True)
            if left := self._fs.find(self._root):
                raise ConfigurationError(
                    f"bucket: {len(left)} objects of {self._title} could not be deleted. Let the credentials "
                    "of the connection that SYNC_RUN__STAGING_PATH names delete objects"
                )

    def remove_if_empty(self) -> None:
        """Nothing: a folder without objects does not exist."""

    def keeps_versions(self) -> bool:
        """False also if the credentials may not ask, and at Google, whose file system cannot ask."""
        ask = getattr(self._fs, "is_bucket_versioned", None)
        try:
            with bucket(self._title):
                return bool(ask and ask(self._root.partition("/")[0]))
        except ConfigurationError:
            return False

    def upload(self, file: IO[bytes], name: str, size: int) -> None:
        """Upload a local file of `size` bytes: in one call, or in parts, of which one is in memory."""
        file.seek(0)
        with bucket(self._title, writes=True):
            if size <= PART_BYTES:
                self._fs.pipe_file(self._at(name), file.read())
                return
            target = self._fs.open(self._at(name), "wb", block_size=PART_BYTES)
            try:
                shutil.copyfileobj(file, target, PART_BYTES)
            except BaseException:
                target.discard()
                target.closed = True  # to close it would complete the upload of a part of the file
                raise
            target.close()

    def _pieces(self, name: str) -> Iterator[bytes]:
        """The content of a file, PART_BYTES at a time. FileNotFoundError if it does not exist."""
        start, size = 0, PART_BYTES
        while size == PART_BYTES:
            piece = self._range(name, start, start + PART_BYTES)
            start, size = start + len(piece), len(piece)
            yield piece

    def _range(self, name: str, start: int, end: int) -> bytes:
        try:
            with bucket(self._title, but=OSError):
                return cast("bytes", self._fs.cat_file(self._at(name), start=start, end=end))
        except FileNotFoundError:
            raise
        except OSError as error:
            if code_of(error) in {"InvalidRange", "416"}:  # the file ends at `start`
                return b""
            with bucket(self._title):
                raise

    def _entries(self) -> list[dict[str, Any]]:
        try:
            with bucket(self._title, but=FileNotFoundError):
                found = self._fs.ls(self._root, detail=True, refresh=True)
        except FileNotFoundError:
            return []
        return [entry for entry in found if entry["name"].rstrip("/").rpartition("/")[0] == self._root]

    def _at(self, name: str) -> str:
        return f"{self._root}/{name}"

    @cached_property
    def _fs(self) -> Any:
        return self._path.fs

    @cached_property
    def _root(self) -> str:
        return str(self._path.path).rstrip("/")


class _LocalCopy:
    """A file on this machine that will be uploaded."""

    def __init__(self, folder: BucketFolder, stream: IO[bytes]) -> None:
        self.stream, self._folder = stream, folder

    def publish(self, name: str, entry: StagedFile) -> None:
        self._folder.upload(self.stream, name, entry.size)


@contextmanager
def _temporary_file() -> Iterator[IO[bytes]]:
    """A file without a name: the system removes it with the process."""
    with disk(TEMPORARY_FILES), SpooledTemporaryFile(_MEMORY_BYTES) as file:
        yield cast("IO[bytes]", file)


def _name(entry: Mapping[str, Any]) -> str:
    return str(entry["name"]).rstrip("/").rpartition("/")[2]
