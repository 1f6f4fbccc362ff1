"""Checks the parts of VTEX's answers that the client uses. Each function raises Unexpected or KeyError.

The checks tell missing and wrong values from empty ones, so that no pipeline fails later with a TypeError.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from include.http.transport import Unexpected

Document = dict[str, Any]
Headers = Mapping[str, str]

_RANGE = re.compile(r"resources[ =:]*(\d+)-(\d+)/(\d+)")


@dataclass(frozen=True)
class SearchPage:
    """Documents of a search from position `first` on, at most `most` of them.

    `total` is the number of all documents that match the filter, or None if VTEX does not give it.
    """

    documents: list[Document]
    first: int
    most: int
    total: int | None

    @property
    def is_short(self) -> bool:
        """Whether VTEX returned fewer documents than it announced."""
        return self.total is not None and len(self.documents) < min(self.most, self.total - self.first)

    @property
    def is_last(self) -> bool:
        """Whether no page follows."""
        return self.total is None or self.first + len(self.documents) >= self.total


def parse_records(body: Any) -> list[Document]:
    """Return the body, which must be a list of objects."""
    if not isinstance(body, list) or not all(isinstance(one, dict) for one in body):
        raise Unexpected("it is not a list of records")
    return body


def parse_record(body: Any) -> Document:
    """Return the body, which must be an object."""
    if not isinstance(body, dict):
        raise Unexpected("it is not a record")
    return body


def require_ids(found: list[Document], field: str) -> list[Document]:
    """Return the records, each of which must have an id. Without ids, all would count as one record."""
    for one in found:
        if not is_id(one.get(field)):
            raise Unexpected(f"a record has no `{field}`")
    return found


def is_id(value: Any) -> bool:
    """Whether the value is a non-blank text or a whole number."""
    return bool(value.strip()) if isinstance(value, str) else type(value) is int


def parse_documents(body: Any, fields: tuple[str, ...]) -> list[Document]:
    """Return documents of Master Data; each must have its `id` if the call requested it."""
    found = parse_records(body)
    return require_ids(found, "id") if "id" in fields else found


def parse_search_page(
    body: Any, headers: Headers, fields: tuple[str, ...], first: int, most: int
) -> SearchPage:
    """Return a page of a search."""
    match = _RANGE.search(headers.get("REST-Content-Range", ""))
    return SearchPage(parse_documents(body, fields), first, most, int(match[3]) if match else None)


def parse_search_total(_body: Any, headers: Headers) -> int:
    """Return the number of documents that a search finds, from its header."""
    match = _RANGE.search(headers.get("REST-Content-Range", ""))
    if match is None:
        raise Unexpected("the header REST-Content-Range is missing")
    return int(match[3])


def parse_scroll_total(headers: Headers) -> int | None:
    """Return the number of documents of a scroll, from the header of its first page."""
    total = headers.get("REST-Content-Total", "")
    return int(total) if total.isdecimal() else None


def parse_entity_fields(body: Any, _headers: Headers) -> list[Document]:
    """`{"fields": [{"name": "email", "isFilter": true}]}` → the fields of an entity, each with its name."""
    return require_ids(parse_records(parse_record(body)["fields"]), "name")


def check_write(body: Any, _headers: Headers) -> None:
    """Check that a write is confirmed by a record (`{"Id", "Href", "DocumentId"}`) or by an empty body."""
    if body is not None:
        parse_record(body)


def parse_product_ids(body: Any, _headers: Headers) -> tuple[dict[str, list[int]], int]:
    """`{"data": {"35": [7, 8]}, "range": {"total": 12}}` → products with their SKU ids, and the total."""
    data, total = body["data"], body["range"]["total"]
    if not isinstance(data, dict) or not all(isinstance(skus, list) for skus in data.values()):
        raise Unexpected("`data` is not a record of lists")
    if "" in data or type(total) is not int or total < 0:
        raise Unexpected("a product has no id, or `range.total` is not a number")
    return data, total


def parse_base_price(body: Any, _headers: Headers) -> Decimal | None:
    """Return `basePrice` in currency units; None if it is missing."""
    price = parse_record(body).get("basePrice")
    if price is None:
        return None
    if isinstance(price, bool) or not isinstance(price, int | float):
        raise Unexpected("`basePrice` is not a number")
    return Decimal(str(price))


def parse_order_page(body: Any, _headers: Headers) -> tuple[list[Document], int]:
    """`{"list": [{"orderId": …}], "paging": {"total": 1}}` → the page's entries, and the query's total."""
    total = body["paging"]["total"]
    if type(total) is not int or total < 0:
        raise Unexpected("`paging.total` is not a number")
    return require_ids(parse_records(body["list"]), "orderId"), total


def parse_order(body: Any, _headers: Headers) -> Document:
    """Return the detail of an order."""
    require_ids([parse_record(body)], "orderId")
    return parse_record(body)
