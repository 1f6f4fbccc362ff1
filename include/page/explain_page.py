"""An explanation as HTML: personal values are masked, and every value is escaped."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment

from include.outcomes import Kind
from include.page.rendering import link_of_run, templates
from include.pipeline.explain_table import NOT_KEPT, ONLY_AT_CONNECTIF
from include.pipeline.explanation import Explanation, Presence
from include.pipeline.preview import mask
from include.window import local_text

_SYMBOLS = {Presence.IN: "✓", Presence.DIFFERS: "≠", Presence.MISSING: "✗", Presence.UNKNOWN: "?"}
_MASKED = re.compile(r".?…\(\d+\)")


def explain_page(
    form_token: str,
    *,
    found: Explanation | None = None,
    message: str = "",
    others: Sequence[Kind] = (),
    shop: str = "",
) -> str:
    """The search box, and the explanation or a message below it.

    `others` are further kinds that a record with this id may have. `shop` is the shop's key, if there are
    several.
    """
    return (
        _templates()
        .get_template("explain.html")
        .render(
            form_token=form_token,
            found=found,
            message=message,
            others=others,
            shop=shop,
            only_at_connectif=ONLY_AT_CONNECTIF,
            symbols={presence: _SYMBOLS.get(presence, "") for presence in Presence},
        )
    )


@cache
def _templates() -> Environment:
    filters: dict[str, Callable[..., str]] = {"masked": _masked, "local": local_text, "run_link": link_of_run}
    return templates(Path(__file__).parent / "templates", filters)


def _masked(value: str) -> str:
    """The mask of a value; a text that says something about the value stays."""
    return value if value == NOT_KEPT or _MASKED.fullmatch(value) else mask(value)
