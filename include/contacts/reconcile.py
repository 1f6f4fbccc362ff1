"""Contacts: all of VTEX's customer documents against Connectif's export, person by person."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta

import pandas as pd

from include.batching import in_batches
from include.contacts.documents import documents_frame
from include.contacts.extract import PART, extract
from include.contacts.mapping import latest_of_each
from include.contacts.reconcile_advice import ADVICE
from include.contacts.reconcile_match import (
    FIELDS,
    causes_by_time,
    columns_of,
    met,
    nanoseconds,
    of_people,
    side,
    titles_missing,
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

_THEIRS = "theirs-"
_COLUMNS = "columns.json"
_AT_ONCE = 20_000


def compare(run: SyncRun, target: Staging) -> StageCounts:
    """Compare all contacts, and stage what differs; nothing is written anywhere else.

    In memory are hashes and ids only. What only Connectif has is counted and left alone.
    """
    extracted = target.within("extract")
    extracted.begin()
    extract(run, extracted)
    ours, refused = _ours(run, extracted)
    goes, duplicates = _chosen(ours)
    going = ours[goes]
    theirs, columns, notes = _theirs(run, target)
    there, differing, alone = met(going, theirs, [field for field in FIELDS if field in columns])

    erased = of_people(going["person"], run.state.erased_people())
    compared_records = ComparedRecords()
    compared_records.add_same(int((~erased & there & (differing == "")).sum()))
    compared_records.there = int(there.sum() + alone.sum())
    compared_records.add_all(refused["key"], Cause.REJECTED, refused["reason"])
    compared_records.add_all(ours.loc[duplicates, "id"], Cause.DUPLICATE)
    compared_records.add_all(going.loc[erased & there, "id"], Cause.ERASED, "Connectif still has the contact")
    compared_records.add_all(going.loc[erased & ~there, "id"], Cause.ERASED)
    gone, other = ~erased & ~there, ~erased & there & (differing != "")
    _classify(run, compared_records, going[gone], differing[gone], Cause.GONE)
    _classify(run, compared_records, going[other], differing[other], Cause.DIFFERS)
    compared_records.add_all(theirs.loc[alone, "id"], Cause.ONLY_AT_CONNECTIF)
    documents = int(goes.sum() + duplicates.sum()) + len(refused)
    compared = Compared(
        at_vtex=documents,
        at_connectif=len(theirs),
        compared=documents + int(alone.sum()),
        same=compared_records.number_same,
        notes=notes,
    )
    keep_differences(run, target, compared, compared_records.differences(), ADVICE)
    return StageCounts()


def _ours(run: SyncRun, source: Staging) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The customers that may go, as a side, and the outcomes (`key`, `reason`) on the others.

    A document that was changed while it was read may come twice, once fit and once not: the fit one counts.
    """
    sides = [_side(run, pd.DataFrame({"id": [], "changed": [], "_email": []}))]
    refused = [pd.DataFrame({"key": [], "reason": []}, dtype="str")]
    mapping = contact_mapping(run)
    for name in source.names(PART):
        mapped = mapping(documents_frame(source.read_table(name)))
        sides.append(_side(run, mapped.rows[["id", "changed", "_email", *FIELDS]]))
        refused.append(mapped.outcomes[["key", "reason"]])
    ours = pd.concat(sides, ignore_index=True).astype({"id": "str", "changed": "int64"})
    outcomes = pd.concat(refused, ignore_index=True).drop_duplicates("key", ignore_index=True)
    return ours, outcomes[~outcomes["key"].isin(ours["id"])]


def _side(run: SyncRun, rows: pd.DataFrame) -> pd.DataFrame:
    return side(rows, person_of=run.state.hashed, hash_key=run.state.hashed("fields of contacts")[:16])


def _chosen(ours: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Which rows the sync would send, and which are duplicates of another document's e-mail."""
    keys = pd.DataFrame(
        {
            "id": pd.util.hash_array(ours["id"].to_numpy(dtype=object)),
            "_email": ours["person"],
            "changed": ours["changed"],
        }
    )
    newest_reading = latest_of_each(keys, "id")
    goes = latest_of_each(keys, "_email", among=newest_reading)
    return goes, newest_reading & ~goes


def _theirs(run: SyncRun, target: Staging) -> tuple[pd.DataFrame, dict[str, str], list[str]]:
    """Connectif's contacts as a side, the columns that were found, and notes on what was left out."""
    if not target.has(_COLUMNS):
        columns: dict[str, str] = {}
        rows = exporter_of(run, target).contacts()
        for number, some in enumerate(in_batches(rows, _AT_ONCE), start=1):
            columns = columns_of(list(some[0]))
            target.write_frame(f"{_THEIRS}{number:05}.parquet", _side(run, _renamed(some, columns)))
        target.write_json(_COLUMNS, columns)
    columns = target.read_json(_COLUMNS)
    none = _side(run, pd.DataFrame({"id": [], "_email": []}))
    parts = [target.read_frame(name) for name in target.names(_THEIRS)]
    theirs = pd.concat([none, *parts], ignore_index=True).astype({"id": "str"})
    unique = theirs.drop_duplicates("person", ignore_index=True)
    return unique, columns, list(_notes(len(theirs) - len(unique), titles_missing(columns) if parts else []))


def _renamed(rows: list[dict[str, str]], columns: dict[str, str]) -> pd.DataFrame:
    """The columns that are compared, under our names; contacts without an address are nobody we know."""
    if "_email" not in columns:
        raise ContractError("Connectif: an export of contacts without a column for the e-mail address")
    wanted = {ours: [row[theirs] for row in rows] for ours, theirs in columns.items()}
    frame = pd.DataFrame({"id": [""] * len(rows), **wanted}, dtype="str")
    return frame[frame["_email"].str.strip() != ""]


def _notes(twice: int, missing: list[str]) -> Iterator[str]:
    yield "the shop's extra fields and newsletter statuses are not compared"
    if twice:
        yield f"{twice:,} contacts of Connectif share an address with another one, but for its letter case"
    if missing:
        yield f"the export has no column for {', '.join(missing)}: not compared"


def _classify(
    run: SyncRun, compared_records: ComparedRecords, rows: pd.DataFrame, fields: pd.Series, otherwise: Cause
) -> None:
    """Customers that are missing or different: refused, not taken by a run yet, or `otherwise`."""
    since = nanoseconds(run.now() - timedelta(days=run.settings.run.coverage_days))
    causes = pd.Series(
        causes_by_time(
            rows["changed"], run.state.covered(run.pipeline), young_since_ns=since, otherwise=otherwise
        ),
        index=rows.index,
        dtype="str",
    )
    recorded = run.state.outcomes_of(run.pipeline, rows["id"])
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
