"""A run of one pipeline, and how its stages keep their counts and outcomes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import chain, islice
from socket import gethostname
from typing import TYPE_CHECKING, Any

from include.connectif.client import ConnectifClient
from include.errors import StagingError, StagingFolderGone
from include.http.calls import CallCounter
from include.outcomes import PipelineName, Reason
from include.pipeline.lease import leased
from include.pipeline.repeated import repeated
from include.plan import RunPlan
from include.report import Calls, StageCounts, Vendor
from include.setting_types import Settings
from include.staging import Staging
from include.state import StateStore
from include.vtex.client import VtexClient

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)


def utc_now() -> datetime:
    return datetime.now(UTC)


KEPT = "kept"
"""The folder for files that outlive the runs; it is beside the folders of the runs."""
KEPT_BEFORE_MANIFESTS = "catalogue-"
"""Start of the names of kept files from a version that had no manifests."""
COUNTS = "counts.json"
STARTED_AT = "started_at.json"
_ATTEMPT = "attempt-"
RECORD_SECONDS = 10.0
"""The calls of an attempt are recorded this often. After a kill at most those of this time are missing."""
_OUTCOMES = "outcomes-"
SENT_AT_LAST = "sent-at-last.parquet"
_LOGGED_OUTCOMES = 50
_UNREACHED = (
    "An earlier task wrote this folder: if it was not removed, the worker on {} does not reach it, and "
    "SYNC_RUN__STAGING_PATH must name one folder or bucket that all workers reach. "
)


@dataclass(frozen=True)
class SyncRun:
    """One run of one pipeline, for its stages.

    `run_key` identifies the run and its clear number in the state store. `kept` is the folder for files that
    outlive the run (the last sent catalogue). A `backfill` triggers no workflows. A `dry_run` does everything
    except writing to the vendors; every run of a shop that is not `live` is one. `full_asked` means that the
    operator chose `mode=full`; a plan can be full without it. `installation` is the address of the Airflow
    that does the run, for messages.
    """

    pipeline: PipelineName
    run_key: str
    plan: RunPlan
    staging: Staging
    kept: Staging
    settings: Settings
    state: StateStore
    vtex: VtexClient
    connectif: ConnectifClient
    dry_run: bool = False
    live: bool = True
    backfill: bool = False
    full_asked: bool = False
    allow_mass_change: bool = False
    allow_empty: bool = False
    installation: str = ""
    now: Callable[[], datetime] = utc_now
    sleep: Callable[[float], None] = time.sleep


def run_stage(
    run: SyncRun, name: str, work: Callable[..., StageCounts], *, source: Staging | None = None
) -> Staging:
    """Do one stage in its own folder, write its counts there, and return the folder.

    `work` gets the run, the folder and, if the stage has a predecessor, that stage's folder as `source`.
    Files in its own folder are finished work of an earlier attempt of the same task. Both folders are checked
    first: StagingError if a file is missing or damaged. Calls and seconds of failed attempts are counted too,
    and those of killed attempts up to RECORD_SECONDS before the kill.
    A stage that writes to a vendor holds the shop's lease (`include/pipeline/lease.py`).
    """
    folder = run.staging.within(name)
    with explain_staging_errors(run.settings):
        if source:
            source.require_complete()
        folder.begin()
        with leased(run, name), _writing_only_if_asked(run):
            _work(run, name, folder, partial(work, source=source) if source else work)
        folder.complete()
    if run.plan.is_partial:
        _log_outcomes(folder)
    return folder


@contextmanager
def _writing_only_if_asked(run: SyncRun) -> Iterator[None]:
    """In a dry run, let both clients refuse to write, whatever the stage does."""
    with ExitStack() as exits:
        for client in (run.vtex, run.connectif) if run.dry_run else ():
            exits.enter_context(client.transport.reading_only())
        yield


@contextmanager
def explain_staging_errors(settings: Settings) -> Iterator[None]:
    """Add to a StagingError what to do, and how long staged files are kept.

    If a whole folder is missing that an earlier task announced, this machine may not reach it.
    """
    try:
        yield
    except StagingError as problem:
        unreached = _UNREACHED.format(gethostname()) if isinstance(problem, StagingFolderGone) else ""
        raise type(problem)(
            f"staged files: {problem}. {unreached}Clear the whole run, from its first task on: it writes "
            f"them again. Staged files are removed {settings.run.staging_retention_days} days after the "
            "start of their run (run.staging_retention_days), or when a person is erased"
        ) from None


def require_complete(settings: Settings, folders: Iterable[Any]) -> None:
    """StagingError if a folder that a task returned is incomplete (None: the task did not finish)."""
    with explain_staging_errors(settings):
        for folder in filter(None, folders):
            Staging(folder).require_complete()


def kept_in(base: Any) -> Staging:
    """The shop's folder for files that outlive runs, including the files of earlier versions."""
    return Staging(base / KEPT, unlisted=KEPT_BEFORE_MANIFESTS)


