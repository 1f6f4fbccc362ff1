"""Import the catalogue, and keep the sent rows for comparison in the next run."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import islice

import pandas as pd

from include.outcomes import Outcome, Reason
from include.pipeline.import_file import ImportFile
from include.pipeline.imports import import_files
from include.pipeline.preview import SAMPLE, format_public, log_sample
from include.pipeline.replay import UNNAMED, keep_sent_replays, texts_of
from include.pipeline.run import SyncRun, count_outcomes, keep_outcomes
from include.products.sent_catalogue import keep_catalogue, last_file, last_rows
from include.products.snapshot import next_snapshot
from include.products.transform import FILES, ROWS, WITHDRAWN
from include.report import StageCounts
from include.staging import Staging
from include.values.mapped import outcome_rows_of
from include.values.wording import plural

log = logging.getLogger(__name__)


def load(run: SyncRun, target: Staging, *, source: Staging) -> StageCounts:
    """Import the files of `transform`.

    Rows that Connectif refuses become `target_rejected`. Rows that it does not account for become
    `target_unconfirmed`. The snapshot is replaced after all imports have ended, without the rows that
    Connectif did not take.
    """
    last_file(run)  # the end of the load needs it: if it is lost or damaged, the run stops here
    files = [ImportFile(**file) for file in source.read_json(FILES)]
    counts, rows = StageCounts(), sum(file.rows for file in files)
    if run.dry_run or run.plan.is_partial:
        log_sample(log, map(format_public, _rows(source)), dry_run=run.dry_run)
    if run.dry_run:
        counts.would_send += (row["productId"] for row in islice(_rows(source), SAMPLE))
        log.info("dry run: %s in %s would be sent", plural(rows, "product"), plural(len(files), "file"))
        counts.count(Outcome.SENT, rows)
        return counts
    not_taken, doubtful = import_files(run, files, folder=source, journal=target, key_column="productId")
    outcomes = outcome_rows_of(
        (key or f"{UNNAMED}{number}", Reason(reason), detail)
        for number, (key, reason, detail, _) in enumerate(not_taken.itertuples(index=False, name=None))
    )
    keep_outcomes(target, "refused", outcomes)
    run.state.vendor_texts.keep(run.pipeline, texts_of(outcomes["key"], not_taken["private"]))
    count_outcomes(counts, outcomes)
    counts.written = rows - len(not_taken)
    counts.count(Outcome.SENT, counts.written)
    named = set(not_taken["key"])
    keep_sent_replays(run, target, _sent_keys(source, named | doubtful))
    # A doubtful row stays in the snapshot for comparison, but a doubtful withdrawal is sent again.
    rows_taken = _accepted_rows(source, ROWS, named)
    withdrawals = _accepted_rows(source, WITHDRAWN, named | doubtful)
    id_source = run.settings.products.product_id_source
    keep_catalogue(run, next_snapshot(last_rows(run), rows_taken, withdrawals, id_source))
    return counts


def _rows(source: Staging) -> Iterator[dict[str, str]]:
    for name in source.names(ROWS):
        yield from ({str(k): v for k, v in row.items()} for row in source.read_frame(name).to_dict("records"))


def _sent_keys(source: Staging, refused: set[str]) -> Iterator[str]:
    for name in [*source.names(ROWS), *source.names(WITHDRAWN)]:
        yield from (key for key in source.read_frame(name, ["productId"])["productId"] if key not in refused)


def _accepted_rows(source: Staging, prefix: str, refused: set[str]) -> Iterator[pd.DataFrame]:
    """The staged rows that Connectif took."""
    for name in source.names(prefix):
        rows = source.read_frame(name)
        yield rows[~rows["productId"].isin(refused)]
