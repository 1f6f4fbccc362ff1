"""Contacts: all of VTEX's customer documents against Connectif's export, person by person."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta

import pandas as pd

from include.batching import in_batches
from include.errors import ContractError
from include.mapping.contacts import latest_of_each
from include.outcomes import Cause, Outcome
from include.report import Compared, StageCounts
from include.staging import Staging
from include.sync.contacts.documents import documents_frame
from include.sync.contacts.extract import PART, extract
from include.sync.contacts.mapping import contact_mapping
from include.sync.exports import exporter_of
from include.sync.reconcile.contact_match import (
    FIELDS,
    causes_by_time,
    columns_of,
    met,
    nanoseconds,
    of_people,
    side,
    titles_missing,
)
from include.sync.reconcile.differences import Judged, keep
from include.sync.run import SyncRun

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

    erased = of_people(going["person"], run.store.erased_people())
    judged = Judged()
    judged.same(int((~erased & there & (differing == "")).sum()))
    judged.there = int(there.sum() + alone.sum())
    judged.add_all(refused["key"], Cause.REJECTED, refused["reason"])
    judged.add_all(ours.loc[duplicates, "id"], Cause.DUPLICATE)
    judged.add_all(going.loc[erased & there, "id"], Cause.ERASED, "Connectif still has the contact")
    judged.add_all(going.loc[erased & ~there, "id"], Cause.ERASED)
    gone, other = ~erased & ~there, ~erased & there & (differing != "")
    _judge(run, judged, going[gone], differing[gone], Cause.GONE)
    _judge(run, judged, going[other], differing[other], Cause.DIFFERS)
    judged.add_all(theirs.loc[alone, "id"], Cause.ONLY_AT_CONNECTIF)
    documents = int(goes.sum() + duplicates.sum()) + len(refused)
    compared = Compared(
        at_vtex=documents,
        at_connectif=len(theirs),
        compared=documents + int(alone.sum()),
        same=judged.number_same,
        notes=notes,
    )
    keep(run, target, compared, judged.differences())
    return StageCounts()


def _ours(run: SyncRun, source: Staging) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The customers that may go, as a side, and the verdicts (`key`, `reason`) on the others.

    A document that was changed while it was read may come twice, once fit and once not: the fit one counts.
    """
    sides = [_side(run, pd.DataFrame({"id": [], "changed": [], "_email": []}))]
    refused = [pd.DataFrame({"key": [], "reason": []}, dtype="str")]
    mapping = contact_mapping(run)
    for name in source.names(PART):
        mapped = mapping(documents_frame(source.read_table(name)))
        sides.append(_side(run, mapped.rows[["id", "changed", "_email", *FIELDS]]))
        refused.append(mapped.verdicts[["key", "reason"]])
    ours = pd.concat(sides, ignore_index=True).astype({"id": "str", "changed": "int64"})
    verdicts = pd.concat(refused, ignore_index=True).drop_duplicates("key", ignore_index=True)
    return ours, verdicts[~verdicts["key"].isin(ours["id"])]


def _side(run: SyncRun, rows: pd.DataFrame) -> pd.DataFrame:
    return side(rows, person_of=run.store.hashed, hash_key=run.store.hashed("fields of contacts")[:16])


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


def _judge(run: SyncRun, judged: Judged, rows: pd.DataFrame, fields: pd.Series, otherwise: Cause) -> None:
    """Customers that are missing or different: refused, not taken by a run yet, or `otherwise`."""
    since = nanoseconds(run.now() - timedelta(days=run.settings.run.coverage_days))
    causes = pd.Series(
        causes_by_time(
            rows["changed"], run.store.covered(run.area), young_since_ns=since, otherwise=otherwise
        ),
        index=rows.index,
        dtype="str",
    )
    recorded = run.store.outcomes_of(run.area, rows["id"])
    refused = {
        key: ": ".join(filter(None, (str(last.reason or ""), last.detail)))
        for key, last in recorded.items()
        if last.outcome is Outcome.REJECTED
    }
    reasons = rows["id"].map(refused).astype("str")
    known = reasons.notna()
    judged.add_all(rows["id"], causes.mask(known, Cause.REJECTED.value), fields.mask(known, reasons))
