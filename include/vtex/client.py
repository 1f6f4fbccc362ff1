"""One VTEX account as Python methods. Sends one request each, or its retries; only a search that finds more
than a page reads them all."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import requests

from include.errors import ConfigurationError, TemporaryError
from include.http.body import OverBudget, loaded
from include.http.rate_limiter import RateLimiter, TokenBucket
from include.http.retry import RetryPolicy
from include.http.route import Route
from include.http.session import HttpOptions
from include.http.transport import Parsed, RequestRefused, Timeouts, Transport, Unexpected, VendorError
from include.http.vocabulary import kept
from include.vtex import answers, limits, routes
from include.vtex.answers import Document, SearchPage
from include.vtex.vocabulary import SLOTS_TAKEN, TOKEN_UNKNOWN, VOCABULARY
from include.window import utc_milliseconds

log = logging.getLogger(__name__)

SYSTEM = "VTEX"
_MORE_READINGS = 2
_KEPT_BYTES = 8_000


@dataclass(frozen=True)
class VtexAccount:
    """Where the API is, the key for it, and what of the shop the API does not say.

    `shop_domain` is the public one, for links (never the host that is called); `country` the one of phone
    numbers without prefix (ISO 3166); `sales_channel` the one whose prices and visibility count.
    """

    account: str
    app_key: str
    app_token: str = field(repr=False)
    base_url: str = ""
    shop_domain: str = ""
    sales_channel: str = "1"
    country: str = "BR"
    http: HttpOptions = field(default_factory=HttpOptions)

    @property
    def url(self) -> str:
        return self.base_url or f"https://{self.account}.vtexcommercestable.com.br"


@dataclass(frozen=True)
class RateLimits:
    """Calls a second that we allow ourselves, by VTEX's budgets; far below what VTEX would take."""

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
    """Documents, the token of the next page, and, on a first page, how many documents the query has."""

    documents: list[Document]
    token: str
    total: int | None


@dataclass(frozen=True)
class OrderPage:
    """Orders of a window: `list` entries as VTEX gives them, and how many the whole query has."""

    orders: list[dict[str, Any]]
    total: int


class ScrollSlotsTaken(TemporaryError):
    """All ten scrolls of the account are open, ours or others': one is free after 20 idle minutes at most."""


class ScrollExpired(TemporaryError):
    """The scroll's token is gone: read this slice again from its beginning."""


