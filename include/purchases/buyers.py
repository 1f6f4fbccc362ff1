"""Create the contacts of missing purchases by one import, instead of two calls for each."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from include.contacts.fields import ORDER_FIELDS
from include.pipeline.csv_files import CsvFiles
from include.pipeline.import_file import ImportFile
from include.pipeline.run import SyncRun
from include.purchases.import_ahead import WORTH_AN_IMPORT, import_ahead
from include.purchases.staged import PurchaseHead
from include.staging import Staging
from include.values.mapped import split_by_columns

_NAME = "buyers"
_COLUMNS = ("_email", "_newsletterSubscriptionStatus", *(target for target, _ in ORDER_FIELDS))


def ensure_buyers(run: SyncRun, journal: Staging, purchases: Iterable[PurchaseHead]) -> None:
    """Create the contacts that Connectif lacks, from their orders and with the explicit status `none`.

    Existing contacts stay as they are (`overrideExisting=false`). Guests have no document in VTEX, so the
    contact sync never sends them, and a purchase of an unknown contact costs four calls instead of one
    (E0101). If the import fails, the purchases cost those calls.
    """
    import_ahead(run, journal, _NAME, "_email", lambda: _stage_files(journal, purchases))


def _stage_files(folder: Staging, purchases: Iterable[PurchaseHead]) -> list[ImportFile]:
    buyers = {purchase.email: purchase.contact for purchase in purchases}
    if len(buyers) < WORTH_AN_IMPORT:
        return []
    rows = pd.DataFrame([{"_email": email, **contact} for email, contact in buyers.items()])
    rows = rows.reindex(columns=[column for column in _COLUMNS if column in rows.columns]).astype("str")
    with CsvFiles(folder, "contacts", prefix=_NAME, override_existing=False) as files:
        for _, group in split_by_columns(rows, list(rows.columns)):
            files.append(group)
    return files.files
