"""What all pages share: their looks, and templates in which everything is escaped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_FOLDER = Path(__file__).parent
STATIC = _FOLDER / "static"


def templates(folder: Path, filters: Mapping[str, Callable[..., Any]]) -> Environment:
    """The templates of a folder, which may extend `base.html` of this one."""
    made = Environment(
        loader=FileSystemLoader([folder, _FOLDER / "templates"]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(filters)
    return made
