"""The calls to one VTEX account. Each method sends one request, with its retries.

Only `search_clients` sends several: it reads all pages of a search.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import requests

from include.errors import ConfigurationError, ContractError, TemporaryError
from include.http.body import BodyTooLarge, parse_json
from include.http.known_words import shorten
from include.http.missing import read_or_none
from include.http.rate_limiter import RateLimiter, TokenBucket
from include.http.retry import RetryPolicy
from include.http.route import Route
from include.http.session import HttpOptions
from include.http.transport import RequestRefused, Timeouts, Transport, Unexpected, VendorError
from include.vtex import answers, limits, routes
from include.vtex.answers import Document, SearchPage
from include.vtex.vocabulary import SLOTS_TAKEN, TOKEN_EXPIRED, VOCABULARY
from include.window import utc_milliseconds

log = logging.getLogger(__name__)

SYSTEM = "VTEX"
_EXTRA_SEARCHES = 2
_KEPT_BYTES = 8_000


@dataclass(frozen=True)
class VtexAccount:
    """The host of the API, its key, and facts about the shop that the API does not give.

    `shop_domain` is the public domain for links, never the host of the API. `country` (ISO 3166) applies to
    phone numbers without a prefix. `sales_channel` decides prices and visibility. `connection` is the id of
    the Airflow connection, for messages.
    """

    account: str
    app_key: str
    app_token: str = field(repr=False)
    base_url: str = ""
    shop_domain: str = ""
    sales_channel: str = "1"
    country: str = "BR"
    connection: str = "vtex_default"
    http: HttpOptions = field(default_factory=HttpOptions)

    @property
    def url(self) -> str:
        return self.base_url or f"https://{self.account}.vtexcommercestable.com.br"


@dataclass(frozen=True)
class RateLimits:
    """Our limits in calls per second, for each of VTEX's budgets; far below VTEX's own limits."""

    catalog_per_second: float = 10
    order_list_per_second: float = 2
    order_detail_per_second: float = 20
    master_data_per_second: float = 15

    def buckets(self) -> dict[str, RateLimiter]:
        return {
            "catalog": TokenBucket(self.catalog_per_second),
            "order_list": TokenBucket(self.order_list_per_second),
            "order_detail": TokenBucket(self.order_detail_per_second),
            "master_data": TokenBucket(self.master_data_per_second),
        }


@dataclass(frozen=True)
class ScrollPage:
    """Documents, the token of the next page, and, on the first page, the number of all documents."""

    documents: list[Document]
    token: str
    total: int | None


@dataclass(frozen=True)
class OrderPage:
    """Orders of a window: `list` entries as VTEX returns them, and the number of all orders of the query."""

    orders: list[dict[str, Any]]
    total: int


class ScrollSlotsTaken(TemporaryError):
    """All ten scrolls of the account are open. An idle scroll becomes free after at most 20 minutes."""


class ScrollExpired(TemporaryError):
    """The scroll's token has expired: read this slice again from its beginning."""


