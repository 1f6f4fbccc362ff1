"""Where one run keeps its files between tasks: frames, JSON and CSV under one folder, private to us."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import chain
from pathlib import Path
from secrets import token_hex
from typing import IO, TYPE_CHECKING, Any, Protocol, Self, cast

import orjson

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


class Folder(Protocol):
    """What `pathlib.Path` and Airflow's `ObjectStoragePath` have in common, as far as it is used here."""

    @property
    def name(self) -> str: ...
    def __truediv__(self, name: str) -> Self: ...
    def open(self, mode: str) -> IO[bytes]: ...
    def mkdir(self, *, parents: bool, exist_ok: bool) -> None: ...
    def exists(self) -> bool: ...
    def iterdir(self) -> Iterator[Self]: ...
    def rename(self, target: Any) -> Any: ...
    def unlink(self) -> None: ...


class Staging:
    """Files of one run, or of one stage of it. A file is there whole or not at all, so that a retry can
    take what it finds for done: it is written beside its place and then renamed.

    What is called `….zst` lies there compressed; who writes and reads it does not notice.
    """

    def __init__(self, folder: Folder) -> None:
        self.folder = folder

    def __str__(self) -> str:
        return str(self.folder)

    def within(self, name: str) -> Staging:
        """A folder below this one."""
        return Staging(self.folder / name)

    def has(self, name: str) -> bool:
        return (self.folder / name).exists()

    def names(self, prefix: str = "") -> list[str]:
        """Names of the finished files that begin so, in order; none when there is no folder yet."""
        if not self.folder.exists():
            return []
        names = (entry.name for entry in self.folder.iterdir())
        return sorted(n for n in names if n.startswith(prefix) and not n.endswith(_UNFINISHED))

    @contextmanager
    def writing(self, name: str) -> Iterator[IO[bytes]]:
        """A binary file that appears under its name only when the block ends well.

        Tasks of a run may write the same name at once: each writes a file of its own, the last to end stays.
        """
        self._make_private_folder()
        unfinished = self.folder / f"{name}.{token_hex(4)}{_UNFINISHED}"
        try:
            with unfinished.open("wb") as file, _compressing(file, name) as open_file:
                yield open_file
            _make_private(unfinished, 0o600)
            unfinished.rename(self.folder / name)
        except BaseException:
            if unfinished.exists():
                unfinished.unlink()
            raise

    @contextmanager
    def reading(self, name: str) -> Iterator[IO[bytes]]:
        with (self.folder / name).open("rb") as file, _decompressing(file, name) as open_file:
            yield open_file

    def write_bytes(self, name: str, content: bytes) -> None:
        with self.writing(name) as file:
            file.write(content)

    def remove_others(self, prefix: str, *, than: str) -> None:
        """Remove the files that begin so, but `than`; also what a killed process left half written."""
        for entry in list(self.folder.iterdir()):
            if entry.name.startswith(prefix) and entry.name != than:
                entry.unlink()

    def read_bytes(self, name: str) -> bytes:
        with self.reading(name) as file:
            return file.read()

    def write_json(self, name: str, value: Any) -> None:
        self.write_bytes(name, orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS))

    def read_json(self, name: str) -> Any:
        return orjson.loads(self.read_bytes(name))

    def write_table(self, name: str, table: pa.Table) -> None:
        """A columnar, compressed file (Parquet)."""
        import pyarrow.parquet as pq  # noqa: PLC0415 - costs a second, and many tasks need no frames

        with self.writing(name) as file:
            # Hardly a value comes twice: without dictionaries files are smaller, and read twice as fast.
            pq.write_table(table, file, compression="zstd", use_dictionary=False)

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
        """One Parquet file of frames alike, a piece in memory at a time; returns how many rows. At least one
        frame must come, be it empty."""
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.parquet as pq  # noqa: PLC0415

        tables = (pa.Table.from_pandas(frame, preserve_index=False) for frame in frames)
        first = next(tables)
        rows = 0
        with self.writing(name) as file, pq.ParquetWriter(file, first.schema, compression="zstd") as writer:
            for table in chain([first], tables):
                writer.write_table(table.cast(first.schema))
                rows += len(table)
        return rows

    def frames(
        self, name: str, columns: list[str] | None = None, *, rows: int = 5_000
    ) -> Iterator[pd.DataFrame]:
        """The rows of a Parquet file, so many at a time; of an empty file one frame without rows."""
        import pyarrow.parquet as pq  # noqa: PLC0415

        with self.reading(name) as file:
            parquet = pq.ParquetFile(file)
            for batch in parquet.iter_batches(batch_size=rows, columns=columns):
                yield batch.to_pandas()
            if not parquet.metadata.num_rows:
                yield parquet.read(columns).to_pandas()

    def _make_private_folder(self) -> None:
        if not self.folder.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            _make_private(self.folder, 0o700)


_UNFINISHED = ".unfinished"
_COMPRESSED = ".zst"


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


def _make_private(path: Folder, mode: int) -> None:
    """Nobody else on the machine may read it; a bucket has rights of its own."""
    if isinstance(path, Path):
        path.chmod(mode)
    elif getattr(path, "protocol", "") == "file":
        Path(cast("Any", path).path).chmod(mode)
