"""Reads Connectif's CSV texts row by row."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import TextIO

MOST_CHARACTERS = 16_000_000
"""Limit of a cell or a line. Exports are far below; a file with an endless line must not fill the memory."""
# Python refuses cells above 131,072 characters by default; this setting applies to the whole process.
csv.field_size_limit(MOST_CHARACTERS)

CsvError = csv.Error
"""The error for a text that is not CSV."""


def csv_rows(text: TextIO, delimiter: str) -> Iterator[list[str]]:
    """Yield the cells of each row; a blank line is an empty row. CsvError above MOST_CHARACTERS."""
    return csv.reader(_lines(text), delimiter=delimiter)


def _lines(text: TextIO) -> Iterator[str]:
    while line := text.readline(MOST_CHARACTERS + 1):
        if len(line) > MOST_CHARACTERS:
            raise CsvError(f"a line has more than {MOST_CHARACTERS:,} characters")
        yield line
