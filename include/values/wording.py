"""Numbers as words of a sentence, the same in log lines, reports and pages."""

from __future__ import annotations

from datetime import timedelta

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def number(value: float) -> str:
    """`12,345`."""
    return f"{value:,.0f}"


def plural(count: int, noun: str, nouns: str = "") -> str:
    """`1 record`, `12,345 records`; `nouns` is the plural of a noun that does not simply end in s."""
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def short(value: float) -> str:
    """`12k`, `3.4M`: for the axis of a chart."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


def percent(value: float) -> str:
    """`7.5 %`."""
    return f"{value:.3g} %"


def duration(seconds: float) -> str:
    """`4 s`, `12 min`, `3 h`, `5 d`: in the largest unit that gives at least 2."""
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"


def age(past: timedelta) -> str:
    """`3 h ago`."""
    return "just now" if past < timedelta(minutes=1) else f"{duration(past.total_seconds())} ago"
