"""Read the customers that a run is about, by scroll, into staged frames."""

from __future__ import annotations

import logging
from dataclasses import asdict
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc

from include.contacts.documents import documents_table
from include.contacts.extra_field_checks import check_extra_fields, extra_sources_of
from include.contacts.mapping import SOURCE_FIELDS
from include.contacts.replay import read_again
from include.contacts.slices import Slice, full_slices, window_slice
from include.errors import TemporaryError
from include.http.parallel import in_parallel
from include.http.transport import AnswerLost, TooSlow
from include.pipeline.guards import stop_empty_load
from include.pipeline.progress import Progress
from include.pipeline.run import SyncRun
from include.report import StageCounts
from include.staging import Staging
from include.vtex import limits
from include.vtex.client import ScrollExpired, ScrollPage, ScrollSlotsTaken

log = logging.getLogger(__name__)

PART = "part-"
COMPETING = f"{PART}rivals-"
"""Documents that are no records of the run, but may be the latest ones of an address."""
SLICES = "slices.json"
_DOCUMENTS_A_FILE = 20_000
_READINGS_OF_A_SLICE = 3
_WAIT_FOR_A_SLOT_SECONDS = 30.0
_IF_THERE_IS_NONE = (
    "the account of vtex_default, and that its key has the right Dynamic Storage, Read only documents"
)


def extract(run: SyncRun, target: Staging) -> StageCounts:
    """Stage the documents of the run's window, or all, as frames `part-<slice>-<number>.parquet`.

    A slice that is staged in full is not read again by a retry.
    """
    check_extra_fields(run)
    reader = SliceReader(run, target)
    if run.plan.only:
        reader.read_one(run.plan.only)
        return StageCounts()
    if run.plan.replay:
        return reader.read_again()
    # A retry must cut as the first attempt did, or a staged slice would not join the next one.
    if not target.has(SLICES):
        target.write_json(SLICES, [asdict(slice_) for slice_ in _slices(run)])
    slices = [Slice(**slice_) for slice_ in target.read_json(SLICES)]
    found = 0
    for slice_, documents in in_parallel(reader.read, slices, workers=run.settings.vtex.master_data_parallel):
        log.info("slice %s is read: %s documents", slice_.name, f"{documents:,}")
        found += documents
    log.info("%s", reader.progress.line())
    if run.plan.window is None and not found:
        stop_empty_load(run, "VTEX shows no customer (data entity CL)", _IF_THERE_IS_NONE)
    return StageCounts()


def _slices(run: SyncRun) -> list[Slice]:
    window = run.plan.window
    if window is None:
        return full_slices(run.vtex, run.now() + timedelta(days=1), run.settings.vtex.master_data_parallel)
    return [window_slice(window.widened(timedelta(minutes=run.settings.run.overlap_minutes)))]


class SliceReader:
    """Stages slices, several at once from as many threads."""

    def __init__(self, run: SyncRun, target: Staging) -> None:
        self._run, self._target = run, target
        self._extra_sources = extra_sources_of(run)
        self._fields = [*SOURCE_FIELDS, *self._extra_sources]
        self._page_size = limits.SCROLL_PAGE
        self.progress = Progress(log, "documents")

    def read(self, slice_: Slice) -> int:
        """Stage one slice and return how many documents it has.

        It is read again when its scroll breaks off or brings fewer documents than announced, and raises
        TemporaryError when that does not help.
        """
        marker = f"slice-{slice_.name}.json"
        if self._target.has(marker):
            return int(self._target.read_json(marker)["documents"])
        readings = 0
        while readings < _READINGS_OF_A_SLICE:
            size = self._page_size
            try:
                total = self._scroll_through(slice_, size)
            except TooSlow:
                if size <= limits.SCROLL_PAGE_AFTER_TIMEOUT:
                    raise
                self._ask_for_less(slice_, size)
                continue
            except (ScrollExpired, AnswerLost) as broken:
                readings += 1
                log.warning("slice %s breaks off and is read again: %s", slice_.name, broken)
                continue
            readings += 1
            documents = self._staged(slice_)
            if documents >= total or (readings > 1 and self._is_all_there_is(slice_, documents)):
                self._target.write_json(marker, {"documents": documents})
                return documents
            log.warning("slice %s: %s of %s documents came, it is read again", slice_.name, documents, total)
        raise TemporaryError(
            f"VTEX, Master Data scroll: slice {slice_.name} was short {_READINGS_OF_A_SLICE} times in a row. "
            "Nothing was sent; a retry reads only the missing slices"
        )

    def _staged(self, slice_: Slice) -> int:
        """How many documents of a slice are staged, each once: a page twice would hide one that is lost."""
        parts = self._target.names(f"{PART}{slice_.name}-")
        ids = [self._target.read_table(name, ["id"]) for name in parts]
        return int(pc.count_distinct(pa.concat_tables(ids)["id"]).as_py()) if ids else 0

    def _is_all_there_is(self, slice_: Slice, documents: int) -> bool:
        """Whether a slice that was short twice has no more: the shop may delete customers meanwhile."""
        found = self._run.vtex.count_clients(slice_.where)
        log.warning("slice %s: %s documents came, VTEX counts %s", slice_.name, documents, found)
        return documents >= found

    def read_one(self, document_id: str) -> None:
        """Stage a single document by its id, or nothing when VTEX has none."""
        document = self._run.vtex.client(document_id, self._fields)
        log.info("document %s: %s", document_id, "read" if document else "VTEX has none with this id")
        pages = [documents_table([document], self._extra_sources)] if document else []
        self._stage(Slice("only", ""), 1, pages)

    def read_again(self) -> StageCounts:
        """Stage the documents that a replay takes up."""
        part = f"{PART}again-"
        return read_again(
            self._run,
            self._target,
            part=part,
            competing=COMPETING,
            fields=self._fields,
            extra=self._extra_sources,
        )

    def _scroll_through(self, slice_: Slice, size: int) -> int:
        """Stage all pages; how many documents were announced (0: VTEX did not say)."""
        page = self._open(slice_, size)
        total, files = page.total or 0, 0
        self.progress.expect(total)
        waiting: list[pa.Table] = []
        while page.documents:
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
        """The first page, after waiting for a slot."""
        waited = 0.0
        while True:
            try:
                return self._run.vtex.open_scroll(where=slice_.where, fields=self._fields, size=size)
            except ScrollSlotsTaken:
                if waited > (limits.SCROLL_IDLE_MINUTES + 5) * 60:
                    raise
                log.info("slice %s waits for one of the account's ten scrolls to end", slice_.name)
                self._run.sleep(_WAIT_FOR_A_SLOT_SECONDS)
                waited += _WAIT_FOR_A_SLOT_SECONDS

    def _ask_for_less(self, slice_: Slice, size: int) -> None:
        """Smaller pages for this slice, from its beginning, and for those to come: a scroll keeps the size
        with which it was opened.
        """
        self._page_size = limits.SCROLL_PAGE_AFTER_TIMEOUT
        log.warning(
            "slice %s: VTEX gives up on pages of %s documents (408), it is read in pages of %s",
            slice_.name,
            f"{size:,}",
            self._page_size,
        )

    def _stage(self, slice_: Slice, number: int, pages: list[pa.Table]) -> None:
        if pages:
            name = f"{PART}{slice_.name}-{number:04}.parquet"
            self._target.write_table(name, pa.concat_tables(pages))