class VtexClient:
    """The calls of the four syncs. Errors: the error tree; RequestRefused where only the caller can judge."""

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
        """One cheap call that shows whether host, key and a first right are in order."""
        self.search_clients(where="createdIn is not null", fields=("id",), most=1)

    # Master Data, entity CL

    def search_clients(
        self, *, where: str, fields: Sequence[str], most: int = limits.SEARCH_PAGE
    ) -> list[Document]:
        """The documents of a filter, or at most `most` of them where that is less than a page (100).

        The index lags behind writes by a time nobody publishes, and may announce documents that it does not
        give: then it is asked again, and believed the third time.
        """
        page = self._search(where, fields, 0, most)
        for _ in range(_MORE_READINGS):
            if not page.is_short:
                break
            log.warning("%s, %s: fewer documents came than announced", SYSTEM, routes.SEARCH_CLIENTS.name)
            page = self._search(where, fields, 0, most)
        if (page.total or 0) <= most or most < limits.SEARCH_PAGE:
            return page.documents
        return self._all_pages(where, fields)

    def _all_pages(self, where: str, fields: Sequence[str]) -> list[Document]:
        """All that a filter finds, sorted: unsorted pages repeat and skip documents."""
        found: list[Document] = []
        while True:
            page = self._search(where, fields, len(found), limits.SEARCH_PAGE, sort="id ASC")
            found += page.documents
            if page.is_last or not page.documents:
                return found

    def count_clients(self, where: str) -> int:
        """How many documents a filter finds, by the header of a search for one."""
        request = _search_request(where, ("id",), 0, 1)
        return self.transport.read(routes.SEARCH_CLIENTS, answers.total_of_search, **request)

    def open_scroll(self, *, where: str, fields: Sequence[str], size: int = limits.SCROLL_PAGE) -> ScrollPage:
        """The first page of a scroll, which takes one of the account's ten slots: ScrollSlotsTaken.

        TooSlow when VTEX does not manage pages of this `size`: early, where there is a smaller one.
        """
        query = {"_where": where, "_fields": ",".join(fields), "_size": str(size)}
        return self._scroll(routes.OPEN_SCROLL, query, fields, None, size)

    def continue_scroll(
        self, token: str, *, fields: Sequence[str] = ("id",), size: int = limits.SCROLL_PAGE
    ) -> ScrollPage:
        """The next page of a scroll that was opened with this `size`; an empty one is the end.

        AnswerLost, ScrollExpired or TooSlow: begin the slice anew.
        """
        return self._scroll(routes.CONTINUE_SCROLL, {"_token": token}, fields, token, size)

    def client(self, document_id: str, fields: Sequence[str]) -> Document | None:
        """One document by its id; None when there is none."""
        request: dict[str, Any] = {"path": {"id": document_id}, "params": {"_fields": ",".join(fields)}}
        return self._unless_missing(
            routes.READ_CLIENT, lambda body, _: answers.documents([body], tuple(fields))[0], **request
        )

    def patch_client(self, document_id: str, fields: Mapping[str, Any]) -> None:
        """Change one document by the id that a read just gave: an unknown id might create one."""
        self.transport.read(routes.PATCH_CLIENT, answers.written, path={"id": document_id}, json=dict(fields))

    # Catalogue and prices

    def product_ids(self, first: int, last: int) -> tuple[dict[str, list[int]], int]:
        """Products at the 1-based positions `first` to `last`: {product id: SKU ids}, and the total."""
        positions = {"_from": str(first), "_to": str(last)}
        return self.transport.read(routes.PRODUCT_IDS, answers.product_ids, params=positions)

    def search_products(self, ids: Sequence[str], *, by: str = "productId") -> list[dict[str, Any]]:
        """Up to 50 products by id (or by `skuId`), with the offers of the shop's sales channel.

        Hidden ones are missing. Without the window VTEX answers 10 products however many ids are asked for.
        """
        query: list[tuple[str, str]] = [("fq", f"{by}:{wanted}") for wanted in ids]
        query += [
            ("_from", "0"),
            ("_to", str(limits.PRODUCT_SEARCH_PAGE - 1)),
            ("sc", self.account.sales_channel),
        ]
        return self.transport.read(
            routes.SEARCH_PRODUCTS,
            lambda body, _: answers.identified(answers.records(body), "productId"),
            params=query,
        )

    def base_price(self, sku: str) -> Decimal | None:
        """The base price of a SKU in currency units, before promotions; None when it has none."""
        return self._unless_missing(routes.PRICE, answers.base_price, path={"sku": sku})

    def sales_channels(self) -> dict[str, Document]:
        """The account's sales channels by id. AccessRefused where the key may not see them."""
        channels = self.transport.read(routes.SALES_CHANNELS, lambda body, _: answers.records(body))
        return {str(channel.get("Id")): channel for channel in channels}

    def currency(self) -> str:
        """The ISO code of the connection's sales channel; empty where VTEX names none."""
        return str(
            self.sales_channels().get(self.account.sales_channel, {}).get("CurrencyCode") or ""
        ).upper()

    # Orders

    def list_orders(self, date_field: str, start: datetime, end: datetime, *, page: int) -> OrderPage:
        """One page of the orders whose `date_field` (creationDate, authorizedDate) lies in [start, end).

        VTEX's own bounds are UTC, inclusive and in milliseconds. Ascending: what comes in meanwhile lands
        at the end instead of shifting the pages.
        """
        last = end - timedelta(milliseconds=1)
        query = {
            f"f_{date_field}": f"{date_field}:[{utc_milliseconds(start)} TO {utc_milliseconds(last)}]",
            "orderBy": "creationDate,asc",
            "per_page": str(limits.ORDERS_PAGE),
            "page": str(page),
        }
        return OrderPage(*self.transport.read(routes.LIST_ORDERS, answers.order_page, params=query))

    def order(self, order_id: str) -> Document:
        """The order in full; money is in integer cents. RequestRefused (404) when there is none."""
        return self.transport.read(routes.READ_ORDER, answers.order, path={"order_id": order_id})

    def order_group(self, group: str) -> list[Document]:
        """The orders that one checkout was split into; each may lack much of what `order` answers."""
        return self.transport.read(
            routes.READ_ORDER_GROUP, lambda body, _: answers.records(body), path={"group": group}
        )

    def _unless_missing(
        self, route: Route, parse: Callable[[Any, Mapping[str, str]], Parsed], **request: Any
    ) -> Parsed | None:
        """What `Transport.read` gives; None for a 404."""
        try:
            return self.transport.read(route, parse, **request)
        except RequestRefused as refused:
            if refused.status == 404:
                return None
            raise

    # How Master Data answers

    def _search(self, where: str, fields: Sequence[str], first: int, most: int, sort: str = "") -> SearchPage:
        if most > limits.SEARCH_PAGE:
            raise ValueError(f"a search page holds at most {limits.SEARCH_PAGE} documents")
        return self.transport.read(
            routes.SEARCH_CLIENTS,
            lambda body, headers: answers.search_page(body, headers, tuple(fields), first, most),
            **_search_request(where, fields, first, most, sort),
        )

    def _scroll(
        self, route: Route, query: Mapping[str, str], fields: Sequence[str], token: str | None, size: int
    ) -> ScrollPage:
        most_timeouts = limits.TIMEOUTS_OF_A_LARGE_PAGE if size > limits.SCROLL_PAGE_AFTER_TIMEOUT else None

        def page(body: Any, headers: Mapping[str, str]) -> ScrollPage:
            documents = answers.documents(body, tuple(fields))
            found = headers.get("X-VTEX-MD-TOKEN") or token
            if documents and not found:
                raise Unexpected("a first page has no X-VTEX-MD-TOKEN")
            return ScrollPage(documents, found or "", answers.total_of_scroll(headers))

        try:
            return self.transport.read(route, page, params=query, most_timeouts=most_timeouts)
        except RequestRefused as refused:
            raise _scroll_error(refused) from None