def _work(run: SyncRun, name: str, folder: Staging, work: Callable[..., StageCounts]) -> None:
    started, before = time.monotonic(), vendor_calls(run)
    if not folder.has(STARTED_AT):
        folder.write_json(STARTED_AT, {"at": run.now().isoformat()})
    log.info("%s, %s: %s", run.pipeline, name, run.plan.why)
    attempt = f"{_ATTEMPT}{len(folder.names(_ATTEMPT)) + 1:03}.json"

    def record_attempt() -> None:
        spent = StageCounts(
            calls={vendor: calls - before[vendor] for vendor, calls in vendor_calls(run).items()},
            seconds={name: round(time.monotonic() - started, 3)},
        )
        folder.write_json(attempt, spent.model_dump(mode="json"))

    with repeated(record_attempt, RECORD_SECONDS):
        counts = work(run, folder)
    folder.write_json(COUNTS, counts.model_dump(mode="json"))


def counts_of(folder: Staging) -> StageCounts:
    """The counts of a stage, with the calls and seconds of all attempts, also if the stage did not finish."""
    attempts = [StageCounts.model_validate(folder.read_json(name)) for name in folder.names(_ATTEMPT)]
    finished = [StageCounts.model_validate(folder.read_json(COUNTS))] if folder.has(COUNTS) else []
    return sum([*finished, *attempts], StageCounts())


def has_finished(folder: Staging) -> bool:
    """Whether the stage finished its work."""
    return folder.is_complete


def stage_started_at(folder: Staging) -> datetime:
    """When the first attempt of the stage started."""
    return datetime.fromisoformat(folder.read_json(STARTED_AT)["at"])


def keep_outcomes(folder: Staging, name: str, outcomes: pd.DataFrame) -> None:
    """Stage the outcomes of records that end in this stage (OUTCOME_COLUMNS), for report and state store."""
    if len(outcomes):
        folder.write_frame(f"{_OUTCOMES}{name}.parquet", outcomes)


def outcomes_in(folder: Staging) -> Iterable[pd.DataFrame]:
    """All frames that `keep_outcomes` staged in the folder."""
    return (folder.read_frame(name) for name in folder.names(_OUTCOMES))


def count_outcomes(counts: StageCounts, outcomes: pd.DataFrame) -> None:
    """Add a frame of outcomes to the counts, by reason."""
    for reason, number in outcomes["reason"].value_counts().items():
        counts.count(Reason(str(reason)), int(number))


def _log_outcomes(folder: Staging) -> None:
    lines = chain.from_iterable(v.itertuples(index=False, name=None) for v in outcomes_in(folder))
    for key, outcome, reason, detail in islice(lines, _LOGGED_OUTCOMES):
        log.info("%s is %s: %s%s", key, outcome, reason, f" ({detail})" if detail else "")


def vendor_calls(run: SyncRun) -> dict[Vendor, Calls]:
    """The number of calls that the clients of the run have made, by vendor."""
    return {
        "vtex": calls_of(run.vtex.transport.counter),
        "connectif": calls_of(run.connectif.transport.counter),
    }


def calls_of(counter: CallCounter) -> Calls:
    """The number of calls that a client has made."""
    return Calls(made=counter.calls, throttled=counter.throttled, retried=counter.repeated)
