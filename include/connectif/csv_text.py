"""CSV texts as Connectif writes them, row by row."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import TextIO

MOST_CHARACTERS = 16_000_000
"""Of a cell, or a line: no export comes near, and a file without an end must not fill the memory."""
# Python refuses cells above 131,072 characters unless it is told otherwise; the setting is the process's own.
csv.field_size_limit(MOST_CHARACTERS)

Broken = csv.Error
"""What reading raises where the text is no CSV."""


def csv_rows(text: TextIO, delimiter: str) -> Iterator[list[str]]:
    """The cells of each row; a blank line is an empty row. Broken beyond MOST_CHARACTERS."""
    return csv.reader(_lines(text), delimiter=delimiter)


def _lines(text: TextIO) -> Iterator[str]:
    while line := text.readline(MOST_CHARACTERS + 1):
        if len(line) > MOST_CHARACTERS:
            raise Broken(f"a line of more than {MOST_CHARACTERS:,} characters")
        yield line
