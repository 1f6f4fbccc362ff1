"""An explanation as HTML: personal values are masked, and every value is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment

from include.outcomes import Kind
from include.page.rendering import templates
from include.pipeline.explanation import Explanation
from include.pipeline.preview import mask


def explain_page(
    kinds: Sequence[Kind], form_token: str, *, found: Explanation | None = None, message: str = ""
) -> str:
    """The form with the kinds that the reader may look up, and the explanation or a message below it."""
    template = _templates().get_template("explain.html")
    return template.render(kinds=kinds, form_token=form_token, found=found, message=message)


@cache
def _templates() -> Environment:
    return templates(Path(__file__).parent / "templates", {"masked": mask})
