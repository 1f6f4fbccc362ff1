"""An import before the posts: it creates the contacts or products that purchases need (E0101, E0102)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from include.errors import InfrastructureError, StagingError, SyncError
from include.pipeline.import_file import ImportFile
from include.pipeline.imports import import_files
from include.pipeline.run import SyncRun
from include.staging import Staging

log = logging.getLogger(__name__)

WORTH_AN_IMPORT = 10
"""An import costs some calls to send and watch it. For fewer posts, E0101 and E0102 cost less."""


def import_ahead(
    run: SyncRun, journal: Staging, name: str, key_column: str, stage_files: Callable[[], list[ImportFile]]
) -> None:
    """Import the files that `stage_files` stages in `journal`, once a run; a retry uses the same files.

    Errors only cost calls: the missing records are then created for each purchase that Connectif refuses.
    """
    done = f"{name}.json"
    if journal.has(done):
        return
    files: Sequence[ImportFile] = ()
    try:
        files = _staged_files(journal, f"{name}-files.json", stage_files)
        if files:
            not_taken, _ = import_files(
                run, files, folder=journal, journal=journal, key_column=key_column, searches_rows=False
            )
            log.info(
                "%s: imported before the purchases, Connectif did not take %s rows",
                name,
                f"{len(not_taken):,}",
            )
    except (StagingError, InfrastructureError):
        raise
    except SyncError as error:
        log.warning("%s. Missing records are created for each refused purchase (E0101, E0102)", error)
    journal.write_json(done, {"rows": sum(file.rows for file in files)})


def _staged_files(
    journal: Staging, name: str, stage_files: Callable[[], list[ImportFile]]
) -> list[ImportFile]:
    if not journal.has(name):
        journal.write_json(name, [file.to_json() for file in stage_files()])
    return [ImportFile(**file) for file in journal.read_json(name)]
