# ruff: noqa: S608 - the SQL consists of our own names; values are bound
"""VTEX's own control routes: put, read and delete single records; list what callers changed."""

from collections.abc import Callable
from typing import Any

import orjson
from starlette.routing import BaseRoute

from sandbox.core.control import Row, control_routes, read_body
from sandbox.core.endpoints import Call
from sandbox.core.errors import VendorError
from sandbox.shop import ShopData, baskets, people
from sandbox.vtex.control_bodies import Arrivals, OrderBody, ProductBody
from sandbox.vtex.rules import VtexRules
from sandbox.vtex.seed import SALE_COLUMNS, SALE_SQL, insert_product

PRODUCT_COLUMNS = frozenset(
    {"is_active", "is_visible", "is_indexed", "position", "name", "link_text", "description"}
)
"""The columns of a product that PATCH can change."""
MOST_CHANGES = 1_000
MOST_ODDITY_IDS = 100


class VtexControl:
    """An unknown record answers 404, an invalid body or id answers 422."""

    def __init__(self, rules: VtexRules, shop: ShopData) -> None:
        self._rules, self._database, self._shop = rules, rules.database, shop

    def table(self) -> list[BaseRoute]:
        table: list[Row] = [
            ("GET", "/documents/{id}", self._get_document),
            ("PUT", "/documents/{id}", self._put_document),
            ("DELETE", "/documents/{id}", self._delete_document),
            ("PUT", "/products/{id}", self._put_product),
            ("PATCH", "/products/{id}", self._patch_product),
            ("DELETE", "/products/{id}", lambda call: self._delete("product", "product_id", call)),
            ("PUT", "/orders/{id}", self._put_order),
            ("DELETE", "/orders/{id}", lambda call: self._delete("sale", "order_id", call)),
            ("POST", "/arrivals", read_body(Arrivals, self._add_arrivals)),
            ("GET", "/changes", lambda _: self.changes(MOST_CHANGES)),
            ("GET", "/oddities", lambda _: oddities(self._shop)),
        ]
        return control_routes(table)

    def changes(self, limit: int) -> list[dict[str, Any]]:
        """The writes of the API's callers, latest first; `changed` is `{field: [before, after]}`."""
        rows = self._database.rows("SELECT * FROM change ORDER BY number DESC LIMIT ?", (limit,))
        return [dict(row) | {"changed": orjson.loads(row["changed"])} for row in rows]

    def _get_document(self, call: Call) -> Any:
        return check_found(self._rules.documents.get(call.path("id")))

    def _put_document(self, call: Call) -> Any:
        return self._rules.documents.place(call.path("id"), parse(orjson.loads, call.body))

    def _delete_document(self, call: Call) -> Any:
        return {"deleted": check_found(self._rules.documents.remove(call.path("id")))}

    def _put_product(self, call: Call) -> dict[str, Any]:
        product = ProductBody.model_validate_json(call.body).product(parse(int, call.path("id")))
        insert_product(self._database, product)
        return {"product_id": product.product_id, "skus": len(product.skus)}

    def _patch_product(self, call: Call) -> dict[str, Any]:
        changes = parse(orjson.loads, call.body)
        unknown = set(changes) - PRODUCT_COLUMNS
        if unknown:
            raise VendorError(422, {"error": f"PATCH cannot change {sorted(unknown)}: use PUT"})
        columns = ", ".join(f"{name} = :{name}" for name in changes)
        check_found(
            self._database.execute(
                f"UPDATE product SET {columns} WHERE product_id = :id",
                changes | {"id": parse(int, call.path("id"))},
            )
        )
        return dict(changes)

    def _put_order(self, call: Call) -> dict[str, Any]:
        order = OrderBody.model_validate_json(call.body)
        if "currency" not in order.model_fields_set:
            order.currency = self._shop.identity.country.currency
        row = order.row(call.path("id"))
        self._database.insert(SALE_SQL, [row])
        return dict(zip(SALE_COLUMNS, row, strict=True))

    def _add_arrivals(self, arrivals: Arrivals) -> dict[str, Any]:
        return {"orders": self._rules.orders.add_arrivals(arrivals.count)}

    def _delete(self, table: str, column: str, call: Call) -> dict[str, int]:
        count = self._database.execute(f"DELETE FROM {table} WHERE {column} = ?", (call.path("id"),))
        return {"deleted": check_found(count)}


def oddities(shop: ShopData) -> dict[str, Any]:
    """The oddities of the seed: how many records of each kind, and the ids of the first ones."""

    def document_ids(number: int) -> list[str]:
        return [shop.people.one(number).document_id]

    return {
        "documents": {
            label: oddity(range(place, shop.people.count, people.ODDITY_PERIOD), document_ids)
            for place, label in people.LABELS.items()
        },
        "orders": {
            label: oddity(range(place, shop.baskets.count, baskets.ODDITY_PERIOD), shop.baskets.order_ids)
            for place, label in baskets.LABELS.items()
        },
    }


def oddity(numbers: range, ids_of: Callable[[int], list[str]]) -> dict[str, Any]:
    ids = [id_ for number in numbers[:MOST_ODDITY_IDS] for id_ in ids_of(number)]
    return {"count": len(numbers), "ids": ids}


def check_found(record: Any) -> Any:
    if not record:
        raise VendorError(404, {"error": "no such record"})
    return record


def parse(read: Callable[[Any], Any], text: str | bytes) -> Any:
    try:
        return read(text)
    except ValueError as error:
        raise VendorError(422, {"error": f"invalid body or id: {error}"}) from None
