"""Which shops there are, and the settings of each.

The shop of the common settings has the connections `vtex_default` and `connectif_default`, and its name is
its VTEX account. Each section `[shops.<name>]` adds a shop, with connections, settings and DAGs of its own:

    [shops.es]                          connections vtex_es and connectif_es, DAGs sync_contacts__es, …
    [shops.es.schedule]
    time_zone = "Europe/Madrid"         all other settings are the common ones, except run.live

A mistake in such a section stops that shop alone. DAG files import this module, so it has no slow imports.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from include.errors import ConfigurationError
from include.setting_types import Settings
from include.settings import (
    SETTINGS_FILE,
    SHOPS,
    Given,
    is_of_shops,
    load_settings,
    read_common,
    read_toml,
    setting_names,
    validate,
    variable_of,
)

DEFAULT = "default"
"""How addresses and commands name the shop of the common settings: its own name is known to VTEX only."""
DEFAULT_SHOP = "default_shop"
SEPARATOR = "__"
"""Between a DAG and its shop. Neither contains it."""
LONGEST_NAME = 40
_NAME = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")
_RESERVED = frozenset({DEFAULT, DEFAULT_SHOP, "newsletter", "health", "shop"})
"""Words of our own addresses and settings, and the name of a shop whose VTEX account is empty."""
_CONN_ID = re.compile(r"[\w.-]{1,200}")
DEFAULT_CONNECTIONS = ("vtex_default", "connectif_default")
"""Those of the shop without a section."""
_BOOLEAN = TypeAdapter(bool)
_CONNECTIONS = ("vtex_connection", "connectif_connection")


@dataclass(frozen=True)
class ConfiguredShop:
    """A shop as the settings describe it. `section` is its name there; empty for the shop without one."""

    section: str
    settings: Settings
    vtex_connection: str = DEFAULT_CONNECTIONS[0]
    connectif_connection: str = DEFAULT_CONNECTIONS[1]

    @property
    def key(self) -> str:
        """The word for the shop in addresses of pages and in commands (`SHOP=es`)."""
        return self.section or DEFAULT

    def dag_id(self, dag: str) -> str:
        """The id of the shop's own DAG: `sync_contacts` → `sync_contacts__es`."""
        return dag_id_of(dag, self.section)

    @property
    def tags(self) -> list[str]:
        """The tag of the shop's DAGs in Airflow's UI; none for the shop without a section."""
        return [f"shop:{self.section}"] if self.section else []


@dataclass(frozen=True)
class Shops:
    """All shops that can run, and by name the mistakes of those that cannot."""

    configured: tuple[ConfiguredShop, ...]
    problems: Mapping[str, ConfigurationError] = field(default_factory=dict)

    def __iter__(self) -> Iterator[ConfiguredShop]:
        return iter(self.configured)

    @property
    def are_several(self) -> bool:
        """Whether pages and commands must ask for a shop."""
        return len(self.configured) + len(self.problems) > 1

    def get(self, key: str) -> ConfiguredShop:
        """The shop with this key; ConfigurationError if there is none, or if its settings are wrong."""
        if key in self.problems:
            raise self.problems[key]
        for shop in self.configured:
            if shop.key == key:
                return shop
        known = ", ".join([*(shop.key for shop in self.configured), *self.problems])
        raise ConfigurationError(f"settings: there is no shop {key!r:.60}; known are {known}")

    def of_dag(self, dag_id: str) -> ConfiguredShop:
        """The shop that a DAG belongs to; ConfigurationError as in `get`."""
        return self.get(section_of(dag_id) or DEFAULT)

    def of_connection(self, conn_id: str) -> ConfiguredShop | None:
        """The first shop that uses this connection."""
        users = (shop for shop in self if conn_id in (shop.vtex_connection, shop.connectif_connection))
        return next(users, None)


def dag_id_of(dag: str, section: str) -> str:
    """`sync_contacts` and `es` → `sync_contacts__es`; without a section the DAG itself."""
    return f"{dag}{SEPARATOR}{section}" if section else dag


def base_of(dag_id: str) -> str:
    """`sync_contacts__es` → `sync_contacts`."""
    return dag_id.partition(SEPARATOR)[0]


def section_of(dag_id: str) -> str:
    """`sync_contacts__es` → `es`; empty for a DAG of the shop without a section."""
    return dag_id.partition(SEPARATOR)[2]


def load_shops() -> Shops:
    """The shops of this process; the settings are read once.

    Raises `ConfigurationError` if the common settings are wrong, or if there is no shop at all.
    """
    sections = _load_sections()
    default = (ConfiguredShop("", load_settings()),) if sections.with_default else ()
    return Shops((*default, *sections.shops), sections.problems)


class Sections(NamedTuple):
    """The shops with a section, by name, and whether there is one without."""

    with_default: bool
    shops: tuple[ConfiguredShop, ...]
    problems: Mapping[str, ConfigurationError]


@cache
def _load_sections() -> Sections:
    return read_sections(SETTINGS_FILE)


