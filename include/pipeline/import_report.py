"""Read the refused rows of an import from Connectif's error report.

Connectif does not document the report's form (reference, resources/import, read 2026-11-28: "a CSV of
failures"). So this module tries each way to name a row, and accepts only names of rows that were sent. If the
report cannot be read, the refused rows stay without names.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import NamedTuple

from include.connectif.csv_text import CsvError, csv_rows
from include.connectif.exports import plain_name
from include.http.known_words import shorten
from include.pipeline.csv_files import read_rows
from include.pipeline.import_file import StagedFile

# The number of the first row, if the report names rows by numbers: 2 if it counts lines with the header as
# line 1; 1 if it counts rows from 1 (or lines from 0); 0 if it counts rows from 0.
_FIRST_ROWS = (2, 1, 0)
_REASON_WORDS = ("error", "reason", "detail", "message", "motivo", "erro")
_LINE_WORDS = ("line", "row", "fila", "linha", "record")
_KEY_TITLES = {
    "_email": {"email", "emailaddress", "mail", "correoelectronico", "correo", "contact", "contacto"},
    "productId": {"productid", "product", "producto", "produto", "idproducto", "idproduto", "iddelproducto"},
}
_DELIMITERS = ",;\t|"
_MOST_LINES = 500_000
_MOST_CELLS = 2_000_000
"""Rows beyond these limits are counted, but not named."""
_MOST_TITLES = 256
_MOST_KEY_COLUMNS = 8
"""Each column that is tried costs one reading of the sent file."""
_BEGINNING_BYTES = 1 << 16


@dataclass(frozen=True)
class Refusals:
    """`named` holds the reason by the key of the row. `unnamed` holds the reasons of unidentified rows.

    The unidentified rows are among the `suspects`; if `suspects` is None, any row of the file can be one.
    """

    named: dict[str, str] = field(default_factory=dict, repr=False)
    unnamed: list[str] = field(default_factory=list, repr=False)
    suspects: set[str] | None = field(default_factory=set, repr=False)


class _Line(NamedTuple):
    cells: list[str]
    reason: str


def read_refusals(report: bytes, sent: StagedFile, key_column: str) -> Refusals:
    """The rows of `sent` that Connectif refused.

    The reasons are Connectif's texts and may quote the customer.
    """
    columns = columns_of(sent)
    titles, lines = _parse_lines(report, columns)
    if not lines:
        return Refusals(suspects=None)
    candidates = _columns_with_keys(titles, lines, columns, key_column)
    for column in islice(candidates, _MOST_KEY_COLUMNS):
        cells = [_cell(line, column) for line in lines]
        if keys := _keys_sent(sent, key_column, cells):
            return _refusals_by_key([keys.get(cell.casefold()) for cell in cells], lines)
    return _refusals_by_number(sent, key_column, titles, lines)


def _refusals_by_key(keys: Sequence[str | None], lines: Sequence[_Line]) -> Refusals:
    """Group the reasons by row: a row may have several lines, one for each field."""
    named: dict[str, list[str]] = {}
    unnamed = []
    for key, line in zip(keys, lines, strict=True):
        if key is None:
            unnamed.append(line.reason)
        else:
            named.setdefault(key, []).append(line.reason)
    reasons = {key: shorten("; ".join(filter(None, dict.fromkeys(said)))) for key, said in named.items()}
    return Refusals(reasons, unnamed, None if unnamed else set())


def _parse_lines(report: bytes, sent_columns: Sequence[str]) -> tuple[list[str], list[_Line]]:
    encoding = "utf-16" if report.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    beginning = report[:_BEGINNING_BYTES].decode(encoding, "replace").lstrip()
    if not beginning or beginning.startswith("<"):
        return [], []
    delimiter = max(_DELIMITERS, key=beginning.partition("\n")[0].count)
    # Decoded piece by piece: as one text, a report takes four times its size, and more than once.
    with io.TextIOWrapper(io.BytesIO(report), encoding, "replace") as text:
        try:
            rows = filter(any, islice(csv_rows(text, delimiter), _MOST_LINES))
            titles = [title.strip() for title in next(rows, [])]
            if len(titles) > _MOST_TITLES:
                return [], []
            return titles, list(_read_lines(rows, titles, sent_columns))
        except CsvError:
            return [], []


def _read_lines(
    rows: Iterable[list[str]], titles: Sequence[str], sent_columns: Sequence[str]
) -> Iterator[_Line]:
    """Yield the lines, without cells that have no title, up to _MOST_CELLS cells."""
    reasons = [place for place, title in enumerate(titles) if _is_reason_column(title, sent_columns)]
    return (
        _Line(row[: len(titles)], _read_reason(row, reasons))
        for row in islice(rows, _MOST_CELLS // len(titles))
    )


def _is_reason_column(title: str, sent_columns: Sequence[str]) -> bool:
    """Whether the column holds a reason. A column that we sent holds customer data, never a reason."""
    return title not in sent_columns and any(word in title.lower() for word in _REASON_WORDS)


def _read_reason(cells: list[str], places: Iterable[int]) -> str:
    return shorten(": ".join(cells[place] for place in places if place < len(cells)))


def _cell(line: _Line, column: int) -> str:
    return line.cells[column].strip() if column < len(line.cells) else ""


def columns_of(sent: StagedFile) -> list[str]:
    """The names of the file's columns."""
    return [str(name) for name in next(read_rows(sent)).columns]


