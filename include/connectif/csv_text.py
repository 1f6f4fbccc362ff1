"""Reads Connectif's CSV texts row by row."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import TextIO

MOST_CHARACTERS = 1_000_000
"""Limit of a row. Exports are far below; a file with an endless row must not fill the memory."""
# Python refuses cells above 131,072 characters by default; this setting applies to the whole process.
csv.field_size_limit(MOST_CHARACTERS)

CsvError = csv.Error
"""The error for a text that is not CSV."""


def csv_rows(text: TextIO, delimiter: str) -> Iterator[list[str]]:
    """Yield the cells of each row; a blank line is an empty row. CsvError above MOST_CHARACTERS."""
    lines = _Lines(text)
    for row in csv.reader(lines, delimiter=delimiter):
        lines.characters_of_row = 0
        yield row


class _Lines:
    """The lines of a text, with a count of the characters of the current row.

    A quoted cell may span any number of lines, so a limit for each line is not enough.
    """

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self.characters_of_row = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._text.readline(MOST_CHARACTERS + 1)
        if not line:
            raise StopIteration
        self.characters_of_row += len(line)
        if self.characters_of_row > MOST_CHARACTERS:
            raise CsvError(f"a row has more than {MOST_CHARACTERS:,} characters")
        return line
