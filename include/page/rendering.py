"""Rendering that all pages share: escaped templates, static files, and the texts of numbers and durations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_FOLDER = Path(__file__).parent
STATIC = _FOLDER / "static"
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def templates(folder: Path, filters: Mapping[str, Callable[..., Any]]) -> Environment:
    """The templates of a folder; they may extend this package's `base.html`."""
    environment = Environment(
        loader=FileSystemLoader([folder, _FOLDER / "templates"]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(filters)
    return environment


def number(value: float) -> str:
    """`12,345`."""
    return f"{value:,.0f}"


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


def counted(how_many: int, noun: str) -> str:
    """`1 record`, `1,234 records`."""
    return f"{how_many:,} {noun}" if how_many == 1 else f"{how_many:,} {noun}s"


def short_key(key: str) -> str:
    """The key of a record; of a person's hash only the first 12 digits."""
    return f"{key[:12]}…" if len(key) == 64 else key
