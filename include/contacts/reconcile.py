"""Compare contacts: all customer documents of VTEX with Connectif's export, person by person."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta

import pandas as pd

from include.batching import in_batches
from include.contacts.documents import documents_frame
from include.contacts.extract import PART, extract
from include.contacts.fields import COMPARED_COLUMNS
from include.contacts.mapping import latest_of_each
from include.contacts.reconcile_match import (
    causes_by_time,
    columns_of,
    match_hashes,
    match_people,
    missing_columns,
    nanoseconds,
    side,
)
from include.contacts.rules import contact_mapping
from include.errors import ContractError
from include.outcomes import Cause, Outcome
from include.pipeline.differences import ComparedRecords, keep_differences
from include.pipeline.exports import exporter_of
from include.pipeline.run import SyncRun
from include.report import Compared, StageCounts
from include.staging import Staging

log = logging.getLogger(__name__)

_CONNECTIF = "connectif-"
_COLUMNS = "columns.json"
_AT_ONCE = 20_000


def compare(run: SyncRun, target: Staging) -> StageCounts:
    """Compare all contacts and stage the differences. It writes nothing else.

    Memory holds only hashes and ids. Contacts that only Connectif has are counted and left alone.
    """
    extracted = target.within("extract")
    extracted.begin()
    extract(run, extracted)
    customers, refused = _vtex_side(run, extracted)
    is_chosen, duplicates = _choose(customers)
    chosen = customers[is_chosen]
    contacts, columns, notes = _connectif_side(run, target)
    fields = [column for column in COMPARED_COLUMNS if column in columns]
    there, differing, unmatched = match_people(chosen, contacts, fields)

    erased = match_hashes(chosen["person"], run.state.erasure.erased_people())
    compared_records = ComparedRecords()
    compared_records.add_same(int((~erased & there & (differing == "")).sum()))
    compared_records.there = int(there.sum() + unmatched.sum())
    compared_records.add_all(refused["key"], Cause.REJECTED, refused["reason"])
    compared_records.add_all(customers.loc[duplicates, "id"], Cause.DUPLICATE)
    compared_records.add_all(
        chosen.loc[erased & there, "id"], Cause.ERASED, "Connectif still has the contact"
    )
    compared_records.add_all(chosen.loc[erased & ~there, "id"], Cause.ERASED)
    gone, differs = ~erased & ~there, ~erased & there & (differing != "")
    _classify(run, compared_records, chosen[gone], differing[gone], Cause.GONE)
    _classify(run, compared_records, chosen[differs], differing[differs], Cause.DIFFERS)
    compared_records.add_all(contacts.loc[unmatched, "id"], Cause.ONLY_AT_CONNECTIF)
    documents = int(is_chosen.sum() + duplicates.sum()) + len(refused)
    compared = Compared(
        at_vtex=documents,
        at_connectif=len(contacts),
        compared=documents + int(unmatched.sum()),
        same=compared_records.number_same,
        notes=notes,
    )
    keep_differences(run, target, compared, compared_records.differences())
    return StageCounts()


def _vtex_side(run: SyncRun, source: Staging) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The customers that the sync may send, as a side; and the outcomes (`key`, `reason`) of the others.

    A document that changes during the reading may be read twice, once valid and once not. The valid one
    counts.
    """
    sides = [_side(run, pd.DataFrame({"id": [], "changed": [], "_email": []}))]
    refused = [pd.DataFrame({"key": [], "reason": []}, dtype="str")]
    mapping = contact_mapping(run)
    for name in source.names(PART):
        mapped = mapping(documents_frame(source.read_table(name)))
        sides.append(_side(run, mapped.rows[["id", "changed", "_email", *COMPARED_COLUMNS]]))
        refused.append(mapped.outcomes[["key", "reason"]])
    customers = pd.concat(sides, ignore_index=True).astype({"id": "str", "changed": "int64"})
    outcomes = pd.concat(refused, ignore_index=True).drop_duplicates("key", ignore_index=True)
    return customers, outcomes[~outcomes["key"].isin(customers["id"])]


