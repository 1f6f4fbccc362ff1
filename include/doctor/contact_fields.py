"""The shop's further contact fields: whether Connectif has them."""

from __future__ import annotations

from collections.abc import Iterator

from include.connectif.client import ConnectifClient
from include.contacts.field_checks import missing_fields
from include.doctor.check import CheckContext, Line, error, ok
from include.http.transport import AccessRefused

_SUBJECT = "contact fields of the setting contacts.extra_fields"


def contact_fields(connectif: ConnectifClient, context: CheckContext) -> Iterator[Line]:
    """Connectif would leave an unknown column out without a word; the right to ask is another check's."""
    fields = context.settings.contacts.extra_fields
    if not fields:
        yield ok(_SUBJECT, "none are set")
        return
    try:
        missing = missing_fields(connectif, context.settings)
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
