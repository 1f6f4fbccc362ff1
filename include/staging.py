"""The files of one run between its tasks: frames, JSON and CSV in one folder, on a disk or in a bucket."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import chain
from typing import IO, TYPE_CHECKING, Any, cast

import orjson

from include.errors import StagingError, StagingFolderGone
from include.local_folder import UNFINISHED
from include.manifest import MANIFEST, ChecksumStream, Manifest, StagedFile
from include.staging_folder import Unfinished, folder_at

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


class Staging:
    """Files of one run, or of one of its stages. A file is complete or absent, so that a retry can use the
    files that it finds. It gets its name when it is written, and is then listed in the folder's manifest.
    A file that the manifest does not list counts as absent.

    `folder` is a `pathlib.Path` or Airflow's `ObjectStoragePath`. Before a file is read, it is compared with
    the manifest: StagingError if it is missing or damaged. `unlisted` is for a folder that outlives runs and
    versions: a file with this prefix is used without a check if the manifest does not list it.

    A file named `….zst` is staged compressed; writing and reading compress and decompress it.

    No method raises OSError: a failure of the disk or the bucket is a SyncError (`StagingFolder`).
    """

    def __init__(self, folder: Any, *, unlisted: str = "") -> None:
        self.folder = folder
        self._files = folder_at(folder)
        self._unlisted = unlisted
        self._own_manifest: Manifest | None = None

    def __str__(self) -> str:
        return str(self.folder)

    def within(self, name: str) -> Staging:
        """A subfolder of this folder."""
        return Staging(self.folder / name)

    def has(self, name: str) -> bool:
        """Whether the file was written. A later loss or damage shows only when the file is read."""
        return name in self._manifest().files or self._is_of_an_earlier_version(name)

    def names(self, prefix: str = "") -> list[str]:
        """Sorted names of the finished files with this prefix; empty if the folder does not exist yet."""
        return sorted(name for name in self._manifest().files if name.startswith(prefix))

    @property
    def is_complete(self) -> bool:
        """Whether `complete` was the last change of this folder."""
        return self._manifest().complete

    def begin(self) -> None:
        """Create the folder, or check the files of an earlier attempt: StagingError if one is damaged."""
        self._own_manifest = None
        self._files.create()
        self.check()
        with _CHANGING:
            self._own_manifest = self._manifest()
            self._write_manifest(self._own_manifest.with_complete(False))

    def complete(self) -> None:
        """Mark the folder as complete, for `require_complete`."""
        with _CHANGING:
            self._write_manifest(self._manifest().with_complete(True))

    def require_complete(self) -> None:
        """Raise StagingError with the file's name unless all files are as they were at `complete`.

        StagingFolderGone if there is no folder.
        """
        self._own_manifest = None
        if self._files.read(MANIFEST) is None:
            self._require_folder()
            raise StagingError(f"{MANIFEST} of {self} is gone")
        manifest = self._manifest()
        if not manifest.complete:
            raise StagingError(f"{self} is not complete: the task that writes it did not finish")
        self._own_manifest = manifest
        self.check()

    def check(self) -> None:
        """Compare all files with the manifest: StagingError if one is missing or damaged.

        In a bucket, damage that keeps the size of a file shows only when the file is read.
        """
        self._files.check(self._manifest().files)

    def check_again(self, name: str) -> None:
        """Check one file now, even if it was checked before."""
        if entry := self._entry(name):
            self._files.check({name: entry}, again=True)

    @contextmanager
    def writing(self, name: str) -> Iterator[IO[bytes]]:
        """A binary file that gets its name only if the block ends without an error.

        Tasks of a run may write the same name at once: each writes its own file, and the last one wins.
        """
        self._files.create()
        with self._files.unfinished(name) as unfinished:
            stream = ChecksumStream(unfinished.stream)
            with _compressing(cast("IO[bytes]", stream), name) as open_file:
                yield open_file
            self._put(unfinished, name, stream.entry)

    @contextmanager
    def reading(self, name: str) -> Iterator[IO[bytes]]:
        with (
            self._files.opened(name, self._entry(name)) as file,
            _decompressing(file, name) as open_file,
        ):
            yield open_file

    def write_bytes(self, name: str, content: bytes) -> None:
        with self.writing(name) as file:
            file.write(content)

    def remove_others(self, prefix: str, *, than: str) -> None:
        """Remove the files with this prefix except `than`, and unfinished files of killed processes."""
        with _CHANGING:
            manifest = self._manifest()
            gone = {name for name in manifest.files if name.startswith(prefix) and name != than}
            self._write_manifest(manifest.without(*gone))
        for name in self._files.names():
            if name.startswith(prefix) and name != than:
                self._files.remove(name)

    def read_bytes(self, name: str) -> bytes:
        with self.reading(name) as file:
            return file.read()

    def write_json(self, name: str, value: Any) -> None:
        self.write_bytes(name, orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS))

    def read_json(self, name: str) -> Any:
        with self.reading(name) as file:
            return orjson.loads(file.read())

    def write_table(self, name: str, table: pa.Table) -> None:
        """Write a columnar, compressed file (Parquet)."""
        import pyarrow.parquet as pq  # noqa: PLC0415 - a slow import, and many tasks need no frames

        with self.writing(name) as file:
            # few values repeat: without dictionaries the files are smaller, and reading is twice as fast
            pq.write_table(table, file, compression="zstd", use_dictionary=False)
            _note_rows(file, len(table))

    def read_table(self, name: str, columns: list[str] | None = None) -> pa.Table:
        import pyarrow.parquet as pq  # noqa: PLC0415

        with self.reading(name) as file:
            return pq.read_table(file, columns=columns)

    def write_frame(self, name: str, frame: pd.DataFrame) -> None:
        import pyarrow as pa  # noqa: PLC0415

        self.write_table(name, pa.Table.from_pandas(frame, preserve_index=False))

    def read_frame(self, name: str, columns: list[str] | None = None) -> pd.DataFrame:
        return cast("pd.DataFrame", self.read_table(name, columns).to_pandas())

    def write_frames(self, name: str, frames: Iterable[pd.DataFrame]) -> int:
        """Write frames with equal columns to one Parquet file, one frame in memory at a time; returns the
        number of rows. `frames` must yield at least one frame, which may be empty."""
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.parquet as pq  # noqa: PLC0415

        tables = (pa.Table.from_pandas(frame, preserve_index=False) for frame in frames)
        first = next(tables)
        rows = 0
        with self.writing(name) as file:
            with pq.ParquetWriter(file, first.schema, compression="zstd") as writer:
                for table in chain([first], tables):
                    writer.write_table(table.cast(first.schema))
                    rows += len(table)
            _note_rows(file, rows)
        return rows

    def frames(
        self, name: str, columns: list[str] | None = None, *, rows: int = 5_000
    ) -> Iterator[pd.DataFrame]:
        """The rows of a Parquet file, `rows` at a time; an empty file yields one frame without rows."""
        import pyarrow.parquet as pq  # noqa: PLC0415

        with self.reading(name) as file:
            parquet = pq.ParquetFile(file)
            for batch in parquet.iter_batches(batch_size=rows, columns=columns):
                yield batch.to_pandas()
            if not parquet.metadata.num_rows:
                yield parquet.read(columns).to_pandas()

    def _put(self, unfinished: Unfinished, name: str, entry: StagedFile) -> None:
        """Give a written file its name. If the process is killed in between, the manifest does not list the
        file, and it is written again.

        So the entry of a file that is replaced is removed first: it would not match the new file. Other
        threads may change the manifest while the file is uploaded.
        """
        with _CHANGING:
            manifest = self._manifest_or_new()
            if name in manifest.files:
                self._write_manifest(manifest.without(name))
            elif not manifest.files:
                self._write_manifest(manifest)  # first, because a file without a manifest counts as damage
        unfinished.publish(name, entry)
        with _CHANGING:
            self._write_manifest(self._manifest().with_file(name, entry))

    def _entry(self, name: str) -> StagedFile | None:
        """The manifest's entry of a file; None for a file of an earlier version."""
        entry = self._manifest().files.get(name)
        if entry is None and not self._is_of_an_earlier_version(name):
            self._require_folder()
            raise StagingError(f"{name} of {self} is gone")
        return entry

    def _require_folder(self) -> None:
        if not self._files.exists():
            raise StagingFolderGone(f"{self} is gone")

    def _manifest(self) -> Manifest:
        """The manifest as it is staged now: another process may have changed it.

        After `begin` and `require_complete` this object remembers it: a stage has its folder alone, and
        nothing changes a complete folder. In a bucket each look is a call.
        """
        if self._own_manifest is not None:
            return self._own_manifest
        content = self._files.read(MANIFEST)
        if content is None:
            names = self._unlisted_names()
            if MANIFEST in names:  # another thread or process has just written it
                return self._manifest()
            if names:
                raise StagingError(f"{MANIFEST} of {self} is gone, but {min(names)} exists")
            return Manifest()
        try:
            return Manifest.from_bytes(content)
        except ValueError:
            raise StagingError(f"{MANIFEST} of {self} is damaged") from None

    def _manifest_or_new(self) -> Manifest:
        """The manifest to change; in a folder that outlives runs, a new one replaces a damaged one."""
        try:
            return self._manifest()
        except StagingError:
            if self._unlisted:
                return Manifest()
            raise

    def _write_manifest(self, manifest: Manifest) -> None:
        self._files.replace(MANIFEST, manifest.to_bytes())
        if self._own_manifest is not None:
            self._own_manifest = manifest

    def _is_of_an_earlier_version(self, name: str) -> bool:
        return bool(self._unlisted) and name.startswith(self._unlisted) and self._files.has(name)

    def _unlisted_names(self) -> set[str]:
        """The finished files of a folder without a manifest which a manifest should list."""
        return {
            name
            for name in self._files.names()
            if not name.endswith(UNFINISHED) and not self._is_of_an_earlier_version(name)
        }


_CHANGING = threading.RLock()
"""Locks the read, change and write of a manifest: several threads of a task write files."""
_COMPRESSED = ".zst"


def _note_rows(file: IO[bytes], rows: int) -> None:
    """Set the number of rows for the manifest; a test may pass another kind of file."""
    if isinstance(file, ChecksumStream):
        file.rows = rows


def _compressing(file: IO[bytes], name: str) -> AbstractContextManager[IO[bytes]]:
    if not name.endswith(_COMPRESSED):
        return nullcontext(file)
    import pyarrow as pa  # noqa: PLC0415

    return cast("AbstractContextManager[IO[bytes]]", pa.CompressedOutputStream(file, "zstd"))


def _decompressing(file: IO[bytes], name: str) -> AbstractContextManager[IO[bytes]]:
    if not name.endswith(_COMPRESSED):
        return nullcontext(file)
    import pyarrow as pa  # noqa: PLC0415

    return cast("AbstractContextManager[IO[bytes]]", pa.CompressedInputStream(file, "zstd"))
