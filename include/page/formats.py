"""Numbers and times as a person reads them."""

from __future__ import annotations

from datetime import timedelta

_STEPS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def number(value: float) -> str:
    """`12,345`."""
    return f"{value:,.0f}"


def short(value: float) -> str:
    """`12k`, `3.4M`: for the side of a chart."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


def percent(value: float) -> str:
    """`7.5 %`."""
    return f"{value:.3g} %"


def duration(seconds: float) -> str:
    """`4 s`, `12 min`, `3 h`, `5 d`: to the unit that matters."""
    for size, unit in _STEPS:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"


def age(past: timedelta) -> str:
    """`3 h ago`."""
    return "just now" if past < timedelta(minutes=1) else f"{duration(past.total_seconds())} ago"
