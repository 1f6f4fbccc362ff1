"""VTEX over HTTP: which routes there are, which parameters they take, how they answer."""

from typing import Any

import orjson
from starlette.responses import Response
from starlette.routing import Route

from sandbox.vtex.errors import VtexError, bare, message, oms
from sandbox.vtex.fields import FIELDS, described
from sandbox.vtex.gate import Call, Endpoint, Gate
from sandbox.vtex.knobs import VtexKnobs
from sandbox.vtex.rules_catalog import Catalog, sales_channels, window
from sandbox.vtex.rules_documents import Documents, Written
from sandbox.vtex.rules_index import Index, Page, Query
from sandbox.vtex.rules_orders import Orders

READ, WRITE = "Read only documents", "Insert or update document (not remove)"
ENTITY = "/api/dataentities/{entity}"
QUERY = frozenset({"_fields", "_where", "_sort", "_keyword", "_schema", *FIELDS})
SEARCH = frozenset({"fq", "sc", "simulation", "compSpecs"})
ORDER_FILTERS = frozenset(
    ("f_creationDate", "f_authorizedDate", "f_invoicedDate", "f_status", "incompleteOrders", "f_affiliateId",
     "salesChannelId")
)  # fmt: skip
ORDER_PAGING = frozenset({"orderBy", "page", "per_page"})


class Routes:
    """The table of routes and their handlers."""

    def __init__(
        self,
        gate: Gate,
        knobs: VtexKnobs,
        *,
        documents: Documents,
        index: Index,
        catalog: Catalog,
        orders: Orders,
    ) -> None:
        self._gate, self._knobs = gate, knobs
        self._documents, self._index, self._catalog, self._orders = documents, index, catalog, orders

    def table(self) -> list[Route]:
        return [self._gate.route(one) for one in (*self._master_data(), *self._shop())]

    def _master_data(self) -> list[Endpoint]:
        document, collection = f"{ENTITY}/documents/{{id}}", f"{ENTITY}/documents"
        read, write = (READ, WRITE), (WRITE,)
        one = frozenset({"_fields", "_schema"})
        return [
            Endpoint("md fields", "GET", ENTITY, self._fields, ("View data entity details",)),
            Endpoint("md search", "GET", f"{ENTITY}/search", self._search, read, QUERY),
            Endpoint("md scroll", "GET", f"{ENTITY}/scroll", self._scroll, read, QUERY | {"_size", "_token"}),
            Endpoint("md get", "GET", document, self._get, read, one),
            Endpoint("md patch", "PATCH", document, self._patch, write),
            Endpoint("md put", "PUT", document, self._put, write),
            Endpoint("md insert", "POST", collection, self._insert, write),
            Endpoint("md upsert", "PATCH", collection, self._upsert, write),
        ]

    def _shop(self) -> list[Endpoint]:
        catalog, orders = "/api/catalog_system", "/api/oms/pvt/orders"
        ids, channels = f"{catalog}/pvt/products/GetProductAndSkuIds", f"{catalog}/pvt/saleschannel/list"
        search, product = f"{catalog}/pub/products/search", "/api/catalog/pvt/product/{id:int}"
        window = frozenset({"_from", "_to"})
        return [
            Endpoint("product ids", "GET", ids, self._ids, ("Product management",), window),
            Endpoint("product search", "GET", search, self._products, None, window | SEARCH),
            Endpoint("product", "GET", product, self._product, ("Product and SKU Management",)),
            Endpoint(
                "sales channels", "GET", channels, lambda _: as_json(sales_channels()), ("View Product",)
            ),
            Endpoint("price", "GET", "/api/pricing/prices/{id:int}", self._price, ("Read prices",)),
            Endpoint("order list", "GET", orders, self._list, ("List Orders",), ORDER_FILTERS | ORDER_PAGING),
            Endpoint("order group", "GET", f"{orders}/order-group/{{id}}", self._group, ("View order",)),
            Endpoint("order detail", "GET", f"{orders}/{{id}}", self._order, ("View order",)),
        ]

    # Master Data

    def _fields(self, call: Call) -> Response:
        entity(call)
        head = {"acronym": "CL", "name": "Client", "primaryKeyType": "GUID", "allowGetAll": False}
        return as_json(head | {"fields": described(self._knobs.md_not_filterable)})

    def _search(self, call: Call) -> Response:
        entity(call)
        page = self._index.search(asked(call), call.request.headers.get("REST-Range"))
        mark = " " if self._knobs.md_range_header == "space" else "="
        return documents(
            page, {"REST-Content-Range": f"resources{mark}{page.first}-{page.last}/{page.total}"}
        )

    def _scroll(self, call: Call) -> Response:
        entity(call)
        token = call.query.get("_token")
        if token is not None:
            page = self._index.continue_scroll(token)
        else:
            page = self._index.open_scroll(asked(call), call.number("_size"))
        return documents(page, {"X-VTEX-MD-TOKEN": page.token, "REST-Content-Total": str(page.total)})

    def _get(self, call: Call) -> Response:
        entity(call)
        found = self._documents.printed(call.path("id"), call.query.get("_fields"))
        if found is None:
            raise VtexError(404)
        return as_json(found)

    def _patch(self, call: Call) -> Response:
        entity(call)
        written = self._documents.patch(call.path("id"), call.document(), by=caller(call))
        return self._by_id(written, call)

    def _put(self, call: Call) -> Response:
        entity(call)
        return self._by_id(self._documents.put(call.path("id"), call.document(), by=caller(call)), call)

    def _insert(self, call: Call) -> Response:
        entity(call)
        written = self._documents.insert(call.document(), by=caller(call))
        return self._created(written, call) if written.created else Response(status_code=304)

    def _upsert(self, call: Call) -> Response:
        entity(call)
        written = self._documents.upsert(call.document(), by=caller(call))
        if written.created:
            return self._created(written, call)
        return as_json(reference(written, call)) if written.changed else Response(status_code=304)

    def _created(self, written: Written, call: Call) -> Response:
        return as_json(reference(written, call), int(self._knobs.md_create_status))

    def _by_id(self, written: Written, call: Call) -> Response:
        if not written.changed and not written.created:
            return Response(status_code=304)
        if self._knobs.md_patch_status == "204":
            return Response(status_code=204)
        return as_json(reference(written, call))

    # Catalogue and prices

    def _ids(self, call: Call) -> Response:
        return as_json(self._catalog.ids(call.number("_from"), call.number("_to")))

    def _products(self, call: Call) -> Response:
        if any(mark in value for _, value in call.pairs for mark in "'\""):
            raise VtexError(400, "Bad Request! Scripts are not allowed!", plain=True)
        query = call.query
        call.number("_from"), call.number("_to")
        first, last = window(query.get("_from"), query.get("_to"))
        url = call.request.url
        found, total = self._catalog.search(
            **wanted([value for name, value in call.pairs if name == "fq"]),
            channel=call.number("sc") or 1,
            first=first,
            last=last,
            base=f"{url.scheme}://{url.netloc}",
        )
        headers = {"resources": f"{first}-{last}/{total}"}
        return as_json(found, 206 if len(found) < total else 200, headers)

    def _product(self, call: Call) -> Response:
        found = self._catalog.product(call.path("id"))
        if found is None:
            raise bare(404, "Product not found")
        return as_json(found)

    def _price(self, call: Call) -> Response:
        found = self._catalog.price(call.path("id"))
        if found is None:
            raise VtexError(404, {"error": {"code": 404, "message": "Price not found"}}, headers=call.headers)
        return as_json(found, headers=call.headers)

    # Orders

    def _list(self, call: Call) -> Response:
        query = call.query
        filters = {name: query[name] for name in ORDER_FILTERS & query.keys()}
        page, per_page = call.number("page") or 1, call.number("per_page") or 15
        return as_json(
            self._orders.listing(filters, page=page, per_page=per_page, order_by=query.get("orderBy"))
        )

    def _order(self, call: Call) -> Response:
        found = self._orders.detail(call.path("id"))
        if found is None:
            raise oms(404, "Order Not Found", "OMS007")
        return as_json(found)

    def _group(self, call: Call) -> Response:
        found = self._orders.group(call.path("id"))
        if found is None:
            raise oms(404, "Order Not Found", "OMS007")
        return as_json(found)


