"""The contacts of missing purchases, made sure of by one import instead of two calls each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from include.contacts.fields import ORDER_FIELDS
from include.pipeline.csv_files import CsvFiles
from include.pipeline.import_file import ImportFile
from include.pipeline.run import SyncRun
from include.purchases.import_ahead import WORTH_AN_IMPORT, import_ahead
from include.staging import Staging
from include.values.mapped import split_by_columns

_NAME = "buyers"
_COLUMNS = ("_email", "_newsletterSubscriptionStatus", *(target for target, _ in ORDER_FIELDS))


def ensure_buyers(run: SyncRun, journal: Staging, purchases: Iterable[dict[str, Any]]) -> None:
    """Create those contacts that Connectif lacks, with what their orders know and the explicit status `none`.

    Contacts that exist are left alone (`overrideExisting=false`). Guests have no document that the contact
    sync could have sent, and a purchase of an unknown contact costs four calls instead of one (E0101). If
    the import does not work, that is what happens.
    """
    import_ahead(run, journal, _NAME, "_email", lambda: _files(journal, purchases))


def _files(folder: Staging, purchases: Iterable[dict[str, Any]]) -> list[ImportFile]:
    buyers = {purchase["body"]["contactEmail"]: purchase["contact"] for purchase in purchases}
    if len(buyers) < WORTH_AN_IMPORT:
        return []
    rows = pd.DataFrame([{"_email": email, **contact} for email, contact in buyers.items()])
    rows = rows.reindex(columns=[column for column in _COLUMNS if column in rows.columns]).astype("str")
    with CsvFiles(folder, "contacts", prefix=_NAME, override_existing=False) as files:
        for _, alike in split_by_columns(rows, list(rows.columns)):
            files.append(alike)
    return files.files
