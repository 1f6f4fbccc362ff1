# ruff: noqa: S608 - the SQL is put together from names of ours; values are bound
"""VTEX as the core serves it: one database, one clock, the rules and the routes."""

from typing import Any

from sandbox.core.clock import Clock
from sandbox.core.database import Database
from sandbox.core.vendor import Key, Vendor
from sandbox.shop import ACCOUNT, ShopData
from sandbox.vtex.control import VtexControl
from sandbox.vtex.errors import VtexError, answer
from sandbox.vtex.gate import Gate
from sandbox.vtex.knobs import VtexKnobs
from sandbox.vtex.rate_limit import Buckets
from sandbox.vtex.routes import Routes
from sandbox.vtex.rules_catalog import Catalog
from sandbox.vtex.rules_documents import Documents
from sandbox.vtex.rules_index import Index
from sandbox.vtex.rules_orders import Orders
from sandbox.vtex.schema import SCHEMA
from sandbox.vtex.seed import seed

APP_KEY, APP_TOKEN = f"vtexappkey-{ACCOUNT}-DEMO", "sandbox-token"
COUNTS = {
    "documents": "client",
    "products": "product",
    "skus": "sku",
    "orders": "sale",
    "changes": "change",
}


class Vtex(Vendor):
    """Seeded when built; `reset` seeds it anew."""

    def __init__(self, shop: ShopData, clock: Clock, knobs: VtexKnobs | None = None) -> None:
        self.name = "VTEX"
        self.knobs = self._knobs = knobs or VtexKnobs()
        self.keys = [Key(id=APP_KEY, secret=APP_TOKEN)]
        self.exception_handlers = {VtexError: answer}
        self._shop, self._database = shop, Database(SCHEMA)
        self._buckets = Buckets(clock, self._knobs)
        self._documents = Documents(self._database, clock, self._knobs)
        self._index = Index(self._documents, self._database, clock, self._knobs)
        self._orders = Orders(self._database, clock, self._knobs, shop)
        self._control = VtexControl(self._database, self._documents, self._orders, shop)
        self.control_routes = self._control.routes()
        self.routes = Routes(
            Gate(self.keys, self._knobs, self._buckets),
            self._knobs,
            documents=self._documents,
            index=self._index,
            catalog=Catalog(self._database, self._knobs),
            orders=self._orders,
        ).table()
        seed(self._database, shop)

    def reset(self) -> None:
        with self._database.lock:
            self._buckets.clear()
            self._index.forget()
            self._orders.forget()
            self._database.refill(lambda: seed(self._database, self._shop))

    def close(self) -> None:
        self._database.close()

    def state(self) -> dict[str, Any]:
        head = {"account": ACCOUNT, "shop_domain": self._shop.domain, "seed": self._shop.seed}
        return {**head, **self._counts()}

    def _counts(self) -> dict[str, int]:
        counts = {
            name: self._database.value(f"SELECT count(*) FROM {table}") for name, table in COUNTS.items()
        }
        return {**counts, "scrolls": self._index.open_scrolls}

    def page(self) -> dict[str, Any]:
        changes = [
            [
                one["at"][:19].replace("T", " "),
                one["verb"],
                one["email"] or one["id"],
                said(one["changed"]),
                one["by"],
            ]
            for one in self._control.changes(25)
        ]
        counts = [[name, number] for name, number in self._counts().items()]
        orders = self._database.rows(
            "SELECT replace(substr(created, 1, 19), 'T', ' '), order_id, origin, first_name, value"
            " FROM sale ORDER BY created DESC LIMIT 10"
        )
        sales = [[*row[:4], f"{row['value'] / 100:.2f}"] for row in orders]
        return {
            "title": "VTEX",
            "intro": f"The account {ACCOUNT}, simulated. What was written over its API shows under Changed.",
            "tables": [
                {"title": "Changed", "columns": ["At", "What", "Who", "Fields", "By key"], "rows": changes},
                {"title": "What there is", "columns": ["Kind", "Count"], "rows": counts},
                {
                    "title": "Latest orders",
                    "columns": ["Placed", "Order", "Origin", "Buyer", "Value"],
                    "rows": sales,
                },
            ],
        }


def said(changed: dict[str, Any]) -> str:
    """`{field: [before, after]}` of a change, `{field: value}` of an insert, in words."""
    return ", ".join(
        f"{name}: {value[0]} → {value[1]}" if isinstance(value, list) else f"{name}: {value}"
        for name, value in changed.items()
    )
