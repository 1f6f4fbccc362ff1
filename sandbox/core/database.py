"""The SQLite database that holds a vendor's state."""

import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Values = Sequence[Any] | Mapping[str, Any]


class Database:
    """One file in a temporary folder, one connection, one lock. The file goes with the process.

    SQLite releases Python's lock while it works, so a long statement does not stop the other threads.
    """

    def __init__(self, schema: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="sandbox-", ignore_cleanup_errors=True)
        self._schema = schema
        self.lock = threading.RLock()
        self.connection = self._open()

    def clear(self) -> None:
        """Deletes all rows."""
        with self.lock:
            self.connection.close()
            self._file.unlink()
            self.connection = self._open()

    def refill(self, fill: Callable[[], None]) -> None:
        """Deletes all rows and fills the tables with `fill`, which must write the same rows each time.

        The first call keeps the filled file. Later calls copy that file, which takes milliseconds.
        """
        with self.lock:
            if not self._filled.exists():
                self.clear()
                fill()
                shutil.copyfile(self._file, self._filled)
                return
            self.connection.close()
            shutil.copyfile(self._filled, self._file)
            self.connection = self._connect()

    def close(self) -> None:
        with self.lock:
            self.connection.close()
            self._folder.cleanup()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commits all statements or none, and holds the lock. A nested transaction joins the outer one."""
        with self.lock:
            if self.connection.in_transaction:
                yield self.connection
                return
            self.connection.execute("BEGIN")
            try:
                yield self.connection
            except BaseException:
                self.connection.execute("ROLLBACK")
                raise
            self.connection.execute("COMMIT")

    def execute(self, sql: str, values: Values = ()) -> int:
        """Runs one statement and returns the number of rows that it changed."""
        with self.lock:
            return self.connection.execute(sql, values).rowcount

    def insert(self, sql: str, rows: Iterable[Values]) -> None:
        with self.transaction() as connection:
            connection.executemany(sql, rows)

    def rows(self, sql: str, values: Values = ()) -> list[Any]:
        """All rows (`sqlite3.Row`: by position and by name)."""
        with self.lock:
            return self.connection.execute(sql, values).fetchall()

    def row(self, sql: str, values: Values = ()) -> Any:
        """The first row, or None."""
        with self.lock:
            return self.connection.execute(sql, values).fetchone()

    def value(self, sql: str, values: Values = ()) -> Any:
        """The first column of the first row, or None."""
        row = self.row(sql, values)
        return row[0] if row else None

    @property
    def _file(self) -> Path:
        return Path(self._folder.name) / "state.sqlite"

    @property
    def _filled(self) -> Path:
        return Path(self._folder.name) / "filled.sqlite"

    def _open(self) -> sqlite3.Connection:
        connection = self._connect()
        connection.executescript(self._schema)
        return connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._file, check_same_thread=False, isolation_level=None, cached_statements=512
        )
        connection.row_factory = sqlite3.Row
        # The journal is in memory, not off: SQLite needs it to roll a failed statement back.
        for pragma in ("journal_mode=MEMORY", "synchronous=OFF", "temp_store=MEMORY", "cache_size=-65536"):
            connection.execute(f"PRAGMA {pragma}")
        return connection