def _side(run: SyncRun, rows: pd.DataFrame) -> pd.DataFrame:
    return side(rows, person_of=run.state.hashed, hash_key=run.state.hashed("fields of contacts")[:16])


def _choose(customers: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Masks of the rows that the sync would send, and of the duplicates of another document's address."""
    keys = pd.DataFrame(
        {
            "id": pd.util.hash_array(customers["id"].to_numpy(dtype=object)),
            "_email": customers["person"],
            "changed": customers["changed"],
        }
    )
    newest_reading = latest_of_each(keys, "id")
    is_chosen = latest_of_each(keys, "_email", among=newest_reading)
    return is_chosen, newest_reading & ~is_chosen


def _connectif_side(run: SyncRun, target: Staging) -> tuple[pd.DataFrame, dict[str, str], list[str]]:
    """Connectif's contacts as a side, the columns of the export, and notes on what is not compared."""
    if not target.has(_COLUMNS):
        columns: dict[str, str] = {}
        rows = exporter_of(run, target).contacts()
        for number, some in enumerate(in_batches(rows, _AT_ONCE), start=1):
            columns = columns_of(list(some[0]))
            target.write_frame(f"{_CONNECTIF}{number:05}.parquet", _side(run, _renamed(some, columns)))
        target.write_json(_COLUMNS, columns)
    columns = target.read_json(_COLUMNS)
    none = _side(run, pd.DataFrame({"id": [], "_email": []}))
    parts = [target.read_frame(name) for name in target.names(_CONNECTIF)]
    contacts = pd.concat([none, *parts], ignore_index=True).astype({"id": "str"})
    unique = contacts.drop_duplicates("person", ignore_index=True)
    missing = missing_columns(columns) if parts else []
    return unique, columns, list(_notes(len(contacts) - len(unique), missing))


def _renamed(rows: list[dict[str, str]], columns: dict[str, str]) -> pd.DataFrame:
    """The compared columns, under our names. Contacts without an address are left out."""
    if "_email" not in columns:
        raise ContractError("Connectif: the export of contacts has no column for the e-mail address")
    wanted = {target: [row[title] for row in rows] for target, title in columns.items()}
    frame = pd.DataFrame({"id": [""] * len(rows), **wanted}, dtype="str")
    return frame[frame["_email"].str.strip() != ""]


def _notes(twice: int, missing: list[str]) -> Iterator[str]:
    yield "the shop's extra fields and newsletter statuses are not compared"
    if twice:
        yield f"{twice:,} contacts of Connectif have the address of another contact in other letter case"
    if missing:
        yield f"the export has no column for {', '.join(missing)}: not compared"


def _classify(
    run: SyncRun, compared_records: ComparedRecords, rows: pd.DataFrame, fields: pd.Series, otherwise: Cause
) -> None:
    """Customers that are missing or different: rejected, not covered by a run yet, or `otherwise`."""
    since = nanoseconds(run.now() - timedelta(days=run.settings.run.coverage_days))
    causes = pd.Series(
        causes_by_time(
            rows["changed"],
            run.state.progress.covered(run.pipeline),
            young_since_ns=since,
            otherwise=otherwise,
        ),
        index=rows.index,
        dtype="str",
    )
    recorded = run.state.records.outcomes_of(run.pipeline, rows["id"])
    refused = {
        key: ": ".join(filter(None, (str(last.reason or ""), last.detail)))
        for key, last in recorded.items()
        if last.outcome is Outcome.REJECTED
    }
    reasons = rows["id"].map(refused).astype("str")
    known = reasons.notna()
    compared_records.add_all(
        rows["id"], causes.mask(known, Cause.REJECTED.value), fields.mask(known, reasons)
    )
