"""Map the staged customers, choose one document per address, and write the files of both imports."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from include.contacts.documents import documents_frame
from include.contacts.erased import map_without_erased, note_erasures
from include.contacts.extract import COMPETING, PART
from include.contacts.mapping import latest_of_each, split_by_columns
from include.contacts.rules import contact_mapping, extra_fields_of
from include.http.calls import in_parallel
from include.outcomes import Drop, Outcome, Reason
from include.pipeline.csv_files import CsvFiles
from include.pipeline.erased_people import ErasedPeople
from include.pipeline.guards import Share, guard_against_mass_change
from include.pipeline.preview import SAMPLE
from include.pipeline.replay import keys_to_replay
from include.pipeline.run import SyncRun, count_outcomes, keep_outcomes, stage_started_at
from include.report import StageCounts
from include.staging import Staging
from include.values.mapped import outcome_rows_of
from include.values.wording import plural

log = logging.getLogger(__name__)

FILES = "files.json"
READ_SINCE = "read-since.json"
"""The start of the read of VTEX. The load needs it, also in a run whose load is cleared alone."""
MAPPED = "mapped-"
SAMPLE_ROWS = "sample.parquet"
"""The first rows to send, for the log and for the report of a dry run."""
OPEN = "open-"
"""Rows to send that an earlier run could not send: `id`, `_email`."""
_PARTS_AT_ONCE = 2
_RUNS_TO_CHECK = 30

Column = npt.NDArray[Any]
Keys = dict[str, Column]


def transform(run: SyncRun, target: Staging, *, source: Staging) -> StageCounts:
    """Staged documents → CSV files, and outcomes of the documents that are not sent.

    There are two passes over the parts. The first maps them and finds the latest document of each address;
    the second writes these. Between the passes memory holds only keys, 24 bytes per customer.
    """
    counts = StageCounts()
    note_erasures(run, target)
    keys, refused = _map_parts(run, source, target, counts)
    chosen, duplicates = _choose(keys, _hashed_replay_ids(run, source))
    sample, end = [pd.DataFrame({"id": []})], 0
    with (
        CsvFiles(target, "contacts", prefix="consent", override_existing=False) as consent,
        CsvFiles(target, "contacts") as contacts,
    ):
        for name in target.names(MAPPED):
            rows = target.read_frame(name)
            begin, end = end, end + len(rows)
            to_send = rows[chosen[begin:end]]
            _append(run, to_send, consent, contacts)
            sample.append(to_send.head(SAMPLE - sum(map(len, sample))))
            counts.named += int(to_send[["_name", "_surname"]].notna().any(axis=1).sum())
            _keep_open(run, target, name, to_send)
            _keep_duplicates(target, name, rows[duplicates[begin:end]], counts)
    guard_against_mass_change(run, _names_lost(run, counts.named, int(chosen.sum())))
    files = {"consent": consent.files, "contacts": contacts.files}
    log.info("wrote %s for Connectif", plural(len(consent.files) + len(contacts.files), "file"))
    target.write_json(FILES, {step: [file.to_json() for file in made] for step, made in files.items()})
    target.write_json(READ_SINCE, {"at": stage_started_at(source).isoformat()})
    target.write_frame(SAMPLE_ROWS, pd.concat([rows for rows in sample if len(rows)] or sample))
    keep_outcomes(target, "refused", refused)
    count_outcomes(counts, refused)
    counts.read = int(chosen.sum()) + counts.outcomes.total()
    return counts


def _names_lost(run: SyncRun, named: int, contacts: int) -> Iterator[Share]:
    """The share of contacts that lost their name, against the share of names in an earlier run."""
    before = _named_before(run)
    of = contacts if before is None else round(contacts * before)
    yield Share(
        of - named,
        of,
        "contacts" if before is None else "contacts that should have a name, as in the previous run",
        f"{of - named:,} have neither name nor surname",
        99.0 if before is None else run.settings.mass_change.names_lost_percent,
        run.settings.mass_change.minimum,
        "Check these customers in VTEX (Master Data), and check that the VTEX key may read their names.",
    )


def _named_before(run: SyncRun) -> float | None:
    """The share of contacts with a name in the last run with enough contacts; None without such a run."""
    for stored in run.state.reports.latest(run.pipeline, limit=_RUNS_TO_CHECK):
        counts = stored.report.counts
        contacts = counts.outcomes[Outcome.SENT] + counts.outcomes[Outcome.UNCHANGED]
        if contacts >= run.settings.mass_change.minimum and not stored.report.dry_run:
            return min(1.0, counts.named / contacts)
    return None


def _map_parts(
    run: SyncRun, source: Staging, target: Staging, counts: StageCounts
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Map and stage each part.

    Returns the keys of the rows that may be sent (hashes, no address), in the order of the parts, and the
    outcomes of the others.
    """
    keys, outcomes = [_keys(pd.DataFrame({"id": [], "_email": [], "changed": []}))], [outcome_rows_of([])]
    mapping = contact_mapping(run, extra_fields_of(run))
    erased = ErasedPeople(run.state)

    def map_part(part: tuple[int, str]) -> tuple[Keys, pd.DataFrame, Counter[Drop]]:
        number, name = part
        documents = documents_frame(source.read_table(name))
        mapped = map_without_erased(documents, mapping, erased)
        target.write_frame(f"{MAPPED}{number:05}.parquet", mapped.rows)
        return _keys(mapped.rows), mapped.outcomes, mapped.drops

    parts = enumerate(source.names(PART), start=1)
    for (_, name), (part_keys, part_outcomes, drops) in in_parallel(map_part, parts, workers=_PARTS_AT_ONCE):
        keys.append(part_keys)
        if not name.startswith(COMPETING):
            outcomes.append(part_outcomes)
            counts.drops += drops
    pa.default_memory_pool().release_unused()  # memory of the mapped parts, before the keys need memory
    all_keys = _concatenate(keys)
    # A document that changes during the reading may be read twice, once valid and once not. The valid one is
    # sent.
    refused = pd.concat(outcomes, ignore_index=True).drop_duplicates("key", ignore_index=True)
    invalid = pd.Series(_hashes(refused["key"]))
    also_valid = all_keys.loc[all_keys["id"].isin(invalid), "id"]  # isin builds a hash table of its argument
    return all_keys, refused[~invalid.isin(also_valid)]


