"""Read the customers of a run by scroll into staged tables."""

from __future__ import annotations

import logging
from dataclasses import asdict
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc

from include.contacts.documents import documents_table
from include.contacts.fields import SOURCE_FIELDS
from include.contacts.replay import stage_replay
from include.contacts.rules import check_extra_fields, extra_sources_of
from include.contacts.slices import Slice, full_slices, window_slice
from include.errors import ContractError, TemporaryError
from include.http.calls import in_parallel
from include.http.transport import AnswerLost, TooSlow
from include.pipeline.guards import stop_empty_load
from include.pipeline.progress import Progress
from include.pipeline.run import SyncRun
from include.report import StageCounts
from include.staging import Staging
from include.values.wording import plural
from include.vtex import limits
from include.vtex.client import ScrollExpired, ScrollPage, ScrollSlotsTaken

log = logging.getLogger(__name__)

PART = "part-"
COMPETING = f"{PART}competing-"
"""Documents that do not belong to the run, but may be the latest ones of an address."""
SLICES = "slices.json"
_DOCUMENTS_A_FILE = 20_000
_MOST_READINGS = 3
_WAIT_FOR_A_SLOT_SECONDS = 30.0
_CHECK_IF_EMPTY = (
    "the account of {connection}, and that its key has the right Dynamic Storage, Read only documents"
)


def extract(run: SyncRun, target: Staging) -> StageCounts:
    """Stage the documents of the run's window, or all, as tables `part-<slice>-<number>.parquet`.

    A retry does not repeat a slice that is complete.
    """
    check_extra_fields(run)
    reader = SliceReader(run, target)
    if run.plan.only:
        reader.read_one(run.plan.only)
        return StageCounts()
    if run.plan.replay:
        return reader.read_replay()
    # A retry uses the cuts of the first attempt. Other cuts would leave gaps between slices.
    if not target.has(SLICES):
        target.write_json(SLICES, [asdict(slice_) for slice_ in _slices(run)])
    slices = [Slice(**slice_) for slice_ in target.read_json(SLICES)]
    found = 0
    for slice_, documents in in_parallel(reader.read, slices, workers=run.settings.vtex.master_data_parallel):
        log.info("slice %s: read %s", slice_.name, plural(documents, "document"))
        found += documents
    log.info("%s", reader.progress.line())
    if run.plan.window is None and not found:
        check = _CHECK_IF_EMPTY.format(connection=run.vtex.account.connection)
        stop_empty_load(run, "VTEX has no customer (data entity CL)", check)
    return StageCounts()


def _slices(run: SyncRun) -> list[Slice]:
    window = run.plan.window
    if window is None:
        return full_slices(run.vtex, run.now() + timedelta(days=1), run.settings.vtex.master_data_parallel)
    return [window_slice(window.widened(timedelta(minutes=run.settings.run.overlap_minutes)))]


