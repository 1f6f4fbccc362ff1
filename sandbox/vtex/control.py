# ruff: noqa: S608 - the SQL is put together from names of ours; values are bound
"""VTEX's own part of the control plane: single records put, read and taken away; what was changed."""

from collections.abc import Callable
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.core.control import json_answer, refused
from sandbox.core.database import Database
from sandbox.shop import ShopData, baskets, people
from sandbox.shop.baskets import line_price, unit_price
from sandbox.shop.catalogue import CHANNELS, MAIN_SELLER, Offer, Product, Sku
from sandbox.vtex.errors import VtexError
from sandbox.vtex.rules_documents import Documents
from sandbox.vtex.rules_orders import Orders
from sandbox.vtex.seed import SALE_COLUMNS, SALE_SQL, insert_product, packed

PRODUCT_FLAGS = ("is_active", "is_visible", "is_indexed", "position", "name", "link_text", "description")


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class OfferBody(Body):
    """Cents."""

    channel: int = 1
    seller: str = MAIN_SELLER
    is_default: bool = True
    price: int = 1_000
    list_price: int = 1_000
    quantity: int = 10


class SkuBody(Body):
    sku_id: int
    name: str = "Único"
    ean: str = ""
    reference: str = ""
    offers: list[OfferBody] = [OfferBody()]
    base_price: int | None = 1_000
    list_price: int | None = None
    has_price: bool = True
    has_image: bool = True
    is_kit: bool = False
    unit_multiplier: float = 1.0


class ProductBody(Body):
    name: str = "Produto de teste"
    link_text: str = "produto-de-teste"
    brand_id: int = 1
    brand: str = "Aurora"
    category: tuple[str, str] = ("Casa", "Cozinha")
    reference: str = "REF-TEST"
    release_date: str | None = "2026-01-01T00:00:00Z"
    description: str = ""
    clusters: dict[int, str] = {}
    specifications: dict[str, list[str]] = {}
    skus: list[SkuBody] = []
    is_active: bool = True
    is_visible: bool = True
    is_indexed: bool = True
    channels: tuple[int, ...] = CHANNELS

    def product(self, product_id: int) -> Product:
        values = self.model_dump(exclude={"skus"})
        return Product(product_id=product_id, skus=tuple(sku(one) for one in self.skus), **values)


def sku(body: SkuBody) -> Sku:
    offers = tuple(Offer(**offer.model_dump()) for offer in body.offers)
    return Sku(offers=offers, **body.model_dump(exclude={"offers"}))


class LineBody(Body):
    """Cents: `price` and `list_price` for a measurement unit, `selling_price` for a unit in the cart.

    `selling_price` and `total` None are what they come to. `defined_price` is the unit price that the price
    definition goes by, where that is another; without `has_definition` it is null.
    """

    sku: int = 1_000
    product: int | None = 0
    name: str = "Produto de teste"
    reference: str = "REF-TEST"
    link: str = "/produto-de-teste/p"
    brand_id: int = 1
    brand: str = "Aurora"
    category: tuple[str, str] = ("Casa", "Cozinha")
    quantity: int = 1
    price: int = 1_000
    list_price: int = 1_000
    selling_price: int | None = None
    unit_multiplier: float = 1.0
    total: int | None = None
    defined_price: int | None = None
    has_definition: bool = True
    is_gift: bool = False
    is_kit: bool = False

    def record(self) -> dict[str, Any]:
        selling, total = self.selling_price, line_price(self.price, self.unit_multiplier, self.quantity)
        if selling is None:
            selling = unit_price(self.price, self.unit_multiplier)
        else:
            total = selling * self.quantity
        found = {"selling_price": selling, "total": total if self.total is None else self.total}
        return self.model_dump() | found


class ChangedItemBody(Body):
    """An item as `changesAttachment` tells of it; `price` in cents for a unit."""

    id: str = "1000"
    name: str = "Produto de teste"
    quantity: int = 1
    price: int = 1_000
    unit_multiplier: str | None = Field(None, alias="unitMultiplier")


class ChangeBody(Body):
    """A modification at an instant. `discount` and `increment` None are what the items come to.

    `lines` are the order's items from then on; None where VTEX goes on listing those that were placed.
    """

    at: str
    reason: str = "Item em falta"
    removed: list[ChangedItemBody] = []
    added: list[ChangedItemBody] = []
    discount: int | None = None
    increment: int | None = None
    lines: list[LineBody] | None = None

    def record(self) -> dict[str, Any]:
        worth = {
            "discount": total_of(self.removed) if self.discount is None else self.discount,
            "increment": total_of(self.added) if self.increment is None else self.increment,
        }
        lines = None if self.lines is None else [line.record() for line in self.lines]
        return self.model_dump(by_alias=True) | worth | {"lines": lines}


def total_of(items: list[ChangedItemBody]) -> int:
    return sum(one.price * one.quantity for one in items)


