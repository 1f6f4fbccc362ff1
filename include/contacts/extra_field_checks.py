"""The shop's further contact fields: from its settings, checked against Connectif before anything is read."""

from __future__ import annotations

from include.connectif.client import ConnectifClient
from include.contacts.extra_field import ExtraField
from include.contacts.mapping import CONTACT_COLUMNS, SOURCE_FIELDS
from include.errors import ConfigurationError, ContractError
from include.pipeline.run import SyncRun
from include.settings import Settings

_MOST_PAGES = 100


def extra_fields_of(run: SyncRun) -> tuple[ExtraField, ...]:
    """The fields of the settings; ConfigurationError for an id that no contact field can have."""
    fields = run.settings.contacts.extra_fields
    return tuple(ExtraField(field.source, field.target, field.kind) for field in fields)


def extra_sources_of(run: SyncRun) -> list[str]:
    """The document fields to ask for beside SOURCE_FIELDS."""
    return sorted({field.source for field in extra_fields_of(run)} - set(SOURCE_FIELDS))


def check_extra_fields(run: SyncRun) -> None:
    """ConfigurationError when Connectif has no such field: it would leave the column out without a word."""
    extra_fields_of(run)
    unknown = missing_fields(run.connectif, run.settings)
    if unknown:
        raise ConfigurationError(
            f"Connectif has no contact field {', '.join(unknown)}. Create it there (Store settings > "
            "Contacts > Fields), or take it out of the setting contacts.extra_fields. Nothing was sent"
        )


def missing_fields(connectif: ConnectifClient, settings: Settings) -> list[str]:
    """Targets of the setting that Connectif does not have."""
    wanted = {field.target for field in settings.contacts.extra_fields} - set(CONTACT_COLUMNS)
    return sorted(wanted - _contact_fields(connectif)) if wanted else []


def _contact_fields(connectif: ConnectifClient) -> set[str]:
    found, following = connectif.contact_fields()
    for _ in range(_MOST_PAGES):
        if not following:
            return set(found)
        more, following = connectif.contact_fields(following)
        found += more
    raise ContractError(
        f"Connectif, list contact fields: each of {_MOST_PAGES} pages names another one, so the list does "
        "not end. Ask Connectif's support, or take the fields out of the setting contacts.extra_fields"
    )
