"""VTEX over HTTP: the routes, their parameters and their answers."""

import re
from typing import Any

import orjson
from starlette.responses import Response
from starlette.routing import BaseRoute

from sandbox.core.answers import json_answer
from sandbox.core.endpoints import Call, Endpoint, route
from sandbox.core.errors import VendorError
from sandbox.vtex.errors import message_error, order_not_found, price_not_found, refused_script, text_error
from sandbox.vtex.fields import FIELDS, list_fields
from sandbox.vtex.gate import VtexGate
from sandbox.vtex.preferences import sales_channels
from sandbox.vtex.rules import VtexRules
from sandbox.vtex.rules_catalog import parse_window
from sandbox.vtex.rules_documents import Written
from sandbox.vtex.rules_index import Page, Query

JSON_UTF8 = "application/json; charset=utf-8"
READ, WRITE = "Read only documents", "Insert or update document (not remove)"
ENTITY = "/api/dataentities/{entity}"
QUERY = frozenset({"_fields", "_where", "_sort", "_keyword", "_schema", *FIELDS})
SEARCH = frozenset({"fq", "sc", "simulation", "compSpecs"})
ORDER_FILTERS = frozenset(
    ("f_creationDate", "f_authorizedDate", "f_invoicedDate", "f_status", "incompleteOrders", "f_affiliateId",
     "salesChannelId")
)  # fmt: skip
ORDER_PAGING = frozenset({"orderBy", "page", "per_page"})


class VtexRoutes:
    """The table of the API, and the handlers that lead from a call to the rules."""

    def __init__(self, rules: VtexRules, gate: VtexGate) -> None:
        self._rules, self._knobs, self._gate = rules, rules.knobs, gate

    def table(self) -> list[BaseRoute]:
        endpoints = [*self._master_data(), *self._catalog(), *self._orders()]
        return [route(endpoint, self._gate.admit) for endpoint in endpoints]

    def _master_data(self) -> list[Endpoint]:
        document, collection = f"{ENTITY}/documents/{{id}}", f"{ENTITY}/documents"
        read, write = (READ, WRITE), (WRITE,)
        fields = frozenset({"_fields", "_schema"})
        return [
            Endpoint("md fields", "GET", ENTITY, self._get_fields, ("View data entity details",)),
            Endpoint("md search", "GET", f"{ENTITY}/search", self._search, read, QUERY),
            Endpoint("md scroll", "GET", f"{ENTITY}/scroll", self._scroll, read, QUERY | {"_size", "_token"}),
            Endpoint("md get", "GET", document, self._get_document, read, fields),
            Endpoint("md patch", "PATCH", document, self._patch_document, write),
            Endpoint("md put", "PUT", document, self._put_document, write),
            Endpoint("md insert", "POST", collection, self._insert_document, write),
            Endpoint("md upsert", "PATCH", collection, self._upsert_document, write),
        ]

    def _catalog(self) -> list[Endpoint]:
        system, window = "/api/catalog_system", frozenset({"_from", "_to"})
        ids, channels = f"{system}/pvt/products/GetProductAndSkuIds", f"{system}/pvt/saleschannel/list"
        search, product = f"{system}/pub/products/search", "/api/catalog/pvt/product/{id:int}"
        price, manage = "/api/pricing/prices/{id:int}", ("Product and SKU Management",)
        return [
            Endpoint("product ids", "GET", ids, self._list_ids, ("Product management",), window),
            Endpoint("product search", "GET", search, self._search_products, None, window | SEARCH),
            Endpoint("product", "GET", product, self._get_product, manage),
            Endpoint("sales channels", "GET", channels, self._list_channels, ("View Product",)),
            Endpoint("price", "GET", price, self._get_price, ("Read prices",)),
        ]

    def _orders(self) -> list[Endpoint]:
        orders = "/api/oms/pvt/orders"
        filters, group, view = ORDER_FILTERS | ORDER_PAGING, f"{orders}/order-group/{{id}}", ("View order",)
        return [
            Endpoint("order list", "GET", orders, self._list_orders, ("List Orders",), filters),
            Endpoint("order group", "GET", group, self._get_group, view),
            Endpoint("order detail", "GET", f"{orders}/{{id}}", self._get_order, view),
        ]

    # --- Master Data

    def _get_fields(self, call: Call) -> Response:
        check_entity(call)
        head = {"acronym": "CL", "name": "Client", "primaryKeyType": "GUID", "allowGetAll": False}
        return as_json(head | {"fields": list_fields(self._knobs.md_not_filterable)})

    def _search(self, call: Call) -> Response:
        check_entity(call)
        page = self._rules.index.search(read_query(call), call.request.headers.get("REST-Range"))
        mark = " " if self._knobs.md_range_header == "space" else "="
        content_range = f"resources{mark}{page.first}-{page.last}/{page.total}"
        return answer_page(page, {"REST-Content-Range": content_range})

    def _scroll(self, call: Call) -> Response:
        check_entity(call)
        token = call.query.get("_token")
        if token is not None:
            page = self._rules.index.continue_scroll(token)
        else:
            page = self._rules.index.open_scroll(read_query(call), read_number(call, "_size"))
        return answer_page(page, {"X-VTEX-MD-TOKEN": page.token, "REST-Content-Total": str(page.total)})

    def _get_document(self, call: Call) -> Response:
        check_entity(call)
        document = self._rules.documents.show(call.path("id"), call.query.get("_fields"))
        if document is None:
            raise VendorError(404)
        return as_json(document)

    def _patch_document(self, call: Call) -> Response:
        check_entity(call)
        written = self._rules.documents.patch(call.path("id"), read_document(call), by=key_id(call))
        return self._answer_write(written, call)

    def _put_document(self, call: Call) -> Response:
        check_entity(call)
        written = self._rules.documents.put(call.path("id"), read_document(call), by=key_id(call))
        return self._answer_write(written, call)

    def _insert_document(self, call: Call) -> Response:
        check_entity(call)
        written = self._rules.documents.insert(read_document(call), by=key_id(call))
        return self._answer_created(written, call) if written.created else Response(status_code=304)

    def _upsert_document(self, call: Call) -> Response:
        check_entity(call)
        written = self._rules.documents.upsert(read_document(call), by=key_id(call))
        if written.created:
            return self._answer_created(written, call)
        return as_json(reference(written, call)) if written.changed else Response(status_code=304)

    def _answer_created(self, written: Written, call: Call) -> Response:
        return as_json(reference(written, call), int(self._knobs.md_create_status))

    def _answer_write(self, written: Written, call: Call) -> Response:
        if not written.changed and not written.created:
            return Response(status_code=304)
        if self._knobs.md_patch_status == "204":
            return Response(status_code=204)
        return as_json(reference(written, call))

    # --- catalogue and prices

    def _list_ids(self, call: Call) -> Response:
        return as_json(self._rules.catalog.ids(read_number(call, "_from"), read_number(call, "_to")))

    def _search_products(self, call: Call) -> Response:
        if any(mark in value for _, value in call.pairs for mark in "'\""):
            raise refused_script()
        query = call.query
        read_number(call, "_from"), read_number(call, "_to")
        first, last = parse_window(query.get("_from"), query.get("_to"))
        products, total = self._rules.catalog.search(
            **parse_filters([value for name, value in call.pairs if name == "fq"]),
            channel=read_number(call, "sc") or 1,
            first=first,
            last=last,
            base_url=call.base_url,
        )
        headers = {"resources": f"{first}-{last}/{total}"}
        return as_json(products, 206 if len(products) < total else 200, headers)

    def _get_product(self, call: Call) -> Response:
        product = self._rules.catalog.product(call.path("id"))
        if product is None:
            raise text_error(404, "Product not found")
        return as_json(product)

    def _list_channels(self, _call: Call) -> Response:
        return as_json(sales_channels(self._rules.country))

    def _get_price(self, call: Call) -> Response:
        price, headers = self._rules.catalog.price(call.path("id")), dict(call.answer_headers)
        if price is None:
            raise price_not_found(headers)
        return as_json(price, headers=headers)

    # --- orders

    def _list_orders(self, call: Call) -> Response:
        query = call.query
        filters = {name: query[name] for name in ORDER_FILTERS & query.keys()}
        page, per_page = read_number(call, "page") or 1, read_number(call, "per_page") or 15
        orders = self._rules.orders
        return as_json(orders.list_page(filters, page, per_page=per_page, order_by=query.get("orderBy")))

    def _get_order(self, call: Call) -> Response:
        order = self._rules.orders.detail(call.path("id"))
        if order is None:
            raise order_not_found()
        return as_json(order)

    def _get_group(self, call: Call) -> Response:
        orders = self._rules.orders.group(call.path("id"))
        if orders is None:
            raise order_not_found()
        return as_json(orders)


