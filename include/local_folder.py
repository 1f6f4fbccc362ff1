"""A folder of staged files on a disk. A file is written under another name and then renamed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import IO

from include.disk import disk
from include.errors import StagingError
from include.manifest import StagedFile, checksum_file

UNFINISHED = ".unfinished"
"""The end of the names of unfinished files."""


class LocalFolder:
    """A `StagingFolder` on a disk. `title` names it in messages."""

    def __init__(self, path: Path, title: str) -> None:
        self._path, self._title = path, title
        self._checked: dict[str, StagedFile] = {}

    def create(self) -> None:
        with disk(self._title):
            if not self._path.exists():
                self._path.mkdir(parents=True, exist_ok=True)
                self._path.chmod(0o700)

    def exists(self) -> bool:
        with disk(self._title):
            return self._path.exists()

    def names(self) -> set[str]:
        with disk(self._title):
            return {entry.name for entry in self._entries() if entry.is_file()}

    def folders(self) -> list[str]:
        with disk(self._title):
            return sorted(entry.name for entry in self._entries() if entry.is_dir())

    def has(self, name: str) -> bool:
        with disk(self._title):
            return (self._path / name).exists()

    def read(self, name: str) -> bytes | None:
        try:
            with disk(self._title, but=FileNotFoundError):
                return (self._path / name).read_bytes()
        except FileNotFoundError:
            return None

    def replace(self, name: str, content: bytes) -> None:
        with self._created(name) as (file, path):
            file.write(content)
            self._rename(file, path, name)

    @contextmanager
    def unfinished(self, name: str) -> Iterator[_LocalFile]:
        with self._created(name) as (file, path):
            yield _LocalFile(self, file, path)

    def check(self, entries: Mapping[str, StagedFile], *, again: bool = False) -> None:
        for name, entry in entries.items():
            if again or self._checked.get(name) != entry:
                self._check(name, entry)

    @contextmanager
    def opened(self, name: str, entry: StagedFile | None) -> Iterator[IO[bytes]]:
        entries = {name: entry} if entry else {}
        self.check(entries)
        with disk(self._title), self._open(name) as file:
            try:
                yield file
            except Exception:
                self.check(entries, again=True)  # damage since the last check explains the error better
                raise

    def remove(self, name: str) -> None:
        with disk(self._title):
            (self._path / name).unlink()

    def remove_all(self) -> None:
        with disk(self._title):
            shutil.rmtree(self._path)

    def remove_if_empty(self) -> None:
        with disk(self._title):
            if not any(self._path.iterdir()):
                self._path.rmdir()

    def keeps_versions(self) -> bool:
        return False

    def publish(self, file: IO[bytes], path: Path, name: str, entry: StagedFile) -> None:
        """Rename a written file."""
        with disk(self._title):
            self._rename(file, path, name)
        self._checked[name] = entry

    def _entries(self) -> Iterator[Path]:
        return self._path.iterdir() if self._path.exists() else iter(())

    def _open(self, name: str) -> IO[bytes]:
        try:
            return (self._path / name).open("rb")
        except FileNotFoundError:
            raise StagingError(f"{name} of {self._title} is gone") from None

    def _check(self, name: str, entry: StagedFile) -> None:
        self._checked.pop(name, None)
        with disk(self._title), self._open(name) as file:
            found = checksum_file(file)
        entry.require(found, f"{name} of {self._title}")
        self._checked[name] = entry

    @contextmanager
    def _created(self, name: str) -> Iterator[tuple[IO[bytes], Path]]:
        """An unfinished file and its path; an error in the block removes it."""
        path = self._path / f"{name}.{token_hex(4)}{UNFINISHED}"
        with disk(self._title):
            try:
                with path.open("wb") as file:
                    yield file, path
            except BaseException:
                with suppress(OSError):  # the original error matters more; no reader uses an unfinished file
                    path.unlink()
                raise

    def _rename(self, file: IO[bytes], path: Path, name: str) -> None:
        file.close()
        path.chmod(0o600)
        path.rename(self._path / name)


class _LocalFile:
    """An unfinished file of a folder."""

    def __init__(self, folder: LocalFolder, stream: IO[bytes], path: Path) -> None:
        self.stream, self._folder, self._path = stream, folder, path

    def publish(self, name: str, entry: StagedFile) -> None:
        self._folder.publish(self.stream, self._path, name, entry)