class OrderBody(Body):
    """Instants as `2026-11-23T10:00:00.0000000` (UTC, seven digits, no offset).

    `value` and `lines` are as the order was placed; `changes` come on top. `abandoned` are the payment
    systems of attempts that came to nothing. `shown` are members of the detail in place of its own (objects
    are merged by one level), `absent` the names of those that it lacks.
    """

    order_group: str
    created: str
    authorized: str | None = None
    handled: str | None = None
    invoiced: str | None = None
    canceled: str | None = None
    ends_as: str = "canceled"
    fixed_status: str | None = None
    is_complete: bool = True
    origin: str = "Marketplace"
    affiliate: str = ""
    channel: int = 1
    seller: str = MAIN_SELLER
    form_id: str | None = "0123456789abcdef0123456789abcdef"
    email: str | None = "0123456789abcdefb@ct.vtex.com.br"
    profile_id: str | None = None
    first_name: str | None = "Ana"
    last_name: str | None = "Teste"
    document: str | None = None
    phone: str | None = None
    value: int | None = None
    shipping: int = 0
    payments: list[str] = ["Visa"]
    lines: list[LineBody] = [LineBody()]
    changes: list[ChangeBody] = []
    currency: str | None = "BRL"
    abandoned: list[str] = []
    marks_active: bool = True
    shown: dict[str, Any] = {}
    absent: list[str] = []

    def row(self, order_id: str) -> tuple[Any, ...]:
        lines = [line.record() for line in self.lines]
        value = sum(line["total"] for line in lines) + self.shipping if self.value is None else self.value
        values = {name: getattr(self, name) for name in SALE_COLUMNS if name not in ("order_id", "value")}
        values |= {"order_id": order_id, "value": value, "lines": packed(lines)}
        values["changes"] = packed([change.record() for change in self.changes])
        for name in ("payments", "abandoned", "shown", "absent"):
            values[name] = packed(values[name])
        return tuple(values[name] for name in SALE_COLUMNS)


class Arrival(Body):
    count: int = 1


Handler = Callable[[str, bytes], Any]


class VtexControl:
    """Routes of the form `VERB /_sandbox/<kind>/{id}`; what does not exist answers 404."""

    def __init__(self, database: Database, documents: Documents, orders: Orders, shop: ShopData) -> None:
        self._database, self._documents, self._orders, self._shop = database, documents, orders, shop

    def routes(self) -> list[Route]:
        table: list[tuple[str, str, Handler]] = [
            ("GET", "/documents/{id}", lambda id_, _: existing(self._documents.get(id_))),
            ("PUT", "/documents/{id}", lambda id_, body: self._documents.place(id_, orjson.loads(body))),
            ("DELETE", "/documents/{id}", lambda id_, _: {"deleted": existing(self._documents.remove(id_))}),
            ("PUT", "/products/{id}", self._put_product),
            ("PATCH", "/products/{id}", self._patch_product),
            ("DELETE", "/products/{id}", lambda id_, _: self._delete("product", "product_id", id_)),
            ("PUT", "/orders/{id}", self._put_order),
            ("DELETE", "/orders/{id}", lambda id_, _: self._delete("sale", "order_id", id_)),
            ("POST", "/arrivals", self._arrive),
            ("GET", "/changes", lambda _id, _body: self.changes(1_000)),
            ("GET", "/oddities", lambda _id, _body: oddities(self._shop)),
        ]
        return [Route(f"/_sandbox{path}", endpoint(handler), methods=[verb]) for verb, path, handler in table]

    def changes(self, limit: int) -> list[dict[str, Any]]:
        """What the API's callers wrote, the latest first: `changed` is `{field: [before, after]}`."""
        rows = self._database.rows("SELECT * FROM change ORDER BY number DESC LIMIT ?", (limit,))
        return [dict(row) | {"changed": orjson.loads(row["changed"])} for row in rows]

    def _put_product(self, product_id: str, body: bytes) -> dict[str, Any]:
        product = ProductBody.model_validate_json(body).product(int(product_id))
        insert_product(self._database, product)
        return {"product_id": product.product_id, "skus": len(product.skus)}

    def _patch_product(self, product_id: str, body: bytes) -> dict[str, Any]:
        changes = orjson.loads(body)
        unknown = set(changes) - {*PRODUCT_FLAGS}
        if unknown:
            raise VtexError(422, {"error": f"not to be changed alone: {sorted(unknown)}"})
        columns = ", ".join(f"{name} = :{name}" for name in changes)
        count = self._database.execute(
            f"UPDATE product SET {columns} WHERE product_id = :id", changes | {"id": int(product_id)}
        )
        existing(count)
        return dict(changes)

    def _put_order(self, order_id: str, body: bytes) -> dict[str, Any]:
        row = OrderBody.model_validate_json(body).row(order_id)
        self._database.insert(SALE_SQL, [row])
        return dict(zip(SALE_COLUMNS, row, strict=True))

    def _arrive(self, _id: str, body: bytes) -> dict[str, Any]:
        return {"orders": self._orders.arrive(Arrival.model_validate_json(body or b"{}").count)}

    def _delete(self, table: str, column: str, wanted: str) -> dict[str, int]:
        count = self._database.execute(f"DELETE FROM {table} WHERE {column} = ?", (wanted,))
        return {"deleted": existing(count)}


SHOWN = 100


def oddities(shop: ShopData) -> dict[str, Any]:
    """What is odd in the seeded world: how many of each kind, and the ids of the first of them."""

    def document_id(number: int) -> list[str]:
        return [shop.people.one(number).document_id]

    return {
        "documents": {
            label: odd(range(place, shop.people.count, people.ODDITY_PERIOD), document_id)
            for place, label in people.LABELS.items()
        },
        "orders": {
            label: odd(range(place, shop.baskets.count, baskets.ODDITY_PERIOD), shop.baskets.order_ids)
            for place, label in baskets.LABELS.items()
        },
    }


def odd(numbers: range, ids: Callable[[int], list[str]]) -> dict[str, Any]:
    return {"count": len(numbers), "ids": [id_ for number in numbers[:SHOWN] for id_ in ids(number)]}


def existing(found: Any) -> Any:
    if not found:
        raise VtexError(404, {"error": "there is no such record"})
    return found


def endpoint(handler: Handler) -> Callable[[Request], Any]:
    async def handle(request: Request) -> Response:
        try:
            found = await run_in_threadpool(handler, request.path_params.get("id", ""), await request.body())
        except ValidationError as error:
            return refused(error)
        except ValueError as error:
            return json_answer({"error": f"this body or id is not understood: {error}"}, 422)
        return json_answer(found)

    return handle
