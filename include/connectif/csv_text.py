"""CSV texts as Connectif writes them, row by row."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import TextIO

MOST_CHARACTERS = 1_000_000
"""Of a row, over however many lines: no export comes near, and a row without an end must not fill memory."""
# Python refuses cells above 131,072 characters unless it is told otherwise; the setting is the process's own.
csv.field_size_limit(MOST_CHARACTERS)

Broken = csv.Error
"""What reading raises where the text is no CSV."""


def csv_rows(text: TextIO, delimiter: str) -> Iterator[list[str]]:
    """The cells of each row; a blank line is an empty row. Broken beyond MOST_CHARACTERS."""
    lines = _Lines(text)
    for row in csv.reader(lines, delimiter=delimiter):
        lines.of_the_row = 0
        yield row


class _Lines:
    """The lines of a text. `of_the_row` counts characters since a row has ended: a quoted cell may hold any
    number of lines."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self.of_the_row = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._text.readline(MOST_CHARACTERS + 1)
        if not line:
            raise StopIteration
        self.of_the_row += len(line)
        if self.of_the_row > MOST_CHARACTERS:
            raise Broken(f"a row of more than {MOST_CHARACTERS:,} characters")
        return line
