"""Read contacts and activities from Connectif by export: few calls for any number of rows."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from tempfile import TemporaryFile

from include.connectif.client import ConnectifClient, QueueFull
from include.connectif.exports import Export, WantedColumn, read_rows
from include.connectif.limits import EXPORT_DAYS
from include.connectif.vocabulary import quote_status
from include.disk import TEMPORARY_FILES, disk
from include.errors import TemporaryError
from include.pipeline.run import SyncRun
from include.staging import Staging
from include.values.wording import plural
from include.window import Window

log = logging.getLogger(__name__)


class Exporter:
    """Queues exports and waits for their files.

    The id of a queued export is kept in `journal`, so that a retried task waits for the same export.
    `is_short` says that a file had fewer rows than announced. Connectif does not document what an export's
    `total` counts, so a short file is not an error.
    """

    def __init__(
        self,
        connectif: ConnectifClient,
        journal: Staging,
        *,
        poll_seconds: float,
        patience_minutes: float,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connectif, self._journal = connectif, journal
        self._poll_seconds, self._patience_seconds = poll_seconds, patience_minutes * 60
        self._sleep, self._clock = sleep, clock
        self.is_short = False

    def activities(
        self, types: Sequence[str], window: Window, wanted: WantedColumn
    ) -> Iterator[dict[str, str]]:
        """The rows (plain column name → cell) of all activities of these types in the window that have a
        `wanted` column.

        Each 31 days need one export. Raises TemporaryError if an export fails or takes too long.
        """
        for part in _split_window(window):
            create = partial(self._connectif.create_activities_export, types, part)
            yield from self._rows(_journal_name(types, part), f"activities of {part}", create, wanted)

    def contacts(self) -> Iterator[dict[str, str]]:
        """The rows of all contacts, from one export."""
        yield from self._rows("export-contacts.json", "contacts", self._connectif.create_contacts_export)

    def _rows(
        self, entry: str, what: str, create: Callable[[], Export], wanted: WantedColumn | None = None
    ) -> Iterator[dict[str, str]]:
        done = self._wait(entry, what, create)
        if done.status != "finished" or not done.file_url:
            self._journal.write_json(entry, {"id": None})
            raise TemporaryError(
                f"Connectif ended export {done.id} of {what} with status {quote_status(done.status)}. "
                "A retry creates a new export"
            )
        log.info("%s: %s", what, plural(done.total, "row"))
        with (
            disk(TEMPORARY_FILES),
            TemporaryFile() as file,
        ):  # it has no name, and the system removes it with the process
            self._connectif.read_export_file(done.file_url, file)
            yield from self._check_number(read_rows(file, wanted), done, what)

    def _check_number(
        self, rows: Iterator[dict[str, str]], done: Export, what: str
    ) -> Iterator[dict[str, str]]:
        """Yield the rows, and set `is_short` if the file has fewer rows than the export announced."""
        number = 0
        for row in rows:
            number += 1
            yield row
        if number < done.total:
            self.is_short = True
            log.warning("%s: the file has %s of %s announced rows", what, f"{number:,}", f"{done.total:,}")

    def _wait(self, entry: str, what: str, create: Callable[[], Export]) -> Export:
        """Queue the export if the journal does not have it, and wait for its end."""
        give_up_at = self._clock() + self._patience_seconds
        pause = min(1.0, self._poll_seconds)
        export_id = self._journal.read_json(entry)["id"] if self._journal.has(entry) else None
        while True:
            if export_id is None:
                export_id = self._queue(entry, create)
            elif (state := self._connectif.read_export(export_id)).is_over:
                return state
            if self._clock() > give_up_at:
                raise TemporaryError(
                    f"Connectif's export of {what} is not finished after "
                    f"{self._patience_seconds / 60:.0f} minutes. A retry waits for the same export"
                )
            log.info("%s: waiting %.0f s until Connectif finishes the export", what, pause)
            self._sleep(pause)
            pause = min(2 * pause, self._poll_seconds)

    def _queue(self, entry: str, create: Callable[[], Export]) -> str | None:
        """Queue the export and return its id; None while the account's queue is full."""
        try:
            queued = create()
        except QueueFull:
            log.info("Connectif's export queue is full; waiting until an export ends")
            return None
        self._journal.write_json(entry, {"id": queued.id})
        return queued.id


def exporter_of(run: SyncRun, journal: Staging) -> Exporter:
    """The exporter of a run, with the run's settings."""
    settings = run.settings.connectif
    return Exporter(
        run.connectif,
        journal,
        poll_seconds=settings.import_poll_seconds,
        patience_minutes=settings.export_timeout_minutes,
        sleep=run.sleep,
    )


def _split_window(window: Window) -> Iterator[Window]:
    start = window.start
    while start < window.end:
        end = min(start + timedelta(days=EXPORT_DAYS), window.end)
        yield Window(start, end)
        start = end


def _journal_name(types: Sequence[str], window: Window) -> str:
    return f"export-{'-'.join(types)}-{window.start:%Y%m%dT%H%M%S}.json"
