"""Connectif's codes, fields and texts that our messages may contain."""

from __future__ import annotations

import re

from include.http.known_words import Vocabulary

_FOREIGN_LINK = "a link is outside the domains that the Connectif account allows"
_MISSING_COLUMNS = "missing columns"
_UNKNOWN_NAME = "something does not exist"

VOCABULARY = Vocabulary(
    # The documented codes (guides, custom error codes; read 2026-11-28). New codes should have this form.
    codes=re.compile(r"E0[1-9]0[1-9]"),
    meanings={
        "E0101": "the contact does not exist",
        "E0102": "products do not exist",
        "E0103": _FOREIGN_LINK,
        "E0201": _FOREIGN_LINK,
        "E0301": "too many exports are queued",
        "E0401": "too many imports are queued",
        "E0501": "the contact does not exist",
    },
    texts={
        "validation error": "validation errors",
        "non authorized domain": _FOREIGN_LINK,
        "domain is not authori": _FOREIGN_LINK,
        "missing columns": _MISSING_COLUMNS,
        "already exists": "it exists already",
        "does not exist": _UNKNOWN_NAME,
        "not found": "not found",
        "too large": "too large",
        "invalid email": "invalid e-mail",
        "invalid date": "invalid date",
        "required": "a value is required",
    },
    fields=frozenset(
        {
            *("_email", "_name", "_surname", "_mobilePhone", "_birthdate", "_newsletterSubscriptionStatus"),
            *("productId", "productDetailUrl", "name", "unitPrice", "unitPriceOriginal", "discountedAmount"),
            *("discountedPercentage", "unitPriceWithoutVAT", "availability", "inStockUnits", "categories"),
            *("tags", "brand", "description", "imageUrl", "thumbnailUrl", "publishedAt"),
            *("customField1", "customField2", "customField3", "purchaseId", "contactEmail", "purchaseDate"),
            *("totalPrice", "totalQuantity", "products", "quantity", "price", "cartId", "coupons"),
            *("paymentMethod", "file", "overrideExisting", "delimiter", "exportType", "filters", "fromDate"),
            *("toDate", "activityTypes", "dateFormat"),
        }
    ),
)

SETUP_CODES = ("E0103", "E0201")
SETUP_TEXTS = (_FOREIGN_LINK, _MISSING_COLUMNS, _UNKNOWN_NAME)
"""Refusals because of the account's domains and fields: other records are refused alike."""

STATUSES = frozenset({"queued", "inProgress", "finished", "error", "cancelled"})
"""States of imports and exports (reference, read 2026-11-28). Messages quote no other text."""


def quote_status(status: str) -> str:
    """Quote a documented status, such as `'error'`; replace any other text."""
    return repr(status) if status in STATUSES else "a status that is not documented"
