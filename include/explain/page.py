"""An explanation as HTML: what is personal is masked, everything is escaped, no inline code."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from include.explain.answer import Explanation, Kind
from include.sync.preview import masked

_FOLDER = Path(__file__).parent
STATIC = _FOLDER / "static"

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Of every answer: nothing is loaded from or sent to another host, and nothing is kept."""


def explain_page(kinds: Sequence[Kind], *, found: Explanation | None = None, message: str = "") -> str:
    """The form, for the kinds that the reader may ask for, and the answer or a message below it."""
    return _environment().get_template("explain.html").render(kinds=kinds, found=found, message=message)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["masked"] = masked
    return made
