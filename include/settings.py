"""The settings of the sync: `settings.toml`, overridden by `SYNC_<SECTION>__<NAME>` environment variables.

The TOML file beside this module has every default, with a comment for the operator; the classes here define
types and limits. No secret is a setting: secrets are in the Airflow connections.

DAG files import this module, so it has no slow imports.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from decimal import Decimal
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from include.errors import ConfigurationError
from include.live import Live
from include.order_statuses import unknown_status

SETTINGS_FILE = Path(__file__).with_name("settings.toml")
ENV_PREFIX = "SYNC_"
_KUBERNETES_SERVICE = re.compile(
    r"_(SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$", re.IGNORECASE
)
"""The endings of the variable names that Kubernetes creates for a service."""


def _known_time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise ValueError("an IANA time zone such as America/Sao_Paulo") from None
    return name


def _valid_cron(expression: str) -> str:
    # Airflow depends on croniter, which has no type stubs; imported here to keep the module light
    from croniter import croniter  # type: ignore[import-untyped]  # noqa: PLC0415

    if len(expression.split()) != 5 or not croniter.is_valid(expression):
        raise ValueError("a cron expression of five fields such as 0 3 * * *")
    return expression


def _split_commas(value: object) -> object:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _known_order_statuses(statuses: tuple[str, ...]) -> tuple[str, ...]:
    if problem := unknown_status(statuses):
        raise ValueError(f"a list of VTEX's order statuses, such as invoiced; {problem}")
    return statuses


TimeZone = Annotated[str, AfterValidator(_known_time_zone)]
Cron = Annotated[str, AfterValidator(_valid_cron)]
Words = Annotated[tuple[str, ...], BeforeValidator(_split_commas)]
OrderStatuses = Annotated[Words, AfterValidator(_known_order_statuses)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Percent = Annotated[float, Field(ge=0, le=100)]
PerSecond = Annotated[float, Field(gt=0, le=1000)]
Seconds = Annotated[float, Field(gt=0, le=3600)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Schedule(_Section):
    time_zone: TimeZone
    products: Cron
    contacts: Cron
    purchases: Cron
    reconcile: Cron

    @property
    def zone(self) -> ZoneInfo:
        """The clock of the shop: of its days, and of all times on pages and in summaries."""
        return ZoneInfo(self.time_zone)


class Run(_Section):
    live: Live
    staging_path: Annotated[str, Field(min_length=1)] | None = None
    staging_retention_days: Positive
    outcome_retention_days: Positive
    report_retention_days: Positive
    overlap_minutes: Count
    coverage_days: Count
    reject_limit_percent: Percent
    reject_limit_minimum: Count


class ExtraContactField(_Section):
    """A VTEX field, and the contact field at Connectif that it fills."""

    source: Annotated[str, Field(min_length=1)]
    target: Annotated[str, Field(min_length=1)]
    kind: Literal["text", "email", "phone", "integer", "decimal", "boolean", "date", "radio", "checkbox"]


def _split_extra_fields(value: object) -> object:
    """The value of an environment variable: `gender=gender:radio,document=cpf:text`."""
    if not isinstance(value, str):
        return value
    pattern = re.compile(r"([^=,]+)=([^:,]+):([a-z]+)")
    matches = [pattern.fullmatch(part.strip()) for part in value.split(",") if part.strip()]
    if not all(matches):
        raise ValueError("source=target:kind, separated by commas, such as gender=gender:radio")
    return [
        dict(zip(("source", "target", "kind"), match.groups(), strict=True)) for match in matches if match
    ]


class Contacts(_Section):
    consent_for_new_contacts: Literal["vtex", "none"]
    birth_date_time_zone: TimeZone | None = None
    extra_fields: Annotated[tuple[ExtraContactField, ...], BeforeValidator(_split_extra_fields)]


class Products(_Section):
    product_id_source: Literal["product", "sku"]
    weighed_price: Literal["unit", "measure"]
    vat_rate: Annotated[Decimal, Field(ge=0, lt=1)] | None = None
    custom_field_1: str
    custom_field_2: str
    custom_field_3: str


class Purchases(_Section):
    purchase_id_source: Literal["order_group", "order_id"]
    purchase_when: Literal["placed", "paid"]
    sales_channels: Words
    statuses: OrderStatuses
    sellers: Words
    currency: Annotated[str, Field(pattern=r"^([A-Za-z]{3})?$")]
    no_workflows_after_hours: Count
    index_lag_minutes: Count
    held_days: Count


class MassChange(_Section):
    products_gone_percent: Percent
    products_gone_minimum: Count
    minimum: Count
    products_hidden_percent: Percent
    price_factor: Annotated[float, Field(gt=1)]
    prices_changed_percent: Percent
    fields_blanked_percent: Percent
    orders_left_out_percent: Percent
    names_lost_percent: Percent


class Newsletter(_Section):
    future_tolerance_minutes: Count
    unknown_retry_minutes: Count
    safety_net: bool
    subscription_activity: Annotated[str, Field(min_length=1)]
    unsubscription_activity: Annotated[str, Field(min_length=1)]
    queue: Annotated[str, Field(min_length=1)]


class Reconcile(_Section):
    days: Annotated[int, Field(ge=1, le=366)]
    repair_weekly: bool
    lookups: Count
    product_sample: Count
    examples: Count


class AlertBy(_Section):
    """An Airflow notifier: its import path and its arguments."""

    notifier: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")]
    arguments: dict[str, Any] = {}


def _from_json(value: object) -> object:
    """The value of an environment variable: a list in JSON."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError(
            'a list in JSON, such as [{"notifier": "a.module.Notifier", "arguments": {}}]'
        ) from None