def read_sections(file: Path) -> Sections:
    """The sections `[shops.…]` of `file` (TOML), overridden by the environment; see `load_shops`."""
    common, table = read_common(file), _table_of(file)
    with_default = _default_shop(table.pop(DEFAULT_SHOP, True))
    shops, problems = list[ConfiguredShop](), dict[str, ConfigurationError]()
    users = dict.fromkeys(DEFAULT_CONNECTIONS, DEFAULT) if with_default else {}
    for name in sorted(table):
        try:
            shop = _read_shop(name, table[name], common)
            _require_own_connections(shop, users)
            shops.append(shop)
        except ConfigurationError as problem:
            problems[name] = problem
    if not (with_default or shops or problems):
        raise ConfigurationError(
            f"settings: there is no shop: add a section [{SHOPS}.<name>], or leave {SHOPS}.{DEFAULT_SHOP} out"
        )
    return Sections(with_default, tuple(shops), problems)


def _table_of(file: Path) -> dict[str, Any]:
    """What file and environment say of each shop: `{"es": {"vtex_connection": …, "schedule": {…}}}`."""
    table = read_toml(file).get(SHOPS, {})
    if not isinstance(table, dict):
        raise ConfigurationError(f"settings: {SHOPS} must be a table: [{SHOPS}.<name>]")
    for variable in filter(is_of_shops, sorted(os.environ)):
        if value := os.environ[variable]:
            _add_variable(table, variable, value)
    return table


def _add_variable(table: dict[str, Any], variable: str, value: str) -> None:
    name, *names = variable.removeprefix(variable[: len(variable_of(SHOPS, ""))]).lower().split(SEPARATOR)
    if name == DEFAULT_SHOP and not names:
        table[DEFAULT_SHOP] = value
        return
    section = table.setdefault(name, {})
    for step in names[:-1]:
        section = section.setdefault(step, {}) if isinstance(section, dict) else {}
    if isinstance(section, dict):
        section[names[-1] if names else ""] = value


def _default_shop(value: object) -> bool:
    try:
        return _BOOLEAN.validate_python(value)
    except ValidationError:
        raise ConfigurationError(
            f"settings: {SHOPS}.{DEFAULT_SHOP} (or {variable_of(SHOPS, DEFAULT_SHOP)}) is {value!r:.60}, "
            "allowed is true or false"
        ) from None


def is_allowed_name(name: str) -> bool:
    """Whether a section may have this name."""
    return bool(_NAME.fullmatch(name)) and len(name) <= LONGEST_NAME and name not in _RESERVED


def _read_shop(name: str, given: object, common: Given) -> ConfiguredShop:
    where = f"settings: {SHOPS}.{name}"
    if not is_allowed_name(name):
        raise ConfigurationError(
            f"{where} is not allowed as the name of a shop: use up to {LONGEST_NAME} lower-case letters and "
            f"digits, with single _ between them, and none of {', '.join(sorted(_RESERVED))}"
        )
    if not isinstance(given, dict):
        raise ConfigurationError(f"{where} must be a table: [{SHOPS}.{name}]")
    own, connections = dict(given), _connections_of(name, given)
    for connection in _CONNECTIONS:
        own.pop(connection, None)
    _require_known(name, own)
    given_run = {**_live_of(common), **own.get("run", {})}
    sections = {section: {**common.get(section, {}), **values} for section, values in own.items()}
    sections["run"] = {**common.get("run", {}), **given_run}
    return ConfiguredShop(name, validate({**common, **sections}, name), *connections)


def _live_of(common: Given) -> Given:
    """A shop is not live because another one is: an operator says so for each. `sandbox` is for all."""
    live = common.get("run", {}).get("live")
    return {"live": live if live == "sandbox" else False}


def _connections_of(name: str, given: Mapping[str, Any]) -> Iterator[str]:
    """`vtex_es` and `connectif_es`, unless the section names others."""
    for connection in _CONNECTIONS:
        conn_id = given.get(connection, f"{connection.removesuffix('_connection')}_{name}")
        if not isinstance(conn_id, str) or not _CONN_ID.fullmatch(conn_id):
            raise ConfigurationError(
                f"settings: {SHOPS}.{name}.{connection} (or {variable_of(SHOPS, name, connection)}) is not "
                "the id of an Airflow connection"
            )
        yield conn_id


def _require_own_connections(shop: ConfiguredShop, users: dict[str, str]) -> None:
    """Refuse a connection of another shop: rates and secrets belong to one shop. Adds the shop to `users`."""
    own = (shop.vtex_connection, shop.connectif_connection)
    for conn_id in own:
        if conn_id in users:
            raise ConfigurationError(
                f"settings: {SHOPS}.{shop.section} uses the connection {conn_id} of the shop "
                f"{users[conn_id]}: give it a connection of its own"
            )
    users.update(dict.fromkeys(own, shop.section))


def _require_known(name: str, own: Mapping[str, Any]) -> None:
    """Refuse a name that is no setting. The types of the values are checked with the common ones."""
    known: dict[str, set[str]] = {}
    for section, setting in setting_names():
        known.setdefault(section, set()).add(setting)
    for section, values in own.items():
        if section not in known or not isinstance(values, dict):
            raise _not_a_setting(name, section)
        for setting in values.keys() - known[section]:
            raise _not_a_setting(name, section, setting)


def _not_a_setting(*names: str) -> ConfigurationError:
    path = ".".join(filter(None, (SHOPS, *names)))
    return ConfigurationError(
        f"settings: {path} (or {variable_of(SHOPS, *filter(None, names))}) is not a setting. Allowed are "
        f"{', '.join(_CONNECTIONS)}, and the settings of include/settings.toml by section, such as "
        f"{SHOPS}.{names[0]}.schedule.time_zone"
    )
