"""Remove rows, and the status `subscribed`, that must not be sent from staged files."""

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


class RowFilter:
    """Removes rows of erased people from staged files.

    It reads the erasures again before each file, because a load may wait for hours.

    It also changes `subscribed` to `none` while an unsubscription waits for VTEX. It never writes
    `unsubscribed`, because Connectif would send a callback for it.

    `erased` are the addresses of the removed rows. The caller adds to `refused` further addresses to remove.
    """

    def __init__(self, run: SyncRun, source: Staging, target: Staging) -> None:
        self._run, self._source, self._target = run, source, target
        self._erasures = ""
        self._erased_now: set[str] = set()
        self._refresh_erased()
        self.erased = set(self._erased_now)
        self.refused: set[str] = set()

    def to_send(self, staged: StagedFile) -> StagedFile | None:
        """The staged file, or a copy without the removed rows; None if no row is left."""
        self._refresh_erased()
        excluded = self._erased_now | self.refused
        unwanted = _emails(staged, lambda rows: rows["_email"].isin(excluded)) if excluded else set()
        self.erased |= unwanted & self._erased_now
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
        """Addresses that are `subscribed` in the file, but have an unsubscription that is newer than the read
        of VTEX, or that waits for VTEX."""
        if staged.file.override_existing:
            return set()
        state = self._run.state
        read_since = datetime.fromisoformat(self._source.read_json(READ_SINCE)["at"])
        people = state.newsletter.unsubscriptions_under_way(read_since - INDEX_LAG)
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
            log.info(
                "%s: %s contacts are sent with status none: their unsubscription waits for VTEX",
                staged.file.name,
                len(found),
            )
        return found

    def _refresh_erased(self) -> None:
        if (mark := self._run.state.erasure.erasures()) != self._erasures:
            self._erasures = mark
            self._erased_now = erased_since(self._run, self._source, MAPPED)


def _emails(staged: StagedFile, mask: Mask) -> set[str]:
    """The addresses of the file's rows that match the mask."""
    return set().union(*(rows.loc[mask(rows), "_email"] for rows in read_rows(staged)))
