"""The differences that the last comparison found, for the status page and for the download of a cause."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from include.errors import StagingError
from include.outcomes import Cause, Kind, PipelineName
from include.page.csv_download import Row
from include.pipeline.differences import DIFFERENCE_COLUMNS, LIST
from include.pipelines import DAILY_PIPELINES
from include.report import Report
from include.staging import Staging
from include.state import StoredReport

CAUSE_COLUMNS = ("pipeline", "cause", "key", "detail", "expected", "meaning", "what to do")
_EXAMPLES = 5
_BATCH = 5_000
_NOT_AT_VTEX = frozenset({Cause.ONLY_AT_CONNECTIF, Cause.UNKNOWN_AT_VTEX})
"""The keys of these causes are Connectif's, so nothing at VTEX can be explained."""


class CauseRow(NamedTuple):
    """How many records of a pipeline differ for one cause, and some of their keys.

    `kind` is the kind of the records if the keys can be explained, else None.
    """

    pipeline: PipelineName
    cause: Cause
    records: int
    examples: tuple[str, ...]
    kind: Kind | None


def differences_of(last: StoredReport | None) -> list[CauseRow]:
    """The causes in a report of `reconcile`: those to look at first, then the most frequent first."""
    if last is None:
        return []
    rows = [
        CauseRow(name, cause, number, tuple(found.examples.get(cause, ())[:_EXAMPLES]), _kind_of(name, cause))
        for name, found in last.report.compared.items()
        for cause, number in found.causes.items()
    ]
    return sorted(rows, key=lambda row: (row.cause.is_expected, -row.records, row.pipeline, row.cause))


def has_differences(report: Report) -> bool:
    """Whether an operator must look at some differences, although the run passed."""
    return any(found.to_look_at for found in report.compared.values())


def difference_rows(folder: Staging, pipeline: PipelineName, cause: Cause | None) -> Iterator[list[Row]]:
    """The staged differences of a comparison in batches, in CAUSE_COLUMNS; of one cause, or all.

    StagingError if the folder has no list: the comparison did not finish, its files were removed, or this
    machine does not reach them.
    """
    if not folder.has(LIST):
        raise StagingError(f"{folder} has no {LIST}")
    with folder.reading(LIST) as file:
        lines = (line.decode() for line in file)
        rows = _rows(csv.DictReader(lines), pipeline, cause)
        while batch := list(islice(rows, _BATCH)):
            yield batch


def _rows(differences: Iterable[dict[str, str]], pipeline: PipelineName, only: Cause | None) -> Iterator[Row]:
    for key, code, detail in ([one[name] for name in DIFFERENCE_COLUMNS] for one in differences):
        cause = Cause(code)
        if only in {None, cause}:
            expected = "yes" if cause.is_expected else "no"
            yield (pipeline, cause, key, detail, expected, cause.meaning, cause.advice)


def _kind_of(pipeline: PipelineName, cause: Cause) -> Kind | None:
    return None if cause in _NOT_AT_VTEX else DAILY_PIPELINES[pipeline].kind
