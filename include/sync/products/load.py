"""Import the catalogue, and keep what was sent as the next run's yardstick."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pandas as pd

from include.mapping.result import verdicts_of
from include.mapping.snapshot import next_snapshot
from include.outcomes import Outcome, Reason
from include.report import StageCounts
from include.staging import Staging
from include.sync.import_file import ImportFile
from include.sync.imports import import_files
from include.sync.preview import log_sample, plain
from include.sync.products.catalogue import keep_catalogue, last_file, last_rows
from include.sync.products.transform import FILES, ROWS, WITHDRAWN
from include.sync.replay import UNNAMED, keep_sent_at_last, texts_of
from include.sync.run import SyncRun, count_verdicts, keep_verdicts

log = logging.getLogger(__name__)


def load(run: SyncRun, target: Staging, *, source: Staging) -> StageCounts:
    """Import the files of `transform`; rows that Connectif refuses become `target_rejected`, those that it
    does not account for `target_unconfirmed`.

    The snapshot is replaced only after all imports have finished, without the rows that were not taken.
    """
    last_file(run)  # needed when all is sent: one that is gone or damaged stops the run before that
    files = [ImportFile(**file) for file in source.read_json(FILES)]
    counts, rows = StageCounts(), sum(file.rows for file in files)
    if run.dry_run or run.plan.is_partial:
        log_sample(log, "would go" if run.dry_run else "goes", map(plain, _rows(source)))
    if run.dry_run:
        log.info("dry run: %s products in %s files would be sent", f"{rows:,}", len(files))
        counts.count(Outcome.SENT, rows)
        return counts
    not_taken, doubtful = import_files(run, files, folder=source, journal=target, key_column="productId")
    verdicts = verdicts_of(
        (key or f"{UNNAMED}{number}", Reason(reason), detail)
        for number, (key, reason, detail, _) in enumerate(not_taken.itertuples(index=False, name=None))
    )
    keep_verdicts(target, "refused", verdicts)
    run.store.keep_vendor_texts(run.area, texts_of(verdicts["key"], not_taken["private"]))
    count_verdicts(counts, verdicts)
    counts.written = rows - len(not_taken)
    counts.count(Outcome.SENT, counts.written)
    named = set(not_taken["key"])
    keep_sent_at_last(run, target, _sent(source, named | doubtful))
    # A product that perhaps was not taken stays the next run's yardstick; its goodbye is said again.
    rows_taken = _taken(source, ROWS, named)
    goodbyes = _taken(source, WITHDRAWN, named | doubtful)
    id_source = run.settings.products.product_id_source
    keep_catalogue(run, next_snapshot(last_rows(run), rows_taken, goodbyes, id_source))
    return counts


def _rows(source: Staging) -> Iterator[dict[str, str]]:
    for name in source.names(ROWS):
        yield from ({str(k): v for k, v in row.items()} for row in source.read_frame(name).to_dict("records"))


def _sent(source: Staging, refused: set[str]) -> Iterator[str]:
    for name in [*source.names(ROWS), *source.names(WITHDRAWN)]:
        yield from (key for key in source.read_frame(name, ["productId"])["productId"] if key not in refused)


def _taken(source: Staging, prefix: str, refused: set[str]) -> Iterator[pd.DataFrame]:
    """The staged rows that Connectif took."""
    for name in source.names(prefix):
        rows = source.read_frame(name)
        yield rows[~rows["productId"].isin(refused)]