class SliceReader:
    """Stages slices. Several threads may call `read` at once."""

    def __init__(self, run: SyncRun, target: Staging) -> None:
        self._run, self._target = run, target
        self._extra_sources = extra_sources_of(run)
        self._fields = [*SOURCE_FIELDS, *self._extra_sources]
        self._page_size = limits.SCROLL_PAGE
        self.progress = Progress(log, "documents")

    def read(self, slice_: Slice) -> int:
        """Stage one slice and return its number of documents.

        Repeats the scroll if it breaks off or has fewer documents than VTEX announced; TemporaryError after
        too many attempts.
        """
        marker = f"slice-{slice_.name}.json"
        if self._target.has(marker):
            return int(self._target.read_json(marker)["documents"])
        readings = 0
        while readings < _MOST_READINGS:
            size = self._page_size
            try:
                total = self._scroll_through(slice_, size)
            except TooSlow:
                if size <= limits.SCROLL_PAGE_AFTER_TIMEOUT:
                    raise
                self._use_smaller_pages(slice_, size)
                continue
            except (ScrollExpired, AnswerLost) as broken:
                readings += 1
                log.warning("slice %s: the scroll broke off: %s; it is repeated", slice_.name, broken)
                continue
            readings += 1
            documents = self._count_staged(slice_)
            if documents >= total or (readings > 1 and self._is_complete(slice_, documents)):
                self._target.write_json(marker, {"documents": documents})
                return documents
            log.warning("slice %s: got %s of %s documents; it is repeated", slice_.name, documents, total)
        raise TemporaryError(
            f"VTEX, Master Data scroll: slice {slice_.name} was incomplete {_MOST_READINGS} times in a row. "
            "Nothing was sent. A retry reads only the missing slices"
        )

    def _count_staged(self, slice_: Slice) -> int:
        """The number of different documents of a slice: a repeated page must not hide a lost document."""
        parts = self._target.names(f"{PART}{slice_.name}-")
        ids = [self._target.read_table(name, ["id"]) for name in parts]
        return int(pc.count_distinct(pa.concat_tables(ids)["id"]).as_py()) if ids else 0

    def _is_complete(self, slice_: Slice, documents: int) -> bool:
        """Whether a slice with too few documents is complete: the shop may delete customers meanwhile."""
        counted = self._run.vtex.count_clients(slice_.where)
        log.warning("slice %s: got %s documents; VTEX now counts %s", slice_.name, documents, counted)
        return documents >= counted

    def read_one(self, document_id: str) -> None:
        """Stage one document by its id, or nothing if VTEX does not have it."""
        document = self._run.vtex.client(document_id, self._fields)
        log.info("document %s: %s", document_id, "read" if document else "VTEX has no document with this id")
        pages = [documents_table([document], self._extra_sources)] if document else []
        self._stage(Slice("only", ""), 1, pages)

    def read_replay(self) -> StageCounts:
        """Stage the documents of a replay."""
        return stage_replay(
            self._run,
            self._target,
            part=f"{PART}again-",
            competing=COMPETING,
            fields=self._fields,
            extra=self._extra_sources,
        )

    def _scroll_through(self, slice_: Slice, size: int) -> int:
        """Stage all pages and return the number of documents that VTEX announced (0 if it did not)."""
        page = self._open(slice_, size)
        total, files = page.total or 0, 0
        self.progress.expect(total)
        waiting: list[pa.Table] = []
        guard = _ScrollGuard(slice_, total)
        while page.documents:
            guard.check(page)
            self.progress.add(len(page.documents))
            waiting.append(documents_table(page.documents, self._extra_sources))
            if sum(map(len, waiting)) >= _DOCUMENTS_A_FILE:
                files += 1
                self._stage(slice_, files, waiting)
                waiting = []
            page = self._run.vtex.continue_scroll(page.token, fields=self._fields, size=size)
        self._stage(slice_, files + 1, waiting)
        return total

    def _open(self, slice_: Slice, size: int) -> ScrollPage:
        """The first page. Waits while the account has no free slot."""
        seconds = 0.0
        while True:
            try:
                return self._run.vtex.open_scroll(where=slice_.where, fields=self._fields, size=size)
            except ScrollSlotsTaken:
                if seconds > (limits.SCROLL_IDLE_MINUTES + 5) * 60:
                    raise
                log.info("slice %s: waits until one of the account's ten scroll slots is free", slice_.name)
                self._run.sleep(_WAIT_FOR_A_SLOT_SECONDS)
                seconds += _WAIT_FOR_A_SLOT_SECONDS

    def _use_smaller_pages(self, slice_: Slice, size: int) -> None:
        """Use smaller pages from now on. The slice starts again: a scroll keeps its first page size."""
        self._page_size = limits.SCROLL_PAGE_AFTER_TIMEOUT
        log.warning(
            "slice %s: VTEX timed out (408) on pages of %s documents; it is repeated with pages of %s",
            slice_.name,
            f"{size:,}",
            self._page_size,
        )

    def _stage(self, slice_: Slice, number: int, pages: list[pa.Table]) -> None:
        if pages:
            name = f"{PART}{slice_.name}-{number:04}.parquet"
            self._target.write_table(name, pa.concat_tables(pages))


class _ScrollGuard:
    """Stops a scroll that does not end: it repeats pages, or returns far more than VTEX announced."""

    _MOST_REPEATED_PAGES = 20
    _MORE_THAN_ANNOUNCED = 100_000
    _MOST_UNANNOUNCED = 100_000_000

    def __init__(self, slice_: Slice, announced: int) -> None:
        self._slice = slice_
        self._most = 2 * announced + self._MORE_THAN_ANNOUNCED if announced else self._MOST_UNANNOUNCED
        self._first_ids: set[str] = set()
        self._read = self._repeated = 0

    def check(self, page: ScrollPage) -> None:
        """Count a page. ContractError if the scroll must have ended before."""
        first_id = str(page.documents[0].get("id"))
        self._repeated += first_id in self._first_ids
        self._first_ids.add(first_id)
        self._read += len(page.documents)
        if self._repeated > self._MOST_REPEATED_PAGES or self._read > self._most:
            raise ContractError(
                f"VTEX, Master Data scroll: slice {self._slice.name} does not end after {self._read:,} "
                f"documents; {self._repeated} of its pages are repeated. Nothing was sent. Ask VTEX's support"
            )
