"""Read the customers of a replay by their ids, and all other documents with their addresses."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from include.batching import in_batches
from include.contacts.documents import documents_table
from include.http.calls import in_parallel
from include.http.transport import RequestRefused
from include.newsletter.documents import find_documents
from include.pipeline.replay import keys_to_replay, note_on_missing_records
from include.pipeline.run import SyncRun
from include.report import StageCounts
from include.staging import Staging
from include.values.address import email_of, problem_of
from include.vtex import limits
from include.vtex.client import VtexClient
from include.vtex.filters import any_of

log = logging.getLogger(__name__)

_IDS_A_PART = 5_000
_WORKERS = 4

Document = dict[str, Any]


def stage_replay(
    run: SyncRun, target: Staging, *, part: str, competing: str, fields: Sequence[str], extra: Sequence[str]
) -> StageCounts:
    """Stage the documents to replay as files `<part>…`, and the other documents of their addresses as files
    `<competing>…`.

    The others take part in the choice of the document that counts for an address. They are not sent.
    """
    ids, found = keys_to_replay(run, target), 0
    for number, batch in enumerate(in_batches(ids, _IDS_A_PART), start=1):
        chosen, others = f"{part}{number:04}.parquet", f"{competing}{number:04}.parquet"
        if not target.has(chosen):
            documents = documents_by_id(run.vtex, batch, fields)
            competing_documents = _same_address(run.vtex, documents, fields)
            target.write_table(others, documents_table(competing_documents, extra))
            target.write_table(chosen, documents_table(documents, extra))
        found += len(target.read_table(chosen, ["id"]))
    return StageCounts(notes=note_on_missing_records(len(ids), found))


def documents_by_id(vtex: VtexClient, ids: Sequence[str], fields: Sequence[str]) -> list[Document]:
    """The documents that VTEX has, 50 per call. Documents that the filter does not find are read one by one:
    VTEX does not document whether `id` can be filtered, or how late the index is."""
    found = {str(document["id"]): document for document in _search(vtex, ids, fields)}
    rest = [document_id for document_id in ids if document_id not in found]
    read = in_parallel(partial(vtex.client, fields=fields), rest, workers=_WORKERS)
    found |= {document_id: document for document_id, document in read if document is not None}
    return [found[document_id] for document_id in ids if document_id in found]


def _search(vtex: VtexClient, ids: Iterable[str], fields: Sequence[str]) -> Iterator[Document]:
    plain = (document_id for document_id in ids if re.fullmatch(r"[\w-]+", document_id))
    try:
        for batch in in_batches(plain, limits.ALTERNATIVES_PER_FILTER):
            yield from vtex.search_clients(where=any_of("id", batch), fields=fields)
    except RequestRefused as refused:
        log.warning("VTEX refuses the search by id: %s; the documents are read one by one", refused)


def _same_address(vtex: VtexClient, documents: list[Document], fields: Sequence[str]) -> list[Document]:
    """All other documents with the addresses of these documents."""
    ids = {document["id"] for document in documents}
    emails = sorted({email_of(document) for document in documents})
    batches = in_batches((e for e in emails if not problem_of(e)), limits.ALTERNATIVES_PER_FILTER)
    answers = in_parallel(lambda batch: find_documents(vtex, batch, fields), batches, workers=_WORKERS)
    found = (document for _, answer in answers for same in answer.values() for document in same)
    return [document for document in found if document["id"] not in ids]
