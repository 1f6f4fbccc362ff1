"""What the client relies on in VTEX's answers, and no more: each raises Unexpected or KeyError for the rest.

Absent and wrong are told from empty here, once, so that no flow meets a bare TypeError later.
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
    """Documents of a search from position `first` on, `most` a page, and how many the filter finds in all
    (None: VTEX did not say)."""

    documents: list[Document]
    first: int
    most: int
    total: int | None

    @property
    def is_short(self) -> bool:
        """Whether fewer came than announced."""
        return self.total is not None and len(self.documents) < min(self.most, self.total - self.first)

    @property
    def is_last(self) -> bool:
        """Whether no page follows."""
        return self.total is None or self.first + len(self.documents) >= self.total


def records(body: Any) -> list[Document]:
    """A list of objects."""
    if not isinstance(body, list) or not all(isinstance(one, dict) for one in body):
        raise Unexpected("it is no list of records")
    return body


def record(body: Any) -> Document:
    """One object."""
    if not isinstance(body, dict):
        raise Unexpected("it is no record")
    return body


def identified(found: list[Document], field: str) -> list[Document]:
    """The records, each of which has an id: without one they would all be taken for the same."""
    for one in found:
        if not is_id(one.get(field)):
            raise Unexpected(f"a record has no `{field}`")
    return found


def is_id(value: Any) -> bool:
    """Whether it is a text, or a whole number, that names something."""
    return bool(value.strip()) if isinstance(value, str) else type(value) is int


def documents(body: Any, fields: tuple[str, ...]) -> list[Document]:
    """Documents of Master Data, with their `id` where it was asked for."""
    found = records(body)
    return identified(found, "id") if "id" in fields else found


def search_page(body: Any, headers: Headers, fields: tuple[str, ...], first: int, most: int) -> SearchPage:
    """A page of a search."""
    match = _RANGE.search(headers.get("REST-Content-Range", ""))
    return SearchPage(documents(body, fields), first, most, int(match[3]) if match else None)


def total_of_search(_body: Any, headers: Headers) -> int:
    """How many documents a search finds, by its header."""
    match = _RANGE.search(headers.get("REST-Content-Range", ""))
    if match is None:
        raise Unexpected("there is no REST-Content-Range")
    return int(match[3])


def total_of_scroll(headers: Headers) -> int | None:
    """How many documents a scroll's query has, as its first page announces it."""
    total = headers.get("REST-Content-Total", "")
    return int(total) if total.isdecimal() else None


def entity_fields(body: Any, _headers: Headers) -> list[Document]:
    """`{"fields": [{"name": "email", "isFilter": true}]}` → the fields of an entity, each with its name."""
    return identified(records(record(body)["fields"]), "name")


def written(body: Any, _headers: Headers) -> None:
    """A write is confirmed by a record (`{"Id", "Href", "DocumentId"}`), or by a status without a body."""
    if body is not None:
        record(body)


def product_ids(body: Any, _headers: Headers) -> tuple[dict[str, list[int]], int]:
    """`{"data": {"35": [7, 8]}, "range": {"total": 12}}` → products with their SKU ids, and the total."""
    data, total = body["data"], body["range"]["total"]
    if not isinstance(data, dict) or not all(isinstance(skus, list) for skus in data.values()):
        raise Unexpected("`data` is no record of lists")
    if "" in data or type(total) is not int or total < 0:
        raise Unexpected("a product without id, or `range.total` is no number")
    return data, total


def base_price(body: Any, _headers: Headers) -> Decimal | None:
    """`basePrice` in currency units; None where there is none."""
    price = record(body).get("basePrice")
    if price is None:
        return None
    if isinstance(price, bool) or not isinstance(price, int | float):
        raise Unexpected("`basePrice` is no number")
    return Decimal(str(price))


def order_page(body: Any, _headers: Headers) -> tuple[list[Document], int]:
    """`{"list": [{"orderId": …}], "paging": {"total": 1}}` → the entries of a page, and the query's total."""
    total = body["paging"]["total"]
    if type(total) is not int or total < 0:
        raise Unexpected("`paging.total` is no number")
    return identified(records(body["list"]), "orderId"), total


def order(body: Any, _headers: Headers) -> Document:
    """An order's detail."""
    identified([record(body)], "orderId")
    return record(body)
