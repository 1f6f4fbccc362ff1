"""What the environment does to the settings: which ones it changes, and which names have no effect."""

from __future__ import annotations

from collections.abc import Iterator

from include.doctor.check import Line, ok, warning
from include.settings import changed_settings, misspelt_variables

_SUBJECT = "settings"


def environment() -> Iterator[Line]:
    """Call it where the settings can be loaded."""
    changed = ", ".join(f"{name} = {value}" for name, value in changed_settings().items())
    told = f"changed by the environment: {changed}" if changed else "those of include/settings.toml"
    yield ok(_SUBJECT, f"all readable; {told}")
    for variable, meant in misspelt_variables().items():
        yield warning(
            f"environment variable {variable}",
            "it has no effect",
            f"If a setting is meant, call it {meant}; settings are called SYNC_<SECTION>__<NAME>",
        )
