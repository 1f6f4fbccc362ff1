"""The shop's further contact fields: whether Connectif has them."""

from __future__ import annotations

from collections.abc import Iterator

from include.connectif.client import ConnectifClient
from include.doctor.lines import Line, Practice, error, ok
from include.rest.transport import AccessRefused
from include.sync.contacts.extra_fields import missing_fields

_SUBJECT = "contact fields of the setting contacts.extra_fields"


def contact_fields(connectif: ConnectifClient, practice: Practice) -> Iterator[Line]:
    """Connectif would leave an unknown column out without a word; the right to ask is another check's."""
    fields = practice.settings.contacts.extra_fields
    if not fields:
        yield ok(_SUBJECT, "none are set")
        return
    try:
        missing = missing_fields(connectif, practice.settings)
    except AccessRefused:
        return
    if missing:
        yield error(
            _SUBJECT,
            f"Connectif has no {', '.join(missing)}",
            "Create it there (Store settings > Contacts > Fields), or take it out of the setting",
        )
    else:
        yield ok(_SUBJECT, f"all {len(fields)} exist at Connectif")
