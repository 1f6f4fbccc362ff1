"""What must not be sent any more of what is in the staged files: rows, and a `subscribed`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

import pandas as pd

from include.contacts.erased import erased_since
from include.contacts.transform import MAPPED, READ_SINCE
from include.pipeline.csv_files import copy_changed_rows, read_rows
from include.pipeline.import_file import StagedFile
from include.pipeline.run import SyncRun
from include.staging import Staging
from include.vtex.limits import INDEX_LAG

log = logging.getLogger(__name__)

_STATUS = "_newsletterSubscriptionStatus"

Mask = Callable[[pd.DataFrame], "pd.Series[bool]"]


class LeftOut:
    """Rows that stay out of the files although they are in them, looked up anew before each file goes: a
    load may wait for hours, and nobody who is erased meanwhile is sent.

    Likewise a contact is not created as subscribed while an unsubscription waits for VTEX: its status is
    `none` then, never `unsubscribed`, for which Connectif would call back.

    `erased` are the addresses of those whose rows did not go for that.
    """

    def __init__(self, run: SyncRun, source: Staging, target: Staging) -> None:
        self._run, self._source, self._target = run, source, target
        self._known_until = ""
        self._people: set[str] = set()
        self._look()
        self.erased = set(self._people)
        self.refused: set[str] = set()

    def to_send(self, staged: StagedFile) -> StagedFile | None:
        """The file as it is staged, or a copy without those rows; None when no row is left."""
        self._look()
        out = self._people | self.refused
        unwanted = _emails(staged, lambda rows: rows["_email"].isin(out)) if out else set()
        self.erased |= unwanted & self._people
        unsubscribed = self._unsubscribed(staged) - unwanted
        if not unwanted and not unsubscribed:
            return staged

        def change(rows: pd.DataFrame) -> pd.DataFrame:
            kept = rows[~rows["_email"].isin(unwanted)]
            if not unsubscribed:
                return kept
            return kept.assign(**{_STATUS: kept[_STATUS].mask(kept["_email"].isin(unsubscribed), "none")})

        return copy_changed_rows(staged, self._target, change)

    def _unsubscribed(self, staged: StagedFile) -> set[str]:
        """Those whom the file calls subscribed, and who said no since VTEX was read, or to a busy VTEX."""
        if staged.file.override_existing:
            return set()
        state = self._run.state
        read_since = datetime.fromisoformat(self._source.read_json(READ_SINCE)["at"])
        people = state.unsubscriptions_under_way(read_since - INDEX_LAG)
        if not people:
            return set()
        found = _emails(
            staged,
            lambda rows: (
                (rows[_STATUS] == "subscribed")
                & rows["_email"].map(lambda email: state.hashed(email) in people)
            ),
        )
        if found:
            log.info("%s: %s are not subscribed: their unsubscription waits", staged.file.name, len(found))
        return found

    def _look(self) -> None:
        if (mark := self._run.state.erasures()) != self._known_until:
            self._known_until = mark
            self._people = erased_since(self._run, self._source, MAPPED)


def _emails(staged: StagedFile, mask: Mask) -> set[str]:
    """The addresses of the file's rows for which the mask is true."""
    return set().union(*(rows.loc[mask(rows), "_email"] for rows in read_rows(staged)))
