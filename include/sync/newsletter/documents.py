"""The customer documents of addresses, few calls for many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from include.mapping.address import tidied
from include.vtex import limits
from include.vtex.client import VtexClient
from include.vtex.filters import any_of

FIELDS = ("id", "email", "isNewsletterOptIn")
WITH_CHANGE = (*FIELDS, "createdIn", "updatedIn")


def documents_of(
    vtex: VtexClient, emails: Sequence[str], fields: Sequence[str] = FIELDS
) -> dict[str, list[dict[str, Any]]]:
    """CL documents by lower-cased e-mail, for at most 50 addresses in one call, or in more when an answer
    is full: addresses with so many documents are rare, and the rest of them would be left out.

    Addresses are compared without case, because VTEX keeps them as they were typed; one may have several
    documents.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    documents = vtex.search_clients(where=any_of("email", emails), fields=fields)
    if len(documents) >= limits.SEARCH_PAGE and len(emails) > 1:
        half = len(emails) // 2
        return documents_of(vtex, emails[:half], fields) | documents_of(vtex, emails[half:], fields)
    for document in documents:
        found.setdefault(tidied(str(document.get("email") or "")), []).append(document)
    return found
