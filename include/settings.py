"""The settings of the sync: `settings.toml`, overridden by `SYNC_<SECTION>__<NAME>` environment variables.

The TOML file beside this module has every default, with a comment for the operator; `setting_types.py` has
types and limits. No secret is a setting: secrets are in the Airflow connections. A shop may have settings
that differ from these common ones: see `shops.py`.

DAG files import this module, so it has no slow imports.
"""

from __future__ import annotations

import os
import re
import tomllib
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from include.errors import ConfigurationError
from include.setting_types import AlertBy, ExtraContactField, Settings

SETTINGS_FILE = Path(__file__).with_name("settings.toml")
ENV_PREFIX = "SYNC_"
SHOPS = "shops"
"""The table of the shops, beside the sections of the common settings."""
_KUBERNETES_SERVICE = re.compile(
    r"_(SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$", re.IGNORECASE
)
"""The endings of the variable names that Kubernetes creates for a service."""


@cache
def load_settings() -> Settings:
    """The settings of this process, read once.

    Raises `ConfigurationError` with one line that names each wrong setting and what is allowed.
    """
    return read_settings(SETTINGS_FILE)


def read_settings(file: Path) -> Settings:
    """`file` (TOML) overridden by the environment; see `load_settings`."""
    return validate(read_common(file))


Given = dict[str, Any]
"""Settings by section and name, not validated: `{"run": {"live": True}}`."""


def read_common(file: Path) -> Given:
    """The common settings of `file` and the environment. ConfigurationError for an unknown variable."""
    given = _without_shops(read_toml(file))
    for (section, name), value in _from_environment().items():
        given.setdefault(section, {})[name] = value
    return given


def _without_shops(given: Given) -> Given:
    return {section: values for section, values in given.items() if section != SHOPS}


def validate(given: Given, shop: str = "") -> Settings:
    """The typed settings; ConfigurationError with one line for all that is wrong. `shop` is for its text."""
    try:
        return Settings(**given)
    except ValidationError as error:
        problems = "; ".join(_sentence(problem, shop) for problem in error.errors())
        raise ConfigurationError(f"settings: {problems}") from None


def read_toml(file: Path) -> Given:
    """The content of a TOML file; ConfigurationError if it cannot be read."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"settings: {file.name} cannot be read ({type(error).__name__})") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"settings: {file.name} is not valid TOML: {error}") from None


def changed_settings() -> dict[str, str]:
    """The settings that the environment changes: `{"schedule.time_zone": "Europe/Madrid"}`.

    The values are for a log: a notifier without its arguments, a URL without credentials and query.
    """
    effective, defaults = read_settings(SETTINGS_FILE), _defaults()
    return {
        f"{section}.{name}": _shown(value)
        for section, name in _from_environment()
        if (value := getattr(getattr(effective, section), name)) != defaults.get((section, name))
    }


def differing_settings(settings: Settings, common: Settings) -> dict[str, str]:
    """The settings of a shop that differ from the common ones, in the form of `changed_settings`."""
    return {
        f"{section}.{name}": _shown(value)
        for section, name in setting_names()
        if (value := getattr(getattr(settings, section), name)) != getattr(getattr(common, section), name)
    }


def misspelt_variables() -> dict[str, str]:
    """Variables without effect that look like a mistyped setting: `{variable: the setting's variable}`.

    They have one underscore instead of two, or an unknown section. They cause only a warning, because other
    programs use our prefix too.
    """
    known = [variable_of(*one) for one in setting_names()]
    return {
        variable: nearest[0]
        for variable in sorted(os.environ)
        if variable.upper().startswith(ENV_PREFIX)
        and not _is_ours(variable)
        and not is_of_shops(variable)
        and not _KUBERNETES_SERVICE.search(variable)
        if (
            nearest := get_close_matches(variable.upper(), known, n=1, cutoff=0 if "__" in variable else 0.75)
        )
    }


def _defaults() -> dict[tuple[str, str], Any]:
    """The values of the file; empty if the file alone is not valid."""
    try:
        settings = validate(_without_shops(read_toml(SETTINGS_FILE)))
    except ConfigurationError:
        return {}
    return {(section, name): getattr(getattr(settings, section), name) for section, name in setting_names()}


def _from_environment() -> dict[tuple[str, str], str]:
    """Values by section and name. ConfigurationError for an unknown name in a known section."""
    known = {variable_of(*one): one for one in setting_names()}
    found: dict[tuple[str, str], str] = {}
    for variable in filter(_is_ours, sorted(os.environ)):
        if variable.upper() not in known:
            raise ConfigurationError(
                f"settings: the environment variable {variable} is not a setting. The nearest setting is "
                f"{get_close_matches(variable.upper(), known, n=1, cutoff=0)[0]}; see include/settings.toml"
            )
        if value := os.environ[variable]:
            found[known[variable.upper()]] = value
    return found


def _is_ours(variable: str) -> bool:
    """Whether the variable is `SYNC_<SECTION>__…` with a known section. Other programs use our prefix too:
    for a service `sync-state`, Kubernetes sets `SYNC_STATE_PORT=tcp://…` in each container.
    """
    return variable.upper().startswith(tuple(variable_of(section, "") for section in Settings.model_fields))


def is_of_shops(variable: str) -> bool:
    """Whether the variable is `SYNC_SHOPS__…`."""
    return variable.upper().startswith(variable_of(SHOPS, ""))


def setting_names() -> list[tuple[str, str]]:
    """Section and name of every setting."""
    sections = {name: field.annotation for name, field in Settings.model_fields.items()}
    return [
        (section, name)
        for section, model in sections.items()
        if isinstance(model, type) and issubclass(model, BaseModel)
        for name in model.model_fields
    ]


def variable_of(*names: str) -> str:
    """The environment variable of a setting: `SYNC_RUN__LIVE`, `SYNC_SHOPS__ES__RUN__LIVE`."""
    return f"{ENV_PREFIX}{'__'.join(names)}".upper()


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_shown, value))
    if isinstance(value, AlertBy):
        return value.notifier
    if isinstance(value, ExtraContactField):
        return f"{value.source}={value.target}:{value.kind}"
    return re.sub(r"\?.*", "?***", re.sub(r"//[^/@]*@", "//***@", str(value)))


_TYPES = {"int": "a whole number", "float": "a number", "decimal": "a number", "bool": "true or false"}
"""In our words, what pydantic's types of errors ask for (`int_parsing`, `bool_type`, …)."""


def _sentence(problem: ErrorDetails, shop: str) -> str:
    names = tuple(str(part) for part in problem["loc"][:2])
    path = (SHOPS, shop, *names) if shop else names
    where = ".".join(path)
    if problem["type"] == "extra_forbidden":
        return f"{where} is not a setting, see include/settings.toml"
    if problem["type"] == "missing":
        return f"{where} is missing from include/settings.toml"
    allowed = _TYPES.get(problem["type"].partition("_")[0]) or (
        problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    )
    variable = variable_of(*path) if len(names) > 1 else where
    # the arguments of a notifier may hold a secret
    given = "not valid" if names[0] == "alerts" else f"{problem['input']!r:.60}"
    return f"{where} (or {variable}) is {given}, allowed is {allowed}"
