"""How the sync behaves: `settings.toml`, overridden by `SYNC_<SECTION>__<NAME>` environment variables.

Every default is in the TOML file beside this module, with a comment for whoever edits it; the classes
here give types and limits. No secret is a setting: those are in the Airflow connections.

This module is imported while DAGs are parsed, so it imports nothing heavy.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from include.errors import ConfigurationError

SETTINGS_FILE = Path(__file__).with_name("settings.toml")
ENV_PREFIX = "SYNC_"
TEST_PREFIX = "SYNC_TEST_"
"""Variables of the test suite share the prefix and are no settings."""


def _known_time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise ValueError("an IANA time zone such as America/Sao_Paulo") from None
    return name


def _valid_cron(expression: str) -> str:
    # Airflow brings croniter (it has no type stubs); imported where it is used to stay light
    from croniter import croniter  # type: ignore[import-untyped]  # noqa: PLC0415

    if len(expression.split()) != 5 or not croniter.is_valid(expression):
        raise ValueError("a cron expression of five fields such as 0 3 * * *")
    return expression


def _split_commas(value: object) -> object:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


TimeZone = Annotated[str, AfterValidator(_known_time_zone)]
Cron = Annotated[str, AfterValidator(_valid_cron)]
Words = Annotated[tuple[str, ...], BeforeValidator(_split_commas)]
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


class Run(_Section):
    staging_path: Annotated[str, Field(min_length=1)] | None = None
    staging_retention_days: Positive
    outcome_retention_days: Positive
    report_retention_days: Positive
    overlap_minutes: Count
    coverage_days: Count
    reject_limit_percent: Percent
    reject_limit_minimum: Count


class ExtraContactField(_Section):
    """A VTEX field that fills a contact field which the shop has set up at Connectif."""

    source: Annotated[str, Field(min_length=1)]
    target: Annotated[str, Field(min_length=1)]
    kind: Literal["text", "email", "phone", "integer", "decimal", "boolean", "date", "radio", "checkbox"]


def _split_extra_fields(value: object) -> object:
    """`gender=gender:radio,document=cpf:text`, as an environment variable writes it."""
    if not isinstance(value, str):
        return value
    pattern = re.compile(r"([^=,]+)=([^:,]+):([a-z]+)")
    matches = [pattern.fullmatch(part.strip()) for part in value.split(",") if part.strip()]
    if not all(matches):
        raise ValueError("source=target:kind, several with commas, as in gender=gender:radio")
    return [
        dict(zip(("source", "target", "kind"), match.groups(), strict=True)) for match in matches if match
    ]


class Contacts(_Section):
    consent_for_new_contacts: Literal["vtex", "none"]
    extra_fields: Annotated[tuple[ExtraContactField, ...], BeforeValidator(_split_extra_fields)]


class Products(_Section):
    product_id_source: Literal["product", "sku"]
    vat_rate: Annotated[Decimal, Field(ge=0, lt=1)] | None = None
    custom_field_1: str
    custom_field_2: str
    custom_field_3: str
    mass_change_percent: Percent
    mass_change_minimum: Count


class Purchases(_Section):
    purchase_id_source: Literal["order_group", "order_id"]
    purchase_when: Literal["placed", "paid"]
    sales_channels: Words
    statuses: Words
    sellers: Words
    currency: Annotated[str, Field(pattern=r"^([A-Za-z]{3})?$")]
    quiet_after_hours: Count
    index_lag_minutes: Count
    held_days: Count


class Newsletter(_Section):
    future_tolerance_minutes: Count
    unknown_retry_minutes: Count
    safety_net: bool
    subscription_activity: Annotated[str, Field(min_length=1)]
    unsubscription_activity: Annotated[str, Field(min_length=1)]


class Reconcile(_Section):
    days: Annotated[int, Field(ge=1, le=366)]
    repair_weekly: bool
    lookups: Count
    product_sample: Count
    examples: Count


class AlertBy(_Section):
    """One of Airflow's notifiers, by its import path, and what it is made with."""

    notifier: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")]
    arguments: dict[str, Any] = {}


def _from_json(value: object) -> object:
    """A list as JSON, as an environment variable writes it."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError(
            'a list in JSON, as in [{"notifier": "a.module.Notifier", "arguments": {}}]'
        ) from None


Notifiers = Annotated[tuple[AlertBy, ...], BeforeValidator(_from_json)]


class Alerts(_Section):
    run_failed: Notifiers
    reject_share: Notifiers
    brake: Notifiers
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


class Settings(BaseSettings):
    """All settings, typed and frozen: `load_settings().run.overlap_minutes`."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        enable_decoding=False,  # a list is written with commas, not as JSON
        frozen=True,
        extra="forbid",
    )

    schedule: Schedule
    run: Run
    contacts: Contacts
    products: Products
    purchases: Purchases
    newsletter: Newsletter
    reconcile: Reconcile
    alerts: Alerts
    vtex: Vtex
    connectif: Connectif

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  (the base class's signature)
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  (the base class's signature)
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  (the base class's signature)
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over what the TOML file (given as init arguments) says."""
        return env_settings, init_settings


@cache
def load_settings() -> Settings:
    """The settings of this process, read once.

    Raises `ConfigurationError` with one line that names each wrong setting and what is allowed.
    """
    return read_settings(SETTINGS_FILE)


def read_settings(file: Path) -> Settings:
    """`file` (TOML) overridden by the environment; see `load_settings`."""
    _refuse_unknown_variables()
    try:
        return Settings(**_toml(file))
    except ValidationError as error:
        problems = "; ".join(_sentence(problem) for problem in error.errors())
        raise ConfigurationError(f"settings: {problems}") from None
    except SettingsError as error:
        raise ConfigurationError(f"settings: {error}") from None


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"settings: {file.name} cannot be read ({type(error).__name__})") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"settings: {file.name} is not valid TOML: {error}") from None


def _refuse_unknown_variables() -> None:
    """pydantic-settings passes over what it does not know; a typing mistake must not go unnoticed."""
    known = {_variable(section, name) for section, name in _names()}
    for variable in sorted(os.environ):
        upper = variable.upper()
        if upper.startswith(ENV_PREFIX) and not upper.startswith(TEST_PREFIX) and upper not in known:
            raise ConfigurationError(
                f"settings: the environment variable {variable} names no setting; "
                f"they are called SYNC_<SECTION>__<NAME>, see include/settings.toml"
            )


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


def _sentence(problem: ErrorDetails) -> str:
    where = ".".join(str(part) for part in problem["loc"][:2])
    if problem["type"] == "extra_forbidden":
        return f"{where} is not a setting, see include/settings.toml"
    if problem["type"] == "missing":
        return f"{where} is missing from include/settings.toml"
    allowed = problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    variable = _variable(*where.split(".", 1)) if "." in where else where
    return f"{where} (or {variable}) is {problem['input']!r:.60}, allowed is {allowed}"