def as_json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), status, headers, "application/json; charset=utf-8")


def documents(page: Page, headers: dict[str, str]) -> Response:
    return Response(page.body, 200, headers, "application/json; charset=utf-8")


def entity(call: Call) -> None:
    """CL is the only data entity of the sandbox."""
    if call.path("entity") != "CL":
        raise message(404, f"Data entity not found: '{call.path('entity')}'")


def caller(call: Call) -> str:
    return call.key.id if call.key else ""


def asked(call: Call) -> Query:
    """What search and scroll have in common; every plain field name is a condition."""
    query = call.query
    equals = {name: value for name, value in query.items() if name in FIELDS}
    return Query(query.get("_where"), equals, query.get("_fields"), query.get("_sort"), query.get("_keyword"))


def reference(written: Written, call: Call) -> dict[str, str]:
    """The id comes with the entity's prefix, the document id without."""
    url = call.request.url
    href = f"{url.scheme}://{url.netloc}/api/dataentities/CL/documents/{written.id}"
    return {"Id": f"CL-{written.id}", "Href": href, "DocumentId": written.id}


def wanted(filters: list[str]) -> dict[str, list[int]]:
    """`fq=productId:1&fq=skuId:2`: ids of the same kind are alternatives; other filters are not simulated."""
    found: dict[str, list[int]] = {"products": [], "skus": []}
    for text in filters:
        kind, _, value = text.partition(":")
        if kind not in ("productId", "skuId") or not value.isdigit():
            raise bare(
                400, f"The sandbox knows fq=productId:<number> and fq=skuId:<number> only, not '{text}'"
            )
        found["products" if kind == "productId" else "skus"].append(int(value))
    return found
