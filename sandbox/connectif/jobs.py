"""Background jobs of one kind (imports or exports): their table, queue and files."""

import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

from sandbox.connectif.account import Account
from sandbox.connectif.errors import not_found
from sandbox.connectif.worker import Worker


class Jobs:
    """`table` is the name of the table and of the kind. One worker runs the queued jobs, oldest first."""

    def __init__(
        self,
        account: Account,
        table: str,
        run: Callable[[sqlite3.Row, Event], None],
        paused: Callable[[], bool],
    ) -> None:
        self._database, self._ids = account.database, account.ids
        self._table, self._run = table, run
        self._folder = tempfile.TemporaryDirectory(prefix=f"sandbox-{table}-", ignore_cleanup_errors=True)
        self._worker = Worker(f"connectif-{table}", self._run_next, paused)

    def wake(self) -> None:
        self._worker.wake()

    def reset(self) -> None:
        """Stops the running job and removes the files."""
        self._worker.stop()
        for path in Path(self._folder.name).iterdir():
            path.unlink()

    def close(self) -> None:
        """Stops the running job and removes the folder."""
        self._worker.stop()
        self._folder.cleanup()

    def path(self, name: str) -> Path:
        return Path(self._folder.name) / name

    def insert(self, **values: Any) -> int:
        """Inserts a queued job and returns its row number."""
        values = {"status": "queued", "origin": "api", **values}
        marks = ", ".join("?" * len(values))
        # The names are our own column names.
        sql = f"INSERT INTO {self._table} ({', '.join(values)}) VALUES ({marks})"  # noqa: S608
        self._database.execute(sql, list(values.values()))
        return int(self._database.value("SELECT last_insert_rowid()"))

    def update(self, row: int, **values: Any) -> None:
        changes = ", ".join(f"{column} = ?" for column in values)
        sql = f"UPDATE {self._table} SET {changes} WHERE row = ?"  # noqa: S608 - our own names
        self._database.execute(sql, [*values.values(), row])

    def find(self, connectif_id: str) -> sqlite3.Row:
        row: sqlite3.Row | None = self._database.row(
            f"SELECT * FROM {self._table} WHERE row = ?",  # noqa: S608 - our own names
            (self._ids.row(self._table, connectif_id),),
        )
        if row is None:
            raise not_found(self._table.removesuffix("s").capitalize())
        return row

    def id_of(self, row: int) -> str:
        return self._ids.of(self._table, row)

    def page(self, number: int, size: int) -> tuple[list[sqlite3.Row], bool]:
        """A page of jobs, newest first, and whether more pages follow."""
        rows = self._database.rows(
            f"SELECT * FROM {self._table} ORDER BY row DESC LIMIT ? OFFSET ?",  # noqa: S608 - our own names
            (size + 1, (number - 1) * size),
        )
        return rows[:size], len(rows) > size

    def count_queued(self) -> int:
        sql = f"SELECT COUNT(*) FROM {self._table} WHERE status = 'queued'"  # noqa: S608 - our own names
        return int(self._database.value(sql))

    def _run_next(self, stopping: Event) -> bool:
        """Runs the oldest queued job. Returns whether the queue had one."""
        sql = f"SELECT * FROM {self._table} WHERE status = 'queued' ORDER BY row LIMIT 1"  # noqa: S608 - our own names
        row = self._database.row(sql)
        if row is None:
            return False
        self._run(row, stopping)
        return True