def _keys(rows: pd.DataFrame) -> Keys:
    """Two 64-bit hashes and an instant for each row: a million rows take 24 MB."""
    return {
        "id": _hashes(rows["id"]),
        "_email": _hashes(rows["_email"]),
        "changed": rows["changed"].to_numpy(dtype="int64", copy=True),
    }


def _concatenate(parts: list[Keys]) -> pd.DataFrame:
    """Concatenate column by column and free the parts. A second copy of all keys would be the run's peak."""
    columns = {name: np.concatenate([part.pop(name) for part in parts]) for name in tuple(parts[0])}
    return pd.DataFrame(columns, copy=False)


def _hashes(values: pd.Series) -> Column:
    # Nearly all values are different, so `categorize` would take ten times as long.
    return pd.util.hash_array(values.to_numpy(dtype=object), categorize=False)


def _hashed_replay_ids(run: SyncRun, source: Staging) -> Column | None:
    """The hashed ids of a replay; None if the run is not a replay."""
    return _hashes(pd.Series(keys_to_replay(run, source), dtype="str")) if run.plan.replay else None


def _choose(keys: pd.DataFrame, replay_ids: Column | None) -> tuple[Column, Column]:
    """Masks of the rows to send, and of the duplicates of another document's address.

    Other rows do not belong to the run: older readings of a document that was read twice, and documents that
    a replay did not ask for.
    """
    newest_reading = latest_of_each(keys, "id")
    latest = latest_of_each(keys, "_email", among=newest_reading)
    in_run = newest_reading if replay_ids is None else newest_reading & keys["id"].isin(replay_ids)
    return (latest & in_run).to_numpy(), (in_run & ~latest).to_numpy()


def _append(run: SyncRun, rows: pd.DataFrame, consent: CsvFiles, contacts: CsvFiles) -> None:
    status = rows["consent"] if run.settings.contacts.consent_for_new_contacts == "vtex" else "none"
    consent.append(rows[["_email"]].assign(_newsletterSubscriptionStatus=status))
    for _, alike in split_by_columns(rows):
        contacts.append(alike)


def _keep_open(run: SyncRun, target: Staging, mapped: str, to_send: pd.DataFrame) -> None:
    if still_open := run.state.records.open_keys(run.pipeline, to_send["id"]):
        rows = to_send.loc[to_send["id"].isin(list(still_open)), ["id", "_email"]]
        target.write_frame(f"{OPEN}{mapped}", rows)


def _keep_duplicates(target: Staging, mapped: str, rows: pd.DataFrame, counts: StageCounts) -> None:
    outcomes = outcome_rows_of((key, Reason.DUPLICATE_EMAIL, "") for key in rows["id"])
    keep_outcomes(target, f"duplicates-{mapped.removesuffix('.parquet')}", outcomes)
    count_outcomes(counts, outcomes)
