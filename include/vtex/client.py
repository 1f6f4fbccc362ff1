"""One VTEX account as Python methods. Sends one request each, or its retries; loops over no pages."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import requests

from include.errors import ConfigurationError, ContractError, TemporaryError
from include.redaction import redact
from include.rest.pace import Pace, TokenBucket
from include.rest.retry import RetryPolicy
from include.rest.route import Route
from include.rest.transport import RequestRefused, Timeouts, Transport, VendorError
from include.vtex import limits, routes
from include.vtex.filters import instant

SYSTEM = "VTEX"
_CONTENT_RANGE = re.compile(r"resources[ =](\d+)-(\d+)/(\d+)")

Document = dict[str, Any]


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

    @property
    def url(self) -> str:
        return self.base_url or f"https://{self.account}.vtexcommercestable.com.br"


@dataclass(frozen=True)
class Paces:
    """Calls a second that we allow ourselves, by VTEX's budgets; far below what VTEX would take."""

    catalog_per_second: float = 10
    order_list_per_second: float = 2
    order_detail_per_second: float = 20
    master_data_per_second: float = 15

    def buckets(self) -> dict[str, Pace]:
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
        paces: Paces | None = None,
        retry: RetryPolicy | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        self.account = account
        self.transport = Transport(
            SYSTEM,
            account.url,
            {"X-VTEX-API-AppKey": account.app_key, "X-VTEX-API-AppToken": account.app_token},
            read_error=read_error,
            paces=(paces or Paces()).buckets(),
            retry=retry,
            timeouts=timeouts,
        )

    def check(self) -> None:
        """One cheap call that shows whether host, key and a first right are in order."""
        self.search_clients(where="createdIn is not null", fields=("id",), most=1)

    # Master Data, entity CL

    def search_clients(
        self, *, where: str, fields: Sequence[str], most: int = limits.SEARCH_PAGE
    ) -> list[Document]:
        """At most 100 documents of a filter. The index lags behind writes by a time nobody publishes."""
        answer = self.transport.decoded(routes.SEARCH_CLIENTS, self._search(where, fields, most))
        if not isinstance(answer, list) or not all(isinstance(one, dict) for one in answer):
            raise ContractError(f"{SYSTEM}, {routes.SEARCH_CLIENTS.name}: the answer is no list of documents")
        return answer

    def count_clients(self, where: str) -> int:
        """How many documents a filter finds, by the header of a search for one."""
        header = self._search(where, ("id",), 1).headers.get("REST-Content-Range", "")
        match = _CONTENT_RANGE.search(header)
        if match is None:
            raise ContractError(
                f"{SYSTEM}, {routes.SEARCH_CLIENTS.name}: no REST-Content-Range in the answer"
            )
        return int(match[3])

    def open_scroll(self, *, where: str, fields: Sequence[str], size: int = limits.SCROLL_PAGE) -> ScrollPage:
        """The first page of a scroll, which takes one of the account's ten slots: ScrollSlotsTaken.

        TooSlow when VTEX does not manage pages of this `size`: early, where there is a smaller one.
        """
        query = {"_where": where, "_fields": ",".join(fields), "_size": str(size)}
        return self._scroll(routes.OPEN_SCROLL, query, None, size)

    def continue_scroll(self, token: str, *, size: int = limits.SCROLL_PAGE) -> ScrollPage:
        """The next page of a scroll that was opened with this `size`; an empty one is the end.

        AnswerLost, ScrollExpired or TooSlow: begin the slice anew.
        """
        return self._scroll(routes.CONTINUE_SCROLL, {"_token": token}, token, size)

    def client(self, document_id: str, fields: Sequence[str]) -> Document | None:
        """One document by its id; None when there is none."""
        query = {"_fields": ",".join(fields)}
        try:
            return dict(self.transport.json(routes.READ_CLIENT, path={"id": document_id}, params=query))
        except RequestRefused as refused:
            if refused.status == 404:
                return None
            raise

    def patch_client(self, document_id: str, fields: Mapping[str, Any]) -> None:
        """Change one document by the id that a read just gave: an unknown id might create one."""
        self.transport.call(routes.PATCH_CLIENT, path={"id": document_id}, json=dict(fields))

    # Catalogue and prices

    def product_ids(self, first: int, last: int) -> tuple[dict[str, list[int]], int]:
        """Products at the 1-based positions `first` to `last`: {product id: SKU ids}, and the total."""
        answer = self.transport.json(routes.PRODUCT_IDS, params={"_from": str(first), "_to": str(last)})
        try:
            return dict(answer["data"]), int(answer["range"]["total"])
        except (KeyError, TypeError, ValueError) as error:
            raise ContractError(f"{SYSTEM}, {routes.PRODUCT_IDS.name}: an answer without {error}") from None

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
        answer = self.transport.json(routes.SEARCH_PRODUCTS, params=query)
        if not isinstance(answer, list):
            raise ContractError(f"{SYSTEM}, {routes.SEARCH_PRODUCTS.name}: the answer is no list of products")
        return answer

    def base_price(self, sku: str) -> Decimal | None:
        """The base price of a SKU in currency units, before promotions; None when it has none."""
        try:
            answer = self.transport.json(routes.PRICE, path={"sku": sku})
        except RequestRefused as refused:
            if refused.status == 404:
                return None
            raise
        price = answer.get("basePrice")
        return None if price is None else Decimal(str(price))

    def sales_channels(self) -> dict[str, Document]:
        """The account's sales channels by id. AccessRefused where the key may not see them."""
        answer = self.transport.json(routes.SALES_CHANNELS)
        if not isinstance(answer, list):
            raise ContractError(f"{SYSTEM}, {routes.SALES_CHANNELS.name}: the answer is no list of channels")
        return {str(channel.get("Id")): channel for channel in answer if isinstance(channel, dict)}

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
        answer = self.transport.json(
            routes.LIST_ORDERS,
            params={
                f"f_{date_field}": f"{date_field}:[{instant(start)} TO {instant(last)}]",
                "orderBy": "creationDate,asc",
                "per_page": str(limits.ORDERS_PAGE),
                "page": str(page),
            },
        )
        try:
            return OrderPage(list(answer["list"]), int(answer["paging"]["total"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ContractError(f"{SYSTEM}, {routes.LIST_ORDERS.name}: an answer without {error}") from None

    def order(self, order_id: str) -> dict[str, Any]:
        """The order in full; money is in integer cents. RequestRefused (404) when there is none."""
        answer = self.transport.json(routes.READ_ORDER, path={"order_id": order_id})
        if not isinstance(answer, dict):
            raise ContractError(f"{SYSTEM}, {routes.READ_ORDER.name}: the answer is no order")
        return answer

    def order_group(self, group: str) -> list[dict[str, Any]]:
        """The orders that one checkout was split into; each may lack much of what `order` answers."""
        answer = self.transport.json(routes.READ_ORDER_GROUP, path={"group": group})
        if not isinstance(answer, list):
            raise ContractError(f"{SYSTEM}, {routes.READ_ORDER_GROUP.name}: the answer is no list of orders")
        return [order for order in answer if isinstance(order, dict)]

    # How Master Data answers

    def _search(self, where: str, fields: Sequence[str], most: int) -> requests.Response:
        if most > limits.SEARCH_PAGE:
            raise ValueError(f"a search page holds at most {limits.SEARCH_PAGE} documents")
        return self.transport.call(
            routes.SEARCH_CLIENTS,
            params={"_where": where, "_fields": ",".join(fields)},
            headers={"REST-Range": f"resources=0-{most}"},
        )

    def _scroll(self, route: Route, query: Mapping[str, str], token: str | None, size: int) -> ScrollPage:
        most_timeouts = limits.TIMEOUTS_OF_A_LARGE_PAGE if size > limits.SCROLL_PAGE_AFTER_TIMEOUT else None
        try:
            response = self.transport.call(route, params=query, most_timeouts=most_timeouts)
        except RequestRefused as refused:
            raise _scroll_error(refused) from None
        token = response.headers.get("X-VTEX-MD-TOKEN") or token
        if token is None:
            raise ContractError(f"{SYSTEM}, {route.name}: a first page without X-VTEX-MD-TOKEN")
        total = response.headers.get("REST-Content-Total")
        documents = list(self.transport.decoded(route, response))
        return ScrollPage(documents, token, int(total) if total and total.isdecimal() else None)


def _scroll_error(refused: RequestRefused) -> Exception:
    if "Maximum simultaneous scrolls" in refused.error.detail:
        return ScrollSlotsTaken(f"{refused}: wait until one of the account's ten scrolls ends")
    if "Operation not found for this token" in refused.error.detail:
        return ScrollExpired(f"{refused}: the scroll was idle for too long")
    return ConfigurationError(
        f"{refused}. A field of the filter or of the list may not be filterable or readable in Master Data: "
        "check the entity CL, among others createdIn, updatedIn, email and userId"
    )


def read_error(response: requests.Response) -> VendorError:
    """VTEX has no common error body: an object with `Message` or `error.message`, a bare string, HTML …"""
    try:
        body = response.json()
    except ValueError:
        return VendorError()
    if isinstance(body, str):
        return VendorError(detail=redact(body))
    if not isinstance(body, dict):
        return VendorError()
    error = body.get("error")
    if isinstance(error, dict):
        return VendorError(str(error.get("code") or ""), redact(str(error.get("message") or "")))
    return VendorError(detail=redact(str(body.get("Message") or body.get("message") or "")))
