"""CSV texts as Connectif writes them, row by row."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

# Python refuses cells above 131,072 characters unless it is told otherwise; the setting is the process's own.
csv.field_size_limit(2**31 - 1)

Broken = csv.Error
"""What reading raises where the text is no CSV."""


def csv_rows(lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    """The cells of each row, whatever their length; a blank line is an empty row."""
    return csv.reader(lines, delimiter=delimiter)