def _columns_with_keys(
    titles: Sequence[str], lines: Sequence[_Line], sent_columns: Sequence[str], key_column: str
) -> Iterator[int]:
    """Columns that may hold the keys: first by their title, then the others.

    Columns of numbers (they may count anything), columns that we sent and reasons are left out.
    """
    known = {plain_name(key_column), *_KEY_TITLES.get(key_column, ())}
    by_title = [place for place, title in enumerate(titles) if plain_name(title) in known]
    yield from by_title
    for place, title in enumerate(titles):
        is_candidate = place not in by_title and title not in sent_columns
        if is_candidate and not _is_reason_column(title, sent_columns) and not _are_numbers(lines, place):
            yield place


def _are_numbers(lines: Sequence[_Line], column: int) -> bool:
    return all(_is_number(cell) for line in lines if (cell := _cell(line, column)))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 16


def _keys_sent(sent: StagedFile, key_column: str, cells: Iterable[str]) -> dict[str, str]:
    """Lower-case key → key, for the cells that are keys of rows that were sent; letter case is ignored."""
    wanted = {cell.casefold() for cell in cells}
    keys = (key for rows in read_rows(sent, [key_column]) for key in rows[key_column])
    return {folded: key for key in keys if (folded := key.casefold()) in wanted}


def _refusals_by_number(
    sent: StagedFile, key_column: str, titles: Sequence[str], lines: Sequence[_Line]
) -> Refusals:
    """Identify the rows by their numbers, if exactly one way to count fits numbers and repeated cells.

    If several ways fit, the rows of all of them are suspects.
    """
    reasons = [line.reason for line in lines]
    column = next(
        (place for place, title in enumerate(titles) if _is_number_column(title, lines, place)), None
    )
    if column is None:
        return Refusals(unnamed=reasons, suspects=None)
    numbers = [int(cell) for line in lines if (cell := _cell(line, column))]
    rows = _rows_at(sent, {number - first for number in numbers for first in _FIRST_ROWS})
    columns = set(columns_of(sent)) - {key_column}
    repeated = {place: title for place, title in enumerate(titles) if title in columns}
    numbered = [line for line in lines if _cell(line, column)]
    fitting = [
        [row[key_column] for row in candidates if row]
        for first in _FIRST_ROWS
        if all(map(partial(_fits, repeated), candidates := [rows.get(n - first) for n in numbers], numbered))
    ]
    if len(numbers) < len(lines) or not fitting:
        return Refusals(unnamed=reasons, suspects=None)
    if len(fitting) == 1:
        return _refusals_by_key(fitting[0], lines)
    return Refusals(unnamed=reasons, suspects=set().union(*fitting))


def _fits(repeated: Mapping[int, str], row: dict[str, str] | None, line: _Line) -> bool:
    """Whether the cells that the report repeats are those of the row."""
    return row is not None and all(row[title] == _cell(line, place) for place, title in repeated.items())


def _is_number_column(title: str, lines: Sequence[_Line], column: int) -> bool:
    named = any(word in plain_name(title) for word in _LINE_WORDS)
    return named and _are_numbers(lines, column) and any(_cell(line, column) for line in lines)


def _rows_at(sent: StagedFile, places: set[int]) -> dict[int, dict[str, str]]:
    """The rows at these positions of the file, counted from 0."""
    found: dict[int, dict[str, str]] = {}
    begin = 0
    for rows in read_rows(sent):
        wanted = sorted(place for place in places if begin <= place < begin + len(rows))
        records = rows.iloc[[place - begin for place in wanted]].to_dict("records")
        found |= {
            place: {str(k): v for k, v in record.items()}
            for place, record in zip(wanted, records, strict=True)
        }
        begin += len(rows)
    return found