class VtexClient:
    """The VTEX calls of the four syncs.

    Errors are those of include/errors.py, and RequestRefused where only the caller knows its meaning.
    """

    def __init__(
        self,
        account: VtexAccount,
        *,
        rate_limits: RateLimits | None = None,
        retry: RetryPolicy | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        self.account = account
        self.transport = Transport(
            SYSTEM,
            account.url,
            {"X-VTEX-API-AppKey": account.app_key, "X-VTEX-API-AppToken": account.app_token},
            read_error=read_error,
            rate_limits=(rate_limits or RateLimits()).buckets(),
            retry=retry,
            timeouts=timeouts,
            options=account.http,
        )

    def check(self) -> None:
        """Check host, key and the first right with one cheap call."""
        self.search_clients(where="createdIn is not null", fields=("id",), most=1)

    # Master Data, entity CL

    def search_clients(
        self, *, where: str, fields: Sequence[str], most: int = limits.SEARCH_PAGE
    ) -> list[Document]:
        """Return the documents of a filter, or at most `most` of them if that is less than a page (100).

        VTEX's index lags behind writes; VTEX does not publish by how much. The index may announce documents
        that it does not return. Then the search is repeated up to twice, and the third answer counts.
        """
        page = self._search(where, fields, 0, most)
        for _ in range(_EXTRA_SEARCHES):
            if not page.is_short:
                break
            log.warning(
                "%s, %s: %s of %s announced documents; the index lags; searching again",
                *(SYSTEM, routes.SEARCH_CLIENTS.name, len(page.documents), page.total),
            )
            page = self._search(where, fields, 0, most)
        if (page.total or 0) <= most or most < limits.SEARCH_PAGE:
            return page.documents
        return self._all_pages(where, fields)

    def _all_pages(self, where: str, fields: Sequence[str]) -> list[Document]:
        """Return all documents of a filter, sorted: unsorted pages repeat and skip documents."""
        found: list[Document] = []
        while len(found) < limits.SEARCH_WINDOW:
            page = self._search(where, fields, len(found), limits.SEARCH_PAGE, sort="id ASC")
            found += page.documents
            if page.is_last or not page.documents:
                return found
        raise ContractError(
            f"{SYSTEM}, {routes.SEARCH_CLIENTS.name}: one filter finds {limits.SEARCH_WINDOW:,} documents or "
            "more, and a search cannot list so many. Check Master Data, entity CL, for customers that share "
            "an address or user id"
        )

    def count_clients(self, where: str) -> int:
        """Return the number of documents of a filter, from the header of a search for one document."""
        request = _search_request(where, ("id",), 0, 1)
        return self.transport.read(routes.SEARCH_CLIENTS, answers.parse_search_total, **request)

    def open_scroll(self, *, where: str, fields: Sequence[str], size: int = limits.SCROLL_PAGE) -> ScrollPage:
        """Return the first page of a scroll. ScrollSlotsTaken if all ten slots of the account are in use.

        TooSlow if VTEX times out on pages of this `size`; after fewer retries if a smaller size is possible.
        """
        query = {"_where": where, "_fields": ",".join(fields), "_size": str(size)}
        return self._scroll(routes.OPEN_SCROLL, query, fields, None, size)

    def continue_scroll(
        self, token: str, *, fields: Sequence[str] = ("id",), size: int = limits.SCROLL_PAGE
    ) -> ScrollPage:
        """Return the next page of a scroll that was opened with this `size`; an empty page is the end.

        After AnswerLost, ScrollExpired or TooSlow, read the slice again from its beginning.
        """
        return self._scroll(routes.CONTINUE_SCROLL, {"_token": token}, fields, token, size)

    def client(self, document_id: str, fields: Sequence[str]) -> Document | None:
        """Return one document by its id; None if it does not exist."""
        request: dict[str, Any] = {"path": {"id": document_id}, "params": {"_fields": ",".join(fields)}}
        return read_or_none(
            self.transport,
            routes.READ_CLIENT,
            lambda body, _: answers.parse_documents([body], tuple(fields))[0],
            **request,
        )

    def patch_client(self, document_id: str, fields: Mapping[str, Any]) -> None:
        """Change one document. Use only an id from a recent read: an unknown id might create a document."""
        self.transport.read(
            routes.PATCH_CLIENT, answers.check_write, path={"id": document_id}, json=dict(fields)
        )

    # Catalogue and prices

    def product_ids(self, first: int, last: int) -> tuple[dict[str, list[int]], int]:
        """Return {product id: SKU ids} for the 1-based positions `first` to `last`, and the total."""
        positions = {"_from": str(first), "_to": str(last)}
        return self.transport.read(routes.PRODUCT_IDS, answers.parse_product_ids, params=positions)

    def search_products(self, ids: Sequence[str], *, by: str = "productId") -> list[dict[str, Any]]:
        """Return up to 50 products by id (or by `skuId`), with the offers of the shop's sales channel.

        Hidden products are missing. The call sends `_from` and `_to`, because VTEX otherwise returns at
        most 10 products.
        """
        query: list[tuple[str, str]] = [("fq", f"{by}:{wanted}") for wanted in ids]
        query += [
            ("_from", "0"),
            ("_to", str(limits.PRODUCT_SEARCH_PAGE - 1)),
            ("sc", self.account.sales_channel),
        ]
        return self.transport.read(
            routes.SEARCH_PRODUCTS,
            lambda body, _: answers.require_ids(answers.parse_records(body), "productId"),
            params=query,
        )

    def base_price(self, sku: str) -> Decimal | None:
        """Return the base price of a SKU in currency units, before promotions; None if it has no price."""
        return read_or_none(self.transport, routes.PRICE, answers.parse_base_price, path={"sku": sku})

    def sales_channels(self) -> dict[str, Document]:
        """Return the account's sales channels by id. AccessRefused if the key lacks the right."""
        channels = self.transport.read(routes.SALES_CHANNELS, lambda body, _: answers.parse_records(body))
        return {str(channel.get("Id")): channel for channel in channels}

    def currency(self) -> str:
        """Return the ISO currency code of the connection's sales channel; empty if VTEX has none."""
        return str(
            self.sales_channels().get(self.account.sales_channel, {}).get("CurrencyCode") or ""
        ).upper()

    # Orders

    def list_orders(self, date_field: str, start: datetime, end: datetime, *, page: int) -> OrderPage:
        """Return one page of the orders whose `date_field` (creationDate, authorizedDate) is in [start, end).

        VTEX's own bounds are UTC, inclusive and in milliseconds. The order is ascending, so that new orders
        come at the end and do not shift the pages.
        """
        last = end - timedelta(milliseconds=1)
        query = {
            f"f_{date_field}": f"{date_field}:[{utc_milliseconds(start)} TO {utc_milliseconds(last)}]",
            "orderBy": "creationDate,asc",
            "per_page": str(limits.ORDERS_PAGE),
            "page": str(page),
        }
        return OrderPage(*self.transport.read(routes.LIST_ORDERS, answers.parse_order_page, params=query))

    def order(self, order_id: str) -> Document:
        """Return the full order; money is in integer cents. RequestRefused (404) if it does not exist."""
        return self.transport.read(routes.READ_ORDER, answers.parse_order, path={"order_id": order_id})

    def order_group(self, group: str) -> list[Document]:
        """Return the orders of one checkout. Each has its id, and may lack many fields of `order`."""
        return self.transport.read(
            routes.READ_ORDER_GROUP,
            lambda body, _: answers.require_ids(answers.parse_records(body), "orderId"),
            path={"group": group},
        )

    # Pages of Master Data

    def _search(self, where: str, fields: Sequence[str], first: int, most: int, sort: str = "") -> SearchPage:
        if most > limits.SEARCH_PAGE:
            raise ValueError(f"a search page holds at most {limits.SEARCH_PAGE} documents")
        return self.transport.read(
            routes.SEARCH_CLIENTS,
            lambda body, headers: answers.parse_search_page(body, headers, tuple(fields), first, most),
            **_search_request(where, fields, first, most, sort),
        )

    def _scroll(
        self, route: Route, query: Mapping[str, str], fields: Sequence[str], token: str | None, size: int
    ) -> ScrollPage:
        most_timeouts = limits.TIMEOUTS_OF_A_LARGE_PAGE if size > limits.SCROLL_PAGE_AFTER_TIMEOUT else None

        def page(body: Any, headers: Mapping[str, str]) -> ScrollPage:
            documents = answers.parse_documents(body, tuple(fields))
            found = headers.get("X-VTEX-MD-TOKEN") or token
            if documents and not found:
                raise Unexpected("a first page has no X-VTEX-MD-TOKEN")
            return ScrollPage(documents, found or "", answers.parse_scroll_total(headers))

        try:
            return self.transport.read(route, page, params=query, most_timeouts=most_timeouts)
        except RequestRefused as refused:
            raise _scroll_error(refused) from None


def _search_request(where: str, fields: Sequence[str], first: int, most: int, sort: str = "") -> Any:
    """Return the request for a page of a search by positions."""
    query = {"_where": where, "_fields": ",".join(fields), **({"_sort": sort} if sort else {})}
    return {"params": query, "headers": {"REST-Range": f"resources={first}-{first + most}"}}


def _scroll_error(refused: RequestRefused) -> Exception:
    text = refused.error.private.casefold()
    if SLOTS_TAKEN in text:
        return ScrollSlotsTaken(f"{refused}: wait until one of the account's ten scrolls ends")
    if TOKEN_EXPIRED in text:
        return ScrollExpired(f"{refused}: the scroll was idle for too long")
    return ConfigurationError(
        f"{refused}. Master Data may not allow filtering or reading a requested field: "
        "check the entity CL, especially createdIn, updatedIn, email and userId"
    )


def read_error(response: requests.Response) -> VendorError:
    """Read an error body, which has no common form: `Message`, `error.message`, a string, HTML …"""
    try:
        body = parse_json(response.content)
    except (ValueError, BodyTooLarge):
        body = None
    code, text = _code_and_text(body)
    private = shorten(response.content[:_KEPT_BYTES].decode("utf-8", "replace"))
    return VendorError(VOCABULARY.code(code), VOCABULARY.describe(text), private=private)


def _code_and_text(body: Any) -> tuple[Any, str]:
    """Return code and text of an error body."""
    if isinstance(body, str):
        return "", body
    if not isinstance(body, dict):
        return "", ""
    error = body.get("error")
    if isinstance(error, dict):
        return error.get("code"), str(error.get("message") or "")
    return "", str(body.get("Message") or body.get("message") or "")
