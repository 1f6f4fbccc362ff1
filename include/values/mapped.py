"""The result of a mapping: the rows to send, and an outcome for each other record."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from include.outcomes import Drop, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

OUTCOME_COLUMNS = ("key", "outcome", "reason", "detail")


@dataclass(frozen=True)
class Mapped:
    """`rows` are the records to send. `outcomes` are the others, with OUTCOME_COLUMNS and one row per record.
    `drops` counts the optional fields that are left out of `rows`.

    Each input record is in `rows` or in `outcomes`. Rows hold personal data, so they are not in the repr.
    """

    rows: pd.DataFrame = field(repr=False)
    outcomes: pd.DataFrame
    drops: Counter[Drop] = field(default_factory=Counter)

    @property
    def keys(self) -> set[str]:
        """The ids of all input records, for products."""
        return {*self.rows["productId"], *self.outcomes["key"]}


def outcome_rows_of(records: Iterable[tuple[str, Reason, str]]) -> pd.DataFrame:
    """(key, reason, detail) of records that are not sent → the outcome frame.

    A detail is one of our own words, never a value of the record, because it is stored and shown.
    """
    lines = [(key, reason.outcome.value, reason.value, detail) for key, reason, detail in records]
    return pd.DataFrame(lines, columns=list(OUTCOME_COLUMNS), dtype="str")


def split_by_columns(
    rows: pd.DataFrame, columns: Sequence[str]
) -> Iterator[tuple[tuple[str, ...], pd.DataFrame]]:
    """Group the rows by the columns that they have, so that no import file has a blank cell.

    Connectif warns that an import breaks if a column is blank in some rows and filled in others (help centre
    360020966799). If a value is absent (NA), the column is left out; an empty text is a value. Yields the
    columns of each group, and its rows with only these columns. Columns and rows keep their order.
    """
    if rows.empty:
        return
    present = np.zeros(len(rows), dtype=np.int64)  # one bit per column
    for place, column in enumerate(columns):
        present |= rows[column].notna().to_numpy().astype(np.int64) << place
    for group in np.unique(present):
        has = [column for place, column in enumerate(columns) if group >> place & 1]
        yield tuple(has), rows.loc[present == group, has]