def _search_request(where: str, fields: Sequence[str], first: int, most: int, sort: str = "") -> Any:
    """A page by its positions, as a request."""
    query = {"_where": where, "_fields": ",".join(fields), **({"_sort": sort} if sort else {})}
    return {"params": query, "headers": {"REST-Range": f"resources={first}-{first + most}"}}


def _scroll_error(refused: RequestRefused) -> Exception:
    said = refused.error.private.casefold()
    if SLOTS_TAKEN in said:
        return ScrollSlotsTaken(f"{refused}: wait until one of the account's ten scrolls ends")
    if TOKEN_UNKNOWN in said:
        return ScrollExpired(f"{refused}: the scroll was idle for too long")
    return ConfigurationError(
        f"{refused}. A field of the filter or of the list may not be filterable or readable in Master Data: "
        "check the entity CL, among others createdIn, updatedIn, email and userId"
    )


def read_error(response: requests.Response) -> VendorError:
    """VTEX has no common error body: an object with `Message` or `error.message`, a bare string, HTML …"""
    try:
        body = loaded(response.content)
    except (ValueError, OverBudget):
        body = None
    code, text = _said(body)
    private = kept(response.content[:_KEPT_BYTES].decode("utf-8", "replace"))
    return VendorError(VOCABULARY.code(code), VOCABULARY.known(text), private=private)


def _said(body: Any) -> tuple[Any, str]:
    """Code and text of an error body."""
    if isinstance(body, str):
        return "", body
    if not isinstance(body, dict):
        return "", ""
    error = body.get("error")
    if isinstance(error, dict):
        return error.get("code"), str(error.get("message") or "")
    return "", str(body.get("Message") or body.get("message") or "")
