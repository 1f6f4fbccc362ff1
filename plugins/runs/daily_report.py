"""The last task of a daily run: report, outcomes, coverage, and the removal of what is old."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import ObjectStoragePath

from include.pipeline.finish import finish
from include.pipeline.run import require_complete
from include.pipeline.staging_retention import remove_old
from include.staging import Staging
from plugins.runs.open_run import staging_base
from plugins.runs.run_key import run_identity
from plugins.runs.run_signals import announce
from plugins.runs.sync_run import sync_run

if TYPE_CHECKING:
    from include.outcomes import PipelineName

STAGES = ("extract", "transform", "load")


def report_run(pipeline: PipelineName, *references: ObjectStoragePath | None) -> str:
    """Report on the stages, given by the folders that their tasks returned (None: it did not finish).

    Returns the summary line. Raises UnsafeChange when the run must not pass.
    """
    known = next((reference for reference in references if reference), None)
    with sync_run(pipeline, after=known) as sync:
        require_complete(sync.settings, references)
        folders = {
            name: Staging(reference) if reference else sync.staging.within(name)
            for name, reference in zip(STAGES, references, strict=True)
        }
        try:
            return finish(sync, run_identity(), folders, announce).summary_line()
        finally:
            remove_old(sync.state, staging_base(sync.settings), sync.settings, sync.now())
