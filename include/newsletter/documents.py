"""Finds the customer documents of many e-mail addresses with few calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from include.http.transport import RequestRefused
from include.values.address import email_of, spellings
from include.vtex import limits
from include.vtex.client import VtexClient
from include.vtex.filters import any_of

FIELDS = ("id", "email", "isNewsletterOptIn")
FIELDS_WITH_DATES = (*FIELDS, "createdIn", "updatedIn")
_PROBE_EMAIL = "nobody@example.com"

Documents = dict[str, list[dict[str, Any]]]
"""Documents by lower-cased e-mail."""
Refusals = dict[str, RequestRefused]
"""By e-mail: why VTEX refuses to look this address up."""


def find_documents_and_refusals(
    vtex: VtexClient, emails: Sequence[str], fields: Sequence[str]
) -> tuple[Documents, Refusals]:
    """Like `find_documents`, but a refused address does not stop the look-up of the others.

    Raises RequestRefused if VTEX refuses all addresses and a valid probe address too: then no event is the
    cause.
    """
    refused: Refusals = {}
    found = find_documents(vtex, emails, fields, refused)
    if len(refused) == len(emails):
        find_documents(vtex, [_PROBE_EMAIL], fields)
    return found, refused


def find_documents(
    vtex: VtexClient,
    emails: Sequence[str],
    fields: Sequence[str] = FIELDS,
    refused: Refusals | None = None,
) -> Documents:
    """Return the CL documents of at most 50 addresses, with one call if possible.

    VTEX keeps addresses as the customer typed them. So the search includes all `spellings` and ignores the
    case, and one address may have several documents. If VTEX refuses a single address, it is added to
    `refused`; without `refused`, RequestRefused is raised.
    """
    documents = _search_at_once(vtex, emails, fields, refused)
    if documents is None:
        first, second = emails[: len(emails) // 2], emails[len(emails) // 2 :]
        return find_documents(vtex, first, fields, refused) | find_documents(vtex, second, fields, refused)
    found: Documents = {}
    for document in documents:
        found.setdefault(email_of(document), []).append(document)
    return found


def _search_at_once(
    vtex: VtexClient, emails: Sequence[str], fields: Sequence[str], refused: Refusals | None
) -> list[dict[str, Any]] | None:
    """Return None if the search needs several calls.

    This is so if the filter is too long, if VTEX refuses it because of one address, or if the page is full:
    the documents beyond a full page would be lost.
    """
    typed = [spelling for email in emails for spelling in spellings(email)]
    where, several = any_of("email", typed), len(emails) > 1
    if several and (
        len(typed) > limits.ALTERNATIVES_PER_FILTER
        or len(quote(where, safe="")) > limits.LONGEST_FILTER_BYTES
    ):
        return None
    try:
        documents = vtex.search_clients(where=where, fields=fields)
    except RequestRefused as error:
        if several:
            return None
        if refused is None:
            raise
        refused[emails[0]] = error
        return []
    return None if several and len(documents) >= limits.SEARCH_PAGE else documents
