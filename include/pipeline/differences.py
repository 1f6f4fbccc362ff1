"""What a comparison leaves behind: counts that add up, a list of all differences, some of them in the log."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping

import pandas as pd
import pyarrow as pa
import pyarrow.csv

from include.outcomes import EXPECTED_CAUSES, Cause
from include.pipeline.run import SyncRun
from include.report import Compared
from include.staging import Staging

log = logging.getLogger(__name__)

FOUND = "found.json"
LIST = "differences.csv"
DIFFERENCE_COLUMNS = ("key", "cause", "detail")


class ComparedRecords:
    """Judgements on the records compared, one after the other: how many are the same, which are not."""

    def __init__(self) -> None:
        self.number_same = self.there = 0
        self._different: list[tuple[str, str, str]] = []
        self._frames: list[pd.DataFrame] = []

    def same(self, number: int) -> None:
        """So many more are the same at both sides."""
        self.number_same += number
        self.there += number

    def add(self, key: str, cause: Cause | None, detail: str = "", *, there: bool = False) -> None:
        """One record, whether Connectif has it, and why it differs (None: it does not). A key is the id of a
        document, a product or a purchase, a detail a word of ours: both are logged, stored and shown."""
        self.there += there
        if cause is None:
            self.number_same += 1
        else:
            self._different.append((key, cause.value, detail))

    def add_all(self, keys: pd.Series, causes: pd.Series | str, details: pd.Series | str = "") -> None:
        """Many differing records at once, by columns; who of them is there is counted by the caller."""
        frame = pd.DataFrame({"key": keys}).assign(cause=causes, detail=details)
        self._frames.append(frame.astype("str").reset_index(drop=True))

    def differences(self) -> pd.DataFrame:
        """All that differ, as DIFFERENCE_COLUMNS."""
        single = pd.DataFrame(self._different, columns=list(DIFFERENCE_COLUMNS), dtype="str")
        return pd.concat([single, *self._frames], ignore_index=True)


def keep(
    run: SyncRun,
    target: Staging,
    compared: Compared,
    differences: pd.DataFrame,
    advice: Mapping[Cause, str],
) -> Compared:
    """Stage the list of all differences, log some of each cause with what closes them, and stage the counts.

    `compared` comes with everything but the differences; it is returned with them.
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
    target.write_json(FOUND, full.model_dump(mode="json"))
    _log(run, target, full, ordered, advice)
    return full


def found_in(folder: Staging) -> Compared | None:
    """What `keep` staged there; None when the comparison did not come so far."""
    return Compared.model_validate(folder.read_json(FOUND)) if folder.has(FOUND) else None


def _examples(ordered: pd.DataFrame, most: int) -> dict[Cause, list[str]]:
    some = ordered.groupby("cause").head(most)
    return {Cause(str(cause)): list(rows["key"]) for cause, rows in some.groupby("cause") if most}


def _log(
    run: SyncRun, target: Staging, found: Compared, ordered: pd.DataFrame, advice: Mapping[Cause, str]
) -> None:
    log.info("%s: %s", run.pipeline, found.line())
    for cause, number in found.causes.most_common():
        rows = ordered[ordered["cause"] == cause].head(run.settings.reconcile.examples)
        shown = ", ".join(
            f"{key} ({detail})" if detail else key for key, _, detail in rows.itertuples(index=False)
        )
        level = logging.INFO if cause in EXPECTED_CAUSES else logging.WARNING
        more = "" if number == len(rows) else f" and {number - len(rows):,} more"
        log.log(
            level,
            "%s, %s, %s: %s%s. %s",
            run.pipeline,
            cause,
            f"{number:,}",
            shown,
            more,
            advice[cause],
        )
    if found.causes:
        log.info("all of them are listed in %s/%s", target, LIST)
