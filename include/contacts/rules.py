"""The settings of contacts: the rules of the mapping, and the extra fields, checked against Connectif."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from zoneinfo import ZoneInfo

import pandas as pd

from include.connectif.client import ConnectifClient
from include.contacts.fields import CONTACT_COLUMNS, SOURCE_FIELDS, ExtraField
from include.contacts.mapping import map_contacts
from include.errors import ConfigurationError, ContractError
from include.pipeline.run import SyncRun
from include.setting_types import Settings
from include.values.mapped import Mapped


def contact_mapping(
    run: SyncRun, extra_fields: Sequence[ExtraField] = ()
) -> Callable[[pd.DataFrame], Mapped]:
    """`map_contacts` with the country of the shop, today's date and the settings of contacts."""
    zone = run.settings.contacts.birth_date_time_zone
    return partial(
        map_contacts,
        country=run.vtex.account.country,
        today=run.now().date(),
        birth_date_zone=ZoneInfo(zone) if zone else None,
        extra_fields=extra_fields,
    )


_MOST_PAGES = 100


def extra_fields_of(run: SyncRun) -> tuple[ExtraField, ...]:
    """The fields of the settings; ConfigurationError for an id that no contact field can have, or two fields
    with one id.
    """
    fields = run.settings.contacts.extra_fields
    targets = Counter(field.target for field in fields)
    if repeated := sorted(target for target, number in targets.items() if number > 1):
        raise ConfigurationError(
            f"Setting contacts.extra_fields: {', '.join(repeated)} has two sources. Leave one of them"
        )
    return tuple(ExtraField(field.source, field.target, field.kind) for field in fields)


def extra_sources_of(run: SyncRun) -> list[str]:
    """The document fields to read in addition to SOURCE_FIELDS."""
    return sorted({field.source for field in extra_fields_of(run)} - set(SOURCE_FIELDS))


def check_extra_fields(run: SyncRun) -> None:
    """ConfigurationError if Connectif lacks a field: an import would ignore its column without an error."""
    extra_fields_of(run)
    missing = missing_fields(run.connectif, run.settings)
    if missing:
        raise ConfigurationError(
            f"Connectif has no contact field {', '.join(missing)}. Create it there (Store settings > "
            "Contacts > Fields), or remove it from the setting contacts.extra_fields. Nothing was sent"
        )


def missing_fields(connectif: ConnectifClient, settings: Settings) -> list[str]:
    """Targets of the setting that Connectif does not have."""
    wanted = {field.target for field in settings.contacts.extra_fields} - set(CONTACT_COLUMNS)
    return sorted(wanted - _contact_fields(connectif)) if wanted else []


def _contact_fields(connectif: ConnectifClient) -> set[str]:
    fields, following = connectif.contact_fields()
    for _ in range(_MOST_PAGES):
        if not following:
            return set(fields)
        more, following = connectif.contact_fields(following)
        fields += more
    raise ContractError(
        f"Connectif, list contact fields: the list does not end after {_MOST_PAGES} pages. "
        "Ask Connectif's support, or empty the setting contacts.extra_fields"
    )
