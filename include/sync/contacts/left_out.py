"""Rows of staged files that must not be sent any more."""

from __future__ import annotations

from include.rest.form import FileToSend
from include.staging import Staging
from include.sync.contacts.erased import erased_since
from include.sync.contacts.transform import MAPPED
from include.sync.csv_files import copy_without, rows_of
from include.sync.imports import ImportFile
from include.sync.run import SyncRun


class LeftOut:
    """Rows that stay out of the files although they are in them, looked up anew before each file goes: a
    load may wait for hours, and nobody who is erased meanwhile is sent.

    `erased` are the addresses of those whose rows did not go for that.
    """

    def __init__(self, run: SyncRun, source: Staging, target: Staging) -> None:
        self._run, self._source, self._target = run, source, target
        self._known_until = ""
        self._people: set[str] = set()
        self._look()
        self.erased = set(self._people)
        self.refused: set[str] = set()

    def to_send(self, file: ImportFile) -> FileToSend | None:
        """The file as it is staged, or a copy without those rows; None when no row is left."""
        self._look()
        if out := self._people | self.refused:
            found = (rows.loc[rows["_email"].isin(out), "_email"] for rows in rows_of(self._source, file))
            if here := set().union(*found):
                self.erased |= here & self._people
                copy = copy_without(self._source, self._target, file, "_email", here)
                return copy.to_send(self._target) if copy else None
        return file.to_send(self._source)

    def _look(self) -> None:
        if (mark := self._run.store.erasures()) != self._known_until:
            self._known_until = mark
            self._people = erased_since(self._run, self._source, MAPPED)
