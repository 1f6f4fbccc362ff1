"""Checks customers: the fields and addresses that VTEX shows to the key, and Connectif's contact fields."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from include.connectif.client import ConnectifClient
from include.contacts.fields import SOURCE_FIELDS
from include.contacts.rules import missing_fields
from include.doctor.check import CheckContext, Line, error, ok, warning
from include.http.transport import AccessRefused, RequestRefused, UnreadableAnswer
from include.outcomes import Reason
from include.values.address import email_of, problem_of
from include.vtex import answers, routes
from include.vtex.client import VtexClient

FILTERED = {
    "createdIn": "contacts",
    "updatedIn": "contacts",
    "email": "the newsletter",
    "userId": "purchases",
}
"""Fields of `CL` that the sync filters by, and the part of the sync that needs the filter."""
_SAMPLE = 50
_EXTRA_FIELDS = "contact fields of the setting contacts.extra_fields"


def check_customer_fields(vtex: VtexClient, context: CheckContext) -> Iterator[Line]:
    """Check the filters: a field is filterable if its details say so, or if a search with it succeeds.

    VTEX rejects such a search with 400. The search is needed: VTEX's own example has an e-mail field that is
    not `isFilter`, and a key may lack the permission for the details.
    """
    details = _details(vtex)
    flagged = {field["name"] for field in details or [] if field.get("isFilter")}
    refused = sorted(name for name in FILTERED if name not in flagged and not _can_filter(vtex, name))
    subject = "VTEX, filters of CL"
    if refused:
        needed = ", ".join(f"{name} ({FILTERED[name]})" for name in refused)
        advice = "VTEX: Master Data > Advanced settings > Data entities > CL: make the field filterable"
        yield error(subject, f"cannot filter by {needed}", advice)
    else:
        others = sorted(flagged - FILTERED.keys())
        more = f"; so can {', '.join(others)}" if others else ""
        yield ok(subject, f"{', '.join(FILTERED)} can be filtered{more}")
    yield _check_sources(details, context)


def _details(vtex: VtexClient) -> list[dict[str, Any]] | None:
    """The fields of the entity; None if the key may not read them."""
    try:
        return vtex.transport.read(routes.CLIENT_FIELDS, answers.parse_entity_fields)
    except (AccessRefused, UnreadableAnswer):
        return None


def _can_filter(vtex: VtexClient, field: str) -> bool:
    try:
        vtex.search_clients(where=f"{field} is not null", fields=("id",), most=1)
    except RequestRefused:
        return False
    return True


def _check_sources(details: list[dict[str, Any]] | None, context: CheckContext) -> Line:
    subject = "VTEX, fields of CL"
    if details is None:
        return warning(
            subject,
            "not checked, the key may not read them",
            f"Give it {routes.CLIENT_FIELDS.right}, or compare contacts.extra_fields by hand",
        )
    wanted = {*SOURCE_FIELDS, "userId", *(f.source for f in context.settings.contacts.extra_fields)}
    missing = sorted(wanted - {"id", *(field["name"] for field in details)})
    if missing:
        return error(
            subject,
            f"missing: {', '.join(missing)}",
            "Correct the source in the setting contacts.extra_fields, or create the field in Master Data",
        )
    return ok(subject, f"all {len(wanted)} that the sync reads exist")


def check_masking(vtex: VtexClient, _: CheckContext) -> Iterator[Line]:
    """Count masked addresses in a sample of customers: the sync rejects them."""
    subject = "VTEX, addresses of customers"
    documents = vtex.search_clients(where="email is not null", fields=("email",), most=_SAMPLE)
    problems = Counter(problem_of(email_of(document)) for document in documents)
    masked, seen = problems[Reason.EMAIL_MASKED], len(documents)
    found = f"{masked} of {seen} checked addresses contain * or use VTEX's alias domain"
    if not seen:
        yield warning(subject, "not checked, there is no customer yet", "Check again after the first orders")
    elif 2 * masked > seen:
        advice = "Ask VTEX to let the key read personal data (data protection); masked addresses are rejected"
        yield error(subject, found, advice)
    elif masked:
        yield warning(
            subject, found, "The sync rejects them as email_masked; a few aliases of guests are normal"
        )
    else:
        yield ok(subject, f"none of {seen} checked addresses is masked")


def check_contact_fields(connectif: ConnectifClient, context: CheckContext) -> Iterator[Line]:
    """Check that Connectif has the extra fields: it would drop an unknown column without an error.

    The permission to read the fields has its own check.
    """
    fields = context.settings.contacts.extra_fields
    if not fields:
        yield ok(_EXTRA_FIELDS, "none are set")
        return
    try:
        missing = missing_fields(connectif, context.settings)
    except AccessRefused:
        return
    if missing:
        yield error(
            _EXTRA_FIELDS,
            f"Connectif has no {', '.join(missing)}",
            "Create it at Connectif (Store settings > Contacts > Fields), or remove it from the setting",
        )
    else:
        yield ok(_EXTRA_FIELDS, f"all {len(fields)} exist at Connectif")
