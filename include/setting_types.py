"""The settings by section, with their types and limits. `settings.toml` has their defaults."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from include.live import Live
from include.order_statuses import unknown_status


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
    unknown_retry_minutes: Positive
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
    share_percent: Annotated[float, Field(gt=0, le=100)]


class Connectif(_Section):
    keep_free_percent: Annotated[float, Field(ge=0, le=90)]
    import_poll_seconds: Seconds
    import_timeout_minutes: Positive
    export_timeout_minutes: Positive


class Settings(_Section):
    """All settings of a shop, typed and frozen: `settings.run.overlap_minutes`."""

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
