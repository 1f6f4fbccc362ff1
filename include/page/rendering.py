"""Rendering that all pages share: escaped templates, static files, and the texts of numbers and durations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from include.airflow_paths import of_shop, run_path
from include.run_name import ids_of
from include.values.wording import age, duration, number, percent, plural

_FOLDER = Path(__file__).parent
STATIC = _FOLDER / "static"
_FILTERS: dict[str, Callable[..., str]] = {
    "age": age,
    "of_shop": of_shop,
    "duration": duration,
    "number": number,
    "percent": percent,
    "plural": plural,
}


class Level(StrEnum):
    """How a state is shown: by colour, symbol and word."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"
    NONE = "none"


def templates(folder: Path, filters: Mapping[str, Callable[..., Any]]) -> Environment:
    """The templates of a folder, with the texts of numbers and these `filters`.

    They may extend this package's `base.html`.
    """
    environment = Environment(
        loader=FileSystemLoader([folder, _FOLDER / "templates"]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update({**_FILTERS, **filters})
    return environment


def link_of_run(run_key: str) -> str:
    """The address of a run in Airflow's UI, relative to our pages; empty for a key of another form."""
    dag_id, run_id = ids_of(run_key)
    return f"../{run_path(dag_id, run_id)}" if run_id else ""


def short_key(key: str) -> str:
    """The key of a record; of a person's hash only the first 12 digits."""
    return f"{key[:12]}…" if len(key) == 64 else key
