"""CSV files of the pages: the records of a list, and the differences of a cause. Both are streamed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import chain
from zoneinfo import ZoneInfo

from fastapi.responses import StreamingResponse

from include.errors import StagingError, SyncError
from include.outcomes import Cause, PipelineName
from include.page.csv_download import RECORD_COLUMNS, csv_file, record_rows
from include.page.differences import CAUSE_COLUMNS, difference_rows
from include.page.record_query import RecordQuery
from include.page.trends import is_regular
from include.run_name import attempt_of, safe_name
from include.setting_types import Settings
from include.staging import Staging
from include.state import StateStore, StoredReport
from plugins.runs.open_run import staging_base
from plugins.web.page_access import Access
from plugins.web.page_app import ROOT, PageProblem
from plugins.web.records_page import Query

_RUNS_CHECKED = 50
_LISTS_GONE = (
    "The list of these differences cannot be read. Its files are removed after run.staging_retention_days; "
    "and if Airflow's api-server runs on another machine than the tasks, run.staging_path must be a folder "
    "or bucket that both reach. The log of the comparison names the file"
)


def records_csv(access: Access, query: Query) -> StreamingResponse:
    """All records of the list, in the order of their keys."""
    access.require(query.pipeline)
    zone = access.shop.settings.schedule.zone

    def pieces() -> Iterator[bytes]:
        with access.open_state() as state:
            found = state.record_search.all(query.to_filter(access.pipelines, zone))
            yield from csv_file(RECORD_COLUMNS, (record_rows(batch, zone) for batch in found))

    name = _file_name(zone, access.key, "records", query.pipeline, query.code)
    return _download(pieces, name, _back_of(query))


def differences_csv(access: Access, pipeline: PipelineName, cause: Cause | None = None) -> StreamingResponse:
    """All differences of a pipeline that the last comparison found; with `cause`, those of this cause."""
    access.require(PipelineName.RECONCILE)
    access.require(pipeline)
    settings = access.shop.settings

    def pieces() -> Iterator[bytes]:
        with access.open_state() as state:
            folder = _folder_of_comparison(state, pipeline, settings)
        yield from csv_file(CAUSE_COLUMNS, difference_rows(folder, pipeline, cause))

    name = _file_name(settings.schedule.zone, access.key, "differences", pipeline, cause)
    return _download(pieces, name, ROOT)


def _download(pieces: Callable[[], Iterator[bytes]], name: str, back: str) -> StreamingResponse:
    """Stream the pieces. An error before the first rows is a page; a later one breaks the download off."""
    found = pieces()
    try:
        first = [piece for _, piece in zip(range(2), found, strict=False)]
    except StagingError:
        raise PageProblem(404, _LISTS_GONE, back=back) from None
    except SyncError as problem:
        raise PageProblem(503, str(problem), back=back) from None
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(chain(first, found), media_type="text/csv; charset=utf-8", headers=headers)


def _folder_of_comparison(state: StateStore, pipeline: PipelineName, settings: Settings) -> Staging:
    """The folder in which the last run of `reconcile` staged the differences of a pipeline."""
    last = _last_comparison(state)
    if last is None:
        raise StagingError("no comparison was finished")
    base = staging_base(settings) / state.shop.folder
    run = base / last.dag_id / safe_name(last.run_id) / attempt_of(last.run_key)
    return Staging(run).within(f"compare_{pipeline}")


def _last_comparison(state: StateStore) -> StoredReport | None:
    """The comparison that the status page shows."""
    return next(filter(is_regular, state.reports.latest(PipelineName.RECONCILE, _RUNS_CHECKED)), None)


def _file_name(zone: ZoneInfo, *parts: object) -> str:
    """`vtex-connectif-records-contacts-email_missing-2026-11-23.csv`."""
    day = datetime.now(UTC).astimezone(zone).date()
    words = [re.sub(r"[^A-Za-z0-9_-]", "", str(part)) for part in (*parts, day) if part]
    return f"vtex-connectif-{'-'.join(words)}.csv"


def _back_of(query: RecordQuery) -> str:
    return query.address(page=1)
