"""What a mapping hands back: the rows that go on, and an outcome for each record that does not."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from include.outcomes import OUTCOME_OF, Drop, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

OUTCOME_COLUMNS = ("key", "outcome", "reason", "detail")


@dataclass(frozen=True)
class Mapped:
    """`rows` go on; `outcomes` (VERDICT_COLUMNS, one row a record) do not; `drops` counts the optional
    fields that were left out of rows which still go.

    Rows and outcomes together are the records that came in. Rows hold personal data: not in the repr.
    """

    rows: pd.DataFrame = field(repr=False)
    outcomes: pd.DataFrame
    drops: Counter[Drop] = field(default_factory=Counter)

    @property
    def keys(self) -> set[str]:
        """Of products: the ids of all that came in."""
        return {*self.rows["productId"], *self.outcomes["key"]}


def outcome_rows_of(compared_records: Iterable[tuple[str, Reason, str]]) -> pd.DataFrame:
    """(key, reason, detail) of each record that does not go on → the outcome frame. A detail is a word
    of ours, never a value of the record: it is stored and shown."""
    lines = [
        (key, OUTCOME_OF[reason].value, reason.value, detail) for key, reason, detail in compared_records
    ]
    return pd.DataFrame(lines, columns=list(OUTCOME_COLUMNS), dtype="str")


def split_by_columns(
    rows: pd.DataFrame, columns: Sequence[str]
) -> Iterator[tuple[tuple[str, ...], pd.DataFrame]]:
    """Group the rows by which of `columns` they have, so that no import file has a blank cell.

    Connectif warns that a column blank in some rows and filled in others breaks an import (help centre
    360020966799): an absent value (NA) is a column left out, an empty text is a value. Yields the columns
    of a group, in the order given, with its rows in their order and these columns only.
    """
    if rows.empty:
        return
    present = np.zeros(len(rows), dtype=np.int64)  # one bit a column
    for place, column in enumerate(columns):
        present |= rows[column].notna().to_numpy().astype(np.int64) << place
    for group in np.unique(present):
        has = [column for place, column in enumerate(columns) if group >> place & 1]
        yield tuple(has), rows.loc[present == group, has]
