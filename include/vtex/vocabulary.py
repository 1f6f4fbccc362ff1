"""VTEX's codes, fields and texts that our messages may contain."""

from __future__ import annotations

import re

from include.http.known_words import Vocabulary

SLOTS_TAKEN = "maximum simultaneous scrolls"
TOKEN_EXPIRED = "operation not found for this token"  # noqa: S105 - VTEX's text

VOCABULARY = Vocabulary(
    # OMS: `{"error": {"code": "OMS007", "message": "Order Not Found", …}}` (VTEX's OpenAPI schema of the
    # Orders API, read 2026-11-28). Other codes are numbers of different lengths.
    codes=re.compile(r"OMS\d{3}"),
    texts={
        SLOTS_TAKEN: "Maximum simultaneous scrolls",
        TOKEN_EXPIRED: "Operation not found for this token",
        "cannot filter by private fields": "Cannot filter by private fields",
        "parameter _from can't be greater than": "Parameter _from can't be greater than 2500",
        "not filterable": "Field not filterable",
        "order not found": "Order not found",
        "unauthorized": "Unauthorized",
        "access denied": "Access denied",
        "too many requests": "Too many requests",
        "timeout": "Time-out",
    },
    fields=frozenset(
        {
            *("id", "email", "userId", "firstName", "lastName", "homePhone", "birthDate", "createdIn"),
            *("updatedIn", "isNewsletterOptIn", "creationDate", "authorizedDate", "orderBy", "per_page"),
            *(
                "_where",
                "_fields",
                "_sort",
                "_size",
                "_token",
                "_from",
                "_to",
                "orderId",
                "productId",
                "skuId",
            ),
        }
    ),
)
