"""The result of a comparison: counts that add up, a list of all differences, and examples in the log."""

from __future__ import annotations

import logging
from collections import Counter

import pandas as pd
import pyarrow as pa
import pyarrow.csv

from include.outcomes import Cause
from include.pipeline.run import SyncRun
from include.report import Compared
from include.staging import Staging

log = logging.getLogger(__name__)

COMPARED = "found.json"
LIST = "differences.csv"
DIFFERENCE_COLUMNS = ("key", "cause", "detail")


class ComparedRecords:
    """Collects the compared records: how many are the same at both sides, and which differ."""

    def __init__(self) -> None:
        self.number_same = self.there = 0
        self._different: list[tuple[str, str, str]] = []
        self._frames: list[pd.DataFrame] = []

    def add_same(self, number: int) -> None:
        """Count `number` more records that are the same at both sides."""
        self.number_same += number
        self.there += number

    def add(self, key: str, cause: Cause | None, detail: str = "", *, there: bool = False) -> None:
        """Add one record: why it differs (None: it is the same), and whether Connectif has it.

        `key` is the id of a document, a product or a purchase; `detail` is our own text. Both are logged,
        stored and shown, so they must not hold personal data.
        """
        self.there += there
        if cause is None:
            self.number_same += 1
        else:
            self._different.append((key, cause.value, detail))

    def add_all(self, keys: pd.Series, causes: pd.Series | str, details: pd.Series | str = "") -> None:
        """Add many differing records by columns. The caller counts those that Connectif has."""
        frame = pd.DataFrame({"key": keys}).assign(cause=causes, detail=details)
        self._frames.append(frame.astype("str").reset_index(drop=True))

    def differences(self) -> pd.DataFrame:
        """All differing records, with the columns DIFFERENCE_COLUMNS."""
        single = pd.DataFrame(self._different, columns=list(DIFFERENCE_COLUMNS), dtype="str")
        return pd.concat([single, *self._frames], ignore_index=True)


def keep_differences(
    run: SyncRun, target: Staging, compared: Compared, differences: pd.DataFrame
) -> Compared:
    """Stage all differences and the counts, and log some differences of each cause with its advice.

    `compared` has all counts except those of the differences; the returned copy has those too.
    """
    ordered = differences.sort_values(["cause", "key"], kind="stable")
    with target.writing(LIST) as file:
        pa.csv.write_csv(pa.Table.from_pandas(ordered, preserve_index=False), file)
    full = compared.model_copy(
        update={
            "causes": Counter({Cause(str(c)): int(n) for c, n in ordered["cause"].value_counts().items()}),
            "examples": _examples(ordered, run.settings.reconcile.examples),
        }
    )
    target.write_json(COMPARED, full.model_dump(mode="json"))
    _log(run, target, full, ordered)
    return full


def read_comparison(folder: Staging) -> Compared | None:
    """The counts that `keep_differences` staged; None if the comparison did not finish."""
    return Compared.model_validate(folder.read_json(COMPARED)) if folder.has(COMPARED) else None


def _examples(ordered: pd.DataFrame, most: int) -> dict[Cause, list[str]]:
    some = ordered.groupby("cause").head(most)
    return {Cause(str(cause)): list(rows["key"]) for cause, rows in some.groupby("cause") if most}


def _log(run: SyncRun, target: Staging, found: Compared, ordered: pd.DataFrame) -> None:
    log.info("%s: %s", run.pipeline, found.line())
    for cause, number in found.causes.most_common():
        rows = ordered[ordered["cause"] == cause].head(run.settings.reconcile.examples)
        shown = ", ".join(
            f"{key} ({detail})" if detail else key for key, _, detail in rows.itertuples(index=False)
        )
        level = logging.INFO if cause.is_expected else logging.WARNING
        more = "" if number == len(rows) else f" and {number - len(rows):,} more"
        log.log(
            level,
            "%s, %s, %s: %s%s. %s",
            run.pipeline,
            cause,
            f"{number:,}",
            shown,
            more,
            cause.advice,
        )
    if found.causes:
        log.info("%s: all differences are listed in %s/%s", run.pipeline, target, LIST)
