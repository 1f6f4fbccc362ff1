"""The customer documents of addresses, few calls for many."""

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
WITH_CHANGE = (*FIELDS, "createdIn", "updatedIn")
_HARMLESS = "nobody@example.com"

Documents = dict[str, list[dict[str, Any]]]
"""By lower-cased e-mail."""
Refusals = dict[str, RequestRefused]
"""By e-mail: why VTEX does not look up this one."""


def looked_up(vtex: VtexClient, emails: Sequence[str], fields: Sequence[str]) -> tuple[Documents, Refusals]:
    """As `documents_of`, but an address that VTEX refuses costs only itself.

    Raises RequestRefused where VTEX refuses everybody, a harmless address too: no event is to blame then.
    """
    refused: Refusals = {}
    found = documents_of(vtex, emails, fields, refused)
    if len(refused) == len(emails):
        documents_of(vtex, [_HARMLESS], fields)
    return found, refused


def documents_of(
    vtex: VtexClient,
    emails: Sequence[str],
    fields: Sequence[str] = FIELDS,
    refused: Refusals | None = None,
) -> Documents:
    """CL documents of at most 50 addresses, in one call where that will do.

    Addresses are compared without case and asked for in all `spellings`, because VTEX keeps them as they
    were typed; one may have several documents. An address refused alone goes to `refused`, or is raised.
    """
    documents = _in_one_call(vtex, emails, fields, refused)
    if documents is None:
        first, second = emails[: len(emails) // 2], emails[len(emails) // 2 :]
        return documents_of(vtex, first, fields, refused) | documents_of(vtex, second, fields, refused)
    found: Documents = {}
    for document in documents:
        found.setdefault(email_of(document), []).append(document)
    return found


def _in_one_call(
    vtex: VtexClient, emails: Sequence[str], fields: Sequence[str], refused: Refusals | None
) -> list[dict[str, Any]] | None:
    """None where it takes more calls: the addresses are too long together, one of them makes VTEX refuse all,
    or the answer is full (addresses with so many documents are rare, and the rest would be left out).
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
