"""Which rows of an import were refused, out of Connectif's error report.

The report's form is documented nowhere (reference, resources/import, read 2026-11-28: "a CSV of failures"),
so each way of naming a row is tried, and a name counts only when it is of a row that was sent. A report that
cannot be read costs the names of the rows, nothing else.
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
from include.http.vocabulary import shorten
from include.pipeline.csv_files import rows_of
from include.pipeline.import_file import StagedFile

# The number of the first row, where rows are named by numbers: lines of the file with its header as line 1;
# rows from 1, which are also lines from 0; rows from 0.
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
    """`named`: reason by key of the row. `unnamed`: reasons of rows that are not known; these are among the
    `suspects`, or any of the file where that is None.
    """

    named: dict[str, str] = field(default_factory=dict, repr=False)
    unnamed: list[str] = field(default_factory=list, repr=False)
    suspects: set[str] | None = field(default_factory=set, repr=False)


class _Line(NamedTuple):
    cells: list[str]
    reason: str


def read_refusals(report: bytes, sent: StagedFile, key_column: str) -> Refusals:
    """The rows of `sent` that Connectif's report of failed rows is about. Reasons are
    Connectif's own texts, which may quote the customer."""
    columns = columns_of(sent)
    titles, lines = _lines_of(report, columns)
    if not lines:
        return Refusals(suspects=None)
    candidates = _columns_with_keys(titles, lines, columns, key_column)
    for column in islice(candidates, _MOST_KEY_COLUMNS):
        cells = [_cell(line, column) for line in lines]
        if keys := _keys_sent(sent, key_column, cells):
            return _named([keys.get(cell.casefold()) for cell in cells], lines)
    return _by_number(sent, key_column, titles, lines)


def _named(keys: Sequence[str | None], lines: Sequence[_Line]) -> Refusals:
    """A row may have several lines, one for each of its fields."""
    named: dict[str, list[str]] = {}
    unnamed = []
    for key, line in zip(keys, lines, strict=True):
        if key is None:
            unnamed.append(line.reason)
        else:
            named.setdefault(key, []).append(line.reason)
    reasons = {key: shorten("; ".join(filter(None, dict.fromkeys(said)))) for key, said in named.items()}
    return Refusals(reasons, unnamed, None if unnamed else set())


def _lines_of(report: bytes, sent_columns: Sequence[str]) -> tuple[list[str], list[_Line]]:
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
    reasons = [place for place, title in enumerate(titles) if _tells_a_reason(title, sent_columns)]
    return (
        _Line(row[: len(titles)], _reason(row, reasons)) for row in islice(rows, _MOST_CELLS // len(titles))
    )


def _tells_a_reason(title: str, sent_columns: Sequence[str]) -> bool:
    """What stands in columns that we sent is the customer's, and no reason."""
    return title not in sent_columns and any(word in title.lower() for word in _REASON_WORDS)


def _reason(cells: list[str], places: Iterable[int]) -> str:
    return shorten(": ".join(cells[place] for place in places if place < len(cells)))


def _cell(line: _Line, column: int) -> str:
    return line.cells[column].strip() if column < len(line.cells) else ""


def columns_of(sent: StagedFile) -> list[str]:
    """The names of the file's columns."""
    return [str(name) for name in next(rows_of(sent)).columns]


def _columns_with_keys(
    titles: Sequence[str], lines: Sequence[_Line], sent_columns: Sequence[str], key_column: str
) -> Iterator[int]:
    """Columns that may hold the keys: by their title, then all others but those of numbers, which may count
    anything, those that we sent, and reasons."""
    known = {plain_name(key_column), *_KEY_TITLES.get(key_column, ())}
    by_title = [place for place, title in enumerate(titles) if plain_name(title) in known]
    yield from by_title
    for place, title in enumerate(titles):
        others = place not in by_title and title not in sent_columns
        if others and not _tells_a_reason(title, sent_columns) and not _are_numbers(lines, place):
            yield place


def _are_numbers(lines: Sequence[_Line], column: int) -> bool:
    return all(_is_number(cell) for line in lines if (cell := _cell(line, column)))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 16


def _keys_sent(sent: StagedFile, key_column: str, cells: Iterable[str]) -> dict[str, str]:
    """Those of the cells that are keys of rows that were sent, without regard to letter case → the key."""
    wanted = {cell.casefold() for cell in cells}
    keys = (key for rows in rows_of(sent, [key_column]) for key in rows[key_column])
    return {folded: key for key in keys if (folded := key.casefold()) in wanted}


def _by_number(sent: StagedFile, key_column: str, titles: Sequence[str], lines: Sequence[_Line]) -> Refusals:
    """Rows by their numbers, where only one way of counting fits all of the numbers and what else the report
    repeats of the rows. Where several fit, the rows that each of them means are suspects."""
    reasons = [line.reason for line in lines]
    column = next((place for place, title in enumerate(titles) if _counts_lines(title, lines, place)), None)
    if column is None:
        return Refusals(unnamed=reasons, suspects=None)
    numbers = [int(cell) for line in lines if (cell := _cell(line, column))]
    rows = _rows_at(sent, {number - first for number in numbers for first in _FIRST_ROWS})
    columns = set(columns_of(sent)) - {key_column}
    repeated = {place: title for place, title in enumerate(titles) if title in columns}
    numbered = [line for line in lines if _cell(line, column)]
    fitting = [
        [row[key_column] for row in meant if row]
        for first in _FIRST_ROWS
        if all(map(partial(_fits, repeated), meant := [rows.get(n - first) for n in numbers], numbered))
    ]
    if len(numbers) < len(lines) or not fitting:
        return Refusals(unnamed=reasons, suspects=None)
    if len(fitting) == 1:
        return _named(fitting[0], lines)
    return Refusals(unnamed=reasons, suspects=set().union(*fitting))


def _fits(repeated: Mapping[int, str], row: dict[str, str] | None, line: _Line) -> bool:
    """Whether the report's line can be about the row."""
    return row is not None and all(row[title] == _cell(line, place) for place, title in repeated.items())


def _counts_lines(title: str, lines: Sequence[_Line], column: int) -> bool:
    named = any(word in plain_name(title) for word in _LINE_WORDS)
    return named and _are_numbers(lines, column) and any(_cell(line, column) for line in lines)


def _rows_at(sent: StagedFile, places: set[int]) -> dict[int, dict[str, str]]:
    """The rows at these places of the file, from 0."""
    found: dict[int, dict[str, str]] = {}
    begin = 0
    for rows in rows_of(sent):
        here = sorted(place for place in places if begin <= place < begin + len(rows))
        records = rows.iloc[[place - begin for place in here]].to_dict("records")
        found |= {
            place: {str(k): v for k, v in record.items()} for place, record in zip(here, records, strict=True)
        }
        begin += len(rows)
    return found
