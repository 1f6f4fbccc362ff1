"""What VTEX lets the key see of customers: which fields can be asked for, and whether addresses are real."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from include.contacts.fields import SOURCE_FIELDS
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
"""Fields of `CL` that the sync filters by, and what does not work without."""
_SAMPLE = 50


def client_fields(vtex: VtexClient, context: CheckContext) -> Iterator[Line]:
    """Filterable are fields whose details say so; of the others, and without the right to see details, a
    search tells: VTEX refuses it with 400. (Its own example shows an e-mail field that is not `isFilter`.)
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
    yield _known_sources(details, context)


def _details(vtex: VtexClient) -> list[dict[str, Any]] | None:
    """The fields of the entity; None when the key may not see them."""
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


def _known_sources(details: list[dict[str, Any]] | None, context: CheckContext) -> Line:
    subject = "VTEX, fields of CL"
    if details is None:
        return warning(
            subject,
            "not checked, the key may not see them",
            f"Give it {routes.CLIENT_FIELDS.right}, or compare contacts.extra_fields by hand",
        )
    wanted = {*SOURCE_FIELDS, "userId", *(f.source for f in context.settings.contacts.extra_fields)}
    missing = sorted(wanted - {"id", *(field["name"] for field in details)})
    if missing:
        return error(
            subject,
            f"there is no {', '.join(missing)}",
            "Correct the source in the setting contacts.extra_fields, or create the field in Master Data",
        )
    return ok(subject, f"all {len(wanted)} that are read exist")


def masking(vtex: VtexClient, _: CheckContext) -> Iterator[Line]:
    """A sample of customers, in counts: masked addresses are refused, and nobody would be synced."""
    subject = "VTEX, addresses of customers"
    documents = vtex.search_clients(where="email is not null", fields=("email",), most=_SAMPLE)
    problems = Counter(problem_of(email_of(document)) for document in documents)
    masked, seen = problems[Reason.EMAIL_MASKED], len(documents)
    found = f"{masked} of {seen} looked at hold * or lie on VTEX's alias domain"
    if not seen:
        yield warning(subject, "not checked, there is no customer yet", "Look again after the first orders")
    elif 2 * masked > seen:
        advice = "Ask VTEX to let the key see personal data (data protection); masked ones are rejected"
        yield error(subject, found, advice)
    elif masked:
        yield warning(
            subject, found, "These are rejected as email_masked; a few are normal, aliases of guests"
        )
    else:
        yield ok(subject, f"none of {seen} looked at is masked")