Notifiers = Annotated[tuple[AlertBy, ...], BeforeValidator(_from_json)]


class Alerts(_Section):
    run_failed: Notifiers
    reject_share: Notifiers
    mass_change: Notifiers
    late: Notifiers
    late_after_hours: Annotated[float, Field(gt=0, le=48)]


class Vtex(_Section):
    catalog_per_second: PerSecond
    order_list_per_second: PerSecond
    order_detail_per_second: PerSecond
    master_data_per_second: PerSecond
    newsletter_per_second: PerSecond
    master_data_parallel: Annotated[int, Field(ge=1, le=10)]


class Connectif(_Section):
    keep_free_percent: Annotated[float, Field(ge=0, le=90)]
    import_poll_seconds: Seconds
    import_timeout_minutes: Positive
    export_timeout_minutes: Positive


class Settings(_Section):
    """All settings, typed and frozen: `load_settings().run.overlap_minutes`."""

    schedule: Schedule
    run: Run
    contacts: Contacts
    products: Products
    purchases: Purchases
    mass_change: MassChange
    newsletter: Newsletter
    reconcile: Reconcile
    alerts: Alerts
    vtex: Vtex
    connectif: Connectif


@cache
def load_settings() -> Settings:
    """The settings of this process, read once.

    Raises `ConfigurationError` with one line that names each wrong setting and what is allowed.
    """
    return read_settings(SETTINGS_FILE)


def read_settings(file: Path) -> Settings:
    """`file` (TOML) overridden by the environment; see `load_settings`."""
    given = _toml(file)
    for (section, name), value in _from_environment().items():
        given.setdefault(section, {})[name] = value
    return _validate(given)


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


def misspelt_variables() -> dict[str, str]:
    """Variables without effect that look like a mistyped setting: `{variable: the setting's variable}`.

    They have one underscore instead of two, or an unknown section. They cause only a warning, because other
    programs use our prefix too.
    """
    known = [_variable(*one) for one in _names()]
    return {
        variable: nearest[0]
        for variable in sorted(os.environ)
        if variable.upper().startswith(ENV_PREFIX)
        and not _is_ours(variable)
        and not _KUBERNETES_SERVICE.search(variable)
        if (
            nearest := get_close_matches(variable.upper(), known, n=1, cutoff=0 if "__" in variable else 0.75)
        )
    }


def _defaults() -> dict[tuple[str, str], Any]:
    """The values of the file; empty if the file alone is not valid."""
    try:
        settings = _validate(_toml(SETTINGS_FILE))
    except ConfigurationError:
        return {}
    return {(section, name): getattr(getattr(settings, section), name) for section, name in _names()}


def _validate(given: dict[str, Any]) -> Settings:
    try:
        return Settings(**given)
    except ValidationError as error:
        problems = "; ".join(_sentence(problem) for problem in error.errors())
        raise ConfigurationError(f"settings: {problems}") from None


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"settings: {file.name} cannot be read ({type(error).__name__})") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"settings: {file.name} is not valid TOML: {error}") from None


def _from_environment() -> dict[tuple[str, str], str]:
    """Values by section and name. ConfigurationError for an unknown name in a known section."""
    known = {_variable(*one): one for one in _names()}
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
    return variable.upper().startswith(tuple(_variable(section, "") for section in Settings.model_fields))


def _names() -> list[tuple[str, str]]:
    sections = {name: field.annotation for name, field in Settings.model_fields.items()}
    return [
        (section, name)
        for section, model in sections.items()
        if isinstance(model, type) and issubclass(model, BaseModel)
        for name in model.model_fields
    ]


def _variable(section: str, name: str) -> str:
    return f"{ENV_PREFIX}{section}__{name}".upper()


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


def _sentence(problem: ErrorDetails) -> str:
    where = ".".join(str(part) for part in problem["loc"][:2])
    if problem["type"] == "extra_forbidden":
        return f"{where} is not a setting, see include/settings.toml"
    if problem["type"] == "missing":
        return f"{where} is missing from include/settings.toml"
    allowed = _TYPES.get(problem["type"].partition("_")[0]) or (
        problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    )
    variable = _variable(*where.split(".", 1)) if "." in where else where
    # the arguments of a notifier may hold a secret
    given = "not valid" if where.startswith("alerts.") else f"{problem['input']!r:.60}"
    return f"{where} (or {variable}) is {given}, allowed is {allowed}"
