"""Connectif's endpoints that the sync uses. Rights are the scopes of an API key, in Connectif's words.

Connectif's reference writes collection routes with a final slash; both forms work.
"""

from __future__ import annotations

from include.http.route import KEY, WORD, Repeat, Route

# Connectif publishes no sizes. A record, or the state of an import or export, has some kilobytes.
_MOST_BYTES_OF_RECORD = 4_000_000

LIST_IMPORTS = Route("list imports", "GET", "/imports/", "the scope Imports: Read")
# 50 MB at half a megabyte a second, plus the time that Connectif needs to accept them.
CREATE_IMPORT = Route(
    "create import",
    "POST",
    "/imports/",
    "the scope Imports: Write",
    writes=True,
    read_timeout_seconds=300,
    deadline_seconds=600,
    most_bytes=_MOST_BYTES_OF_RECORD,
)
READ_IMPORT = Route(
    "read import",
    "GET",
    "/imports/{id}",
    "the scope Imports: Read",
    id_form=KEY,
    most_bytes=_MOST_BYTES_OF_RECORD,
)
READ_REPORT = Route("read import's error report", "GET", "", "the scope Imports: Read", most_bytes=50_000_000)

LIST_CONTACT_FIELDS = Route(
    "list contact fields",
    "GET",
    "/contact-fields/",
    "the scope Contact fields: Read",
    most_bytes=_MOST_BYTES_OF_RECORD,
)
CREATE_EXPORT = Route(
    "create export", "POST", "/exports/", "the scope Exports: Write", most_bytes=_MOST_BYTES_OF_RECORD
)
READ_EXPORT = Route(
    "read export",
    "GET",
    "/exports/{id}",
    "the scope Exports: Read",
    id_form=KEY,
    most_bytes=_MOST_BYTES_OF_RECORD,
)
# A ZIP, streamed to disk: a million contacts, or the purchases of a month, are some hundred megabytes.
READ_EXPORT_FILE = Route(
    "read export's file",
    "GET",
    "",
    "the scope Exports: Read",
    read_timeout_seconds=300,
    most_bytes=2_000_000_000,
    deadline_seconds=1_800,
)

READ_CONTACT = Route(
    "read contact",
    "GET",
    "/contacts/email/{email}",
    "the scope Contacts: Read",
    id_form=WORD,
    most_bytes=_MOST_BYTES_OF_RECORD,
)
_WRITTEN = frozenset({200, 201, 204})
PATCH_CONTACT = Route(
    "patch contact",
    "PATCH",
    "/contacts/email/{email}",
    "the scope Contacts: Write",
    writes=True,
    silent=_WRITTEN,
    id_form=WORD,
    most_bytes=_MOST_BYTES_OF_RECORD,
)
READ_PRODUCT = Route(
    "read product",
    "GET",
    "/products/product-id/{product_id}",
    "the scope Products: Read",
    most_bytes=_MOST_BYTES_OF_RECORD,
)
PATCH_PRODUCT = Route(
    "patch product",
    "PATCH",
    "/products/product-id/{product_id}",
    "the scope Products: Write",
    writes=True,
    silent=_WRITTEN,
    most_bytes=_MOST_BYTES_OF_RECORD,
)
# Connectif does not document the success codes. 201 needs no body; other codes need one.
POST_PURCHASE = Route(
    "post purchase",
    "POST",
    "/purchases/",
    "the scope Purchases: Write",
    writes=True,
    repeat=Repeat.WHEN_REFUSED,
    silent=frozenset({201}),
    most_bytes=_MOST_BYTES_OF_RECORD,
)
READ_PURCHASE = Route(
    "read purchase",
    "GET",
    "/purchases/purchase-id/{purchase_id}",
    "the scope Purchases: Read",
    most_bytes=_MOST_BYTES_OF_RECORD,
)
READ_STORE = Route("read store", "GET", "/store/", "the scope Store: Read", most_bytes=_MOST_BYTES_OF_RECORD)
