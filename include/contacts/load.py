"""Import the staged files: first the consent import, to its end, then the contacts."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from functools import partial

import pandas as pd

from include.contacts.fields import OUR_COLUMNS
from include.contacts.row_filter import RowFilter
from include.contacts.transform import FILES, MAPPED, OPEN, SAMPLE_ROWS
from include.outcomes import Outcome, Reason
from include.pipeline.import_file import ImportFile
from include.pipeline.imports import ImportResult, import_files
from include.pipeline.preview import format_personal, log_sample
from include.pipeline.replay import UNNAMED, keep_sent_replays, texts_of
from include.pipeline.run import SyncRun, count_outcomes, keep_outcomes, outcomes_in
from include.report import StageCounts
from include.staging import Staging
from include.values.mapped import outcome_rows_of
from include.values.wording import plural

log = logging.getLogger(__name__)


def load(run: SyncRun, target: Staging, *, source: Staging) -> StageCounts:
    """Import the files of `transform`.

    Rows that Connectif refuses become `target_rejected`. Rows that it does not account for become
    `target_unconfirmed`.

    The consent import creates the contacts that Connectif does not have, with an explicit newsletter status.
    It must end before the second import begins: a contact created by the second import would get the
    account's default status. For the same reason, the second import leaves out each address that the consent
    import refused or may have lost.
    """
    staged = {step: [ImportFile(**file) for file in files] for step, files in source.read_json(FILES).items()}
    counts = StageCounts()
    row_filter, rows = RowFilter(run, source, target), sum(file.rows for file in staged["contacts"])
    if run.dry_run or run.plan.is_partial:
        log_sample(log, _describe(source), dry_run=run.dry_run)
    if run.dry_run:
        counts.would_send += map(str, source.read_frame(SAMPLE_ROWS, ["id"])["id"])
        rows -= _count_erased(counts, source, target, row_filter)
        files = plural(len(staged["contacts"]), "file")
        log.info("dry run: %s in %s would be sent", plural(rows, "contact"), files)
        counts.count(Outcome.SENT, rows)
        return counts
    import_step = partial(
        import_files, run, folder=source, journal=target, key_column="_email", file_filter=row_filter.to_send
    )
    consent = import_step(staged["consent"])
    row_filter.refused.update(consent.not_taken["key"], consent.doubtful)
    contacts = import_step(staged["contacts"])
    rows -= _count_erased(counts, source, target, row_filter)
    not_taken = pd.concat([_refused_consent(consent), contacts.not_taken], ignore_index=True)
    not_taken = not_taken[~not_taken["key"].isin(row_filter.erased)].reset_index(drop=True)
    outcomes = _outcomes(source, not_taken)
    keep_outcomes(target, "refused", outcomes)
    run.state.vendor_texts.keep(run.pipeline, texts_of(outcomes["key"], not_taken["private"]))
    unsent = {*row_filter.erased, *not_taken["key"], *contacts.doubtful}
    keep_sent_replays(run, target, _sent_at_last(source, unsent))
    count_outcomes(counts, outcomes)
    counts.written = rows - len(not_taken)
    counts.count(Outcome.SENT, counts.written)
    return counts


def _refused_consent(consent: ImportResult) -> pd.DataFrame:
    """The rows that the consent import refused, and the rows that it may have lost."""
    named = consent.not_taken[consent.not_taken["key"] != ""]
    reason, detail = Reason.TARGET_UNCONFIRMED.value, "the consent import did not confirm this row"
    doubtful = pd.DataFrame(
        {"key": sorted(consent.doubtful), "reason": reason, "detail": detail, "private": ""}, dtype="str"
    )
    return pd.concat([named, doubtful], ignore_index=True)


def _describe(source: Staging) -> Iterator[str]:
    """The first customers to send: their document ids, and their values masked."""
    for row in source.read_frame(SAMPLE_ROWS).to_dict("records"):
        values = {str(name): value for name, value in row.items() if name not in OUR_COLUMNS}
        yield f"customer {row['id']}: {format_personal(values)}"


def _count_erased(counts: StageCounts, source: Staging, target: Staging, row_filter: RowFilter) -> int:
    """Count the people whose rows were removed as erased, stage their outcomes, and return their number."""
    documents = _documents_of(source, row_filter.erased).values()
    keep_outcomes(target, "erased", outcome_rows_of((key, Reason.ERASED, "") for key in documents))
    counts.count(Reason.ERASED, len(documents))
    return len(documents)


def _sent_at_last(source: Staging, unsent: Collection[str]) -> Iterator[str]:
    for name in source.names(OPEN):
        rows = source.read_frame(name)
        yield from rows.loc[~rows["_email"].isin(unsent), "id"]


def _outcomes(source: Staging, not_taken: pd.DataFrame) -> pd.DataFrame:
    """Addresses that were not taken → outcomes of their documents, in the same order."""
    documents = _documents_of(source, set(not_taken["key"]))
    rows = zip(not_taken["key"], not_taken["reason"], not_taken["detail"], strict=True)
    return outcome_rows_of(
        (documents.get(email) or f"{UNNAMED}{number}", Reason(reason), detail)
        for number, (email, reason, detail) in enumerate(rows)
    )


def _documents_of(source: Staging, emails: Collection[str]) -> dict[str, str]:
    """Address → id of the document that was sent for it."""
    rows = _rows_of(source, emails, ["id", "_email"])
    return dict(zip(rows["_email"], rows["id"], strict=True))


def _rows_of(source: Staging, emails: Collection[str], columns: list[str] | None = None) -> pd.DataFrame:
    """The mapped row that was sent for each of the addresses: the row without an outcome so far."""
    if not emails:
        return pd.DataFrame(columns=["id", "_email"])
    pieces = (source.read_frame(name, columns) for name in source.names(MAPPED))
    rows = pd.concat([rows[rows["_email"].isin(emails)] for rows in pieces], ignore_index=True)
    for outcomes in outcomes_in(source):
        rows = rows[~rows["id"].isin(outcomes["key"])]
    return rows
