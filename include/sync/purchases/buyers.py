"""The contacts of missing purchases, made sure of by one import instead of two calls each."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import pandas as pd

from include.errors import StagingError, SyncError
from include.mapping.result import split_by_columns
from include.staging import Staging
from include.sync.csv_files import CsvFiles
from include.sync.import_file import ImportFile
from include.sync.imports import import_files
from include.sync.run import SyncRun

log = logging.getLogger(__name__)

BUYERS = "buyers.json"
# An import costs a call to send it and some to watch it; below so many purchases E0101 is the cheaper way.
_WORTH_AN_IMPORT = 10
_COLUMNS = ("_email", "_newsletterSubscriptionStatus", "_name", "_surname", "_mobilePhone")


def ensure_buyers(run: SyncRun, journal: Staging, purchases: Iterable[dict[str, Any]]) -> None:
    """Create those contacts that Connectif lacks, with what their orders know and the explicit status `none`.

    Contacts that exist are left alone (`overrideExisting=false`). Guests have no document that the contact
    sync could have sent, and a purchase of an unknown contact costs four calls instead of one (E0101). If
    the import does not work, that is what happens.
    """
    if journal.has(BUYERS):
        return
    buyers = {purchase["body"]["contactEmail"]: purchase["contact"] for purchase in purchases}
    if len(buyers) >= _WORTH_AN_IMPORT:
        try:
            not_taken, _ = import_files(
                run,
                _files(journal, buyers),
                folder=journal,
                journal=journal,
                key_column="_email",
                searches_rows=False,
            )
            log.info("contacts of %s purchases: %s not taken by the import", len(buyers), len(not_taken))
        except StagingError:
            raise
        except SyncError as error:
            log.warning("%s. Contacts that are missing are created one by one", error)
    journal.write_json(BUYERS, {"contacts": len(buyers)})


def _files(folder: Staging, buyers: dict[str, dict[str, Any]]) -> list[ImportFile]:
    rows = pd.DataFrame([{"_email": email, **contact} for email, contact in buyers.items()])
    rows = rows.reindex(columns=[column for column in _COLUMNS if column in rows.columns]).astype("str")
    with CsvFiles(folder, "contacts", prefix="buyers", override_existing=False) as files:
        for _, alike in split_by_columns(rows, list(rows.columns)):
            files.append(alike)
    return files.files