def as_json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return json_answer(content, status, headers, JSON_UTF8)


def answer_page(page: Page, headers: dict[str, str]) -> Response:
    return Response(page.body, 200, headers, JSON_UTF8)


def check_entity(call: Call) -> None:
    """CL is the only data entity of the sandbox."""
    if call.path("entity") != "CL":
        raise message_error(404, f"Data entity not found: '{call.path('entity')}'")


def key_id(call: Call) -> str:
    return call.key.id if call.key else ""


def read_number(call: Call, name: str) -> int | None:
    value = call.query.get(name)
    if value is None:
        return None
    if not re.fullmatch(r"-?\d{1,9}", value):
        raise message_error(400, f"The parameter {name} is not a number, or is too large")
    return int(value)


def read_document(call: Call) -> dict[str, Any]:
    try:
        document = orjson.loads(call.body)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        raise message_error(400, "Invalid JSON document")
    return document


def read_query(call: Call) -> Query:
    """The parameters that search and scroll share. Every plain field name is a condition."""
    query = call.query
    equals = {name: value for name, value in query.items() if name in FIELDS}
    return Query(query.get("_where"), equals, query.get("_fields"), query.get("_sort"), query.get("_keyword"))


def reference(written: Written, call: Call) -> dict[str, str]:
    """`Id` has the entity's prefix, `DocumentId` has none."""
    href = f"{call.base_url}/api/dataentities/CL/documents/{written.id}"
    return {"Id": f"CL-{written.id}", "Href": href, "DocumentId": written.id}


def parse_filters(filters: list[str]) -> dict[str, list[int]]:
    """Reads `fq=productId:1&fq=skuId:2`. Ids of the same kind are alternatives; others are not simulated."""
    ids: dict[str, list[int]] = {"products": [], "skus": []}
    for text in filters:
        kind, _, value = text.partition(":")
        if kind not in ("productId", "skuId") or not value.isdigit():
            raise text_error(
                400, f"The sandbox knows fq=productId:<number> and fq=skuId:<number> only, not '{text}'"
            )
        ids["products" if kind == "productId" else "skus"].append(int(value))
    return ids
