"""An explanation as text for a terminal: the conclusion, aligned columns, and the history."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, zip_longest

from include.pipeline.explanation import Comparison, Explanation, Row
from include.run_name import readable
from include.window import local_text

_WIDTH = 110


def as_text(explanation: Explanation) -> str:
    """The conclusion, then the table, the history, what to do, and what VTEX has."""
    lines = [
        f"{explanation.kind} {explanation.record}",
        *textwrap.wrap(explanation.conclusion.sentence, _WIDTH),
        f"All times are by the clock of {explanation.zone.key}.",
        *_section("FIELDS", _table(explanation.comparison)),
        *_section("HISTORY", _history(explanation)),
        *_section("WHAT TO DO", _advice(explanation)),
    ]
    for part in explanation.parts:
        lines += _section(part.title, chain(*_aligned([(fact.label, fact.value) for fact in part.facts])))
    return "\n".join(lines)


def _section(title: str, lines: Iterable[str]) -> list[str]:
    return ["", title, *(f"  {line}" for line in lines)]


def _table(comparison: Comparison) -> Iterator[str]:
    head = ["field", "VTEX now", *(["sent last"] if comparison.shows_sent else []), "Connectif now"]
    rows = [_cells(row, comparison.shows_sent) for group in comparison.groups for row in group.rows]
    if rows:
        first, *blocks = _aligned([head, *rows])
        yield from first
        for group in comparison.groups:
            yield from [f"{group.title}:"] if group.title else []
            yield from chain(*(blocks.pop(0) for _ in group.rows))
    else:
        yield "nothing would be sent, and Connectif has nothing"
    yield from textwrap.wrap(f"{comparison.sent_note}.", _WIDTH)


def _cells(row: Row, shows_sent: bool) -> list[str]:
    """The values of a row; `≠` marks those that differ from VTEX."""
    there = _marked(row.there, row.there_differs)
    sent = [_marked(row.sent, row.sent_differs)] if shows_sent else []
    return [row.label, _marked(row.now, False), *sent, there]


def _marked(value: str | None, differs: bool) -> str:
    return f"{'≠ ' if differs else ''}{'-' if value is None else value}"


def _history(explanation: Explanation) -> Iterator[str]:
    for event in explanation.history:
        run = f" ({readable(event.run_key)})" if event.run_key else ""
        yield f"{local_text(event.at, explanation.zone)}  {event.text}{run}"
    if not explanation.history:
        yield "nothing is known"


def _advice(explanation: Explanation) -> Iterator[str]:
    for advice in explanation.advice:
        yield from textwrap.wrap(f"{advice.text}.", _WIDTH, subsequent_indent="  ")
        yield from [f"  {advice.command}"] if advice.command else []
    if not explanation.advice:
        yield "nothing"


def _aligned(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """The lines of each row, in columns that fit the terminal."""
    widths = _widths([max(map(len, column)) for column in zip(*rows, strict=True)])
    return [_lines(row, widths) for row in rows]


def _lines(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    cells = [textwrap.wrap(cell, width) for cell, width in zip(row, widths, strict=True)]
    return [
        "  ".join(piece.ljust(width) for piece, width in zip(pieces, widths, strict=True)).rstrip()
        for pieces in zip_longest(*cells, fillvalue="")
    ]


def _widths(longest: Sequence[int]) -> list[int]:
    """The width of each column: narrow ones as they are, and an equal share of the rest for wide ones."""
    left, widths = _WIDTH, dict[int, int]()
    for column, length in sorted(enumerate(longest), key=lambda one: one[1]):
        widths[column] = max(1, min(length, left // (len(longest) - len(widths))))
        left -= widths[column]
    return [widths[column] for column in range(len(longest))]
