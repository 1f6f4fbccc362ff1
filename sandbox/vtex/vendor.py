"""The simulated VTEX as the core serves it: one database, one clock, the rules and the routes."""

import re
from typing import Any

from starlette.datastructures import Headers
from starlette.types import Scope

from sandbox.core.clock import Clock
from sandbox.core.database import Database
from sandbox.core.vendor import Key, Vendor
from sandbox.shop import ShopData
from sandbox.vtex.control import VtexControl
from sandbox.vtex.gate import VtexGate
from sandbox.vtex.knobs import VtexKnobs
from sandbox.vtex.rate_limit import VtexRateLimit
from sandbox.vtex.routes import VtexRoutes
from sandbox.vtex.rules import VtexRules
from sandbox.vtex.schema import SCHEMA
from sandbox.vtex.seed import seed

TABLES = {
    "documents": "client",
    "products": "product",
    "skus": "sku",
    "orders": "sale",
    "changes": "change",
}
PAGE_CHANGES = 25


class Vtex(Vendor):
    """One account, seeded with the whole shop: customers, catalogue and orders."""

    def __init__(self, shop: ShopData, clock: Clock, *, knobs: VtexKnobs | None = None) -> None:
        self.knobs: VtexKnobs = knobs or VtexKnobs()
        self.account_name = shop.account
        self.keys = [Key(id=shop.identity.vtex_key, secret=shop.identity.named("sandbox-token"))]
        self.database = Database(SCHEMA)
        self._shop = shop
        self._rate_limit = VtexRateLimit(clock, self.knobs)
        self._rules = VtexRules(self.database, clock, self.knobs, shop)
        self._control = VtexControl(self._rules, shop)
        self.routes = VtexRoutes(self._rules, VtexGate(self.keys, self.knobs, self._rate_limit)).table()
        self.control_routes = self._control.table()
        seed(self.database, shop)

    def claims(self, scope: Scope) -> bool:
        """The host names the account, as in `sandboxspain.vtexcommercestable.com.br`."""
        host = Headers(scope=scope).get("Host", "")
        return re.split("[.:]", host, maxsplit=1)[0].lower() == self.account_name

    def reset(self) -> None:
        with self.database.lock:
            self._rate_limit.reset()
            self._rules.reset()
            self.database.refill(lambda: seed(self.database, self._shop))

    def close(self) -> None:
        self._rules.close()

    def state(self) -> dict[str, Any]:
        """The account, and counts by kind of record."""
        head = {"account": self.account_name, "shop_domain": self._shop.domain, "seed": self._shop.seed}
        return {**head, **self._counts()}

    def page(self) -> dict[str, Any]:
        return {
            "title": "VTEX",
            "intro": f"The simulated account {self.account_name}. "
            "The table Changed lists the writes over its API.",
            "tables": [
                {
                    "title": "Changed",
                    "columns": ["At", "What", "Who", "Fields", "By key"],
                    "rows": [change_row(change) for change in self._control.changes(PAGE_CHANGES)],
                },
                {
                    "title": "Records",
                    "columns": ["Kind", "Count"],
                    "rows": [[name, number] for name, number in self._counts().items()],
                },
                {
                    "title": "Latest orders",
                    "columns": ["Placed", "Order", "Origin", "Buyer", "Value"],
                    "rows": self._latest_orders(),
                },
            ],
        }

    def _counts(self) -> dict[str, int]:
        counts = {
            name: self.database.value(f"SELECT count(*) FROM {table}")  # noqa: S608 - our own table names
            for name, table in TABLES.items()
        }
        return {**counts, "scrolls": self._rules.index.open_scrolls}

    def _latest_orders(self) -> list[list[Any]]:
        orders = self.database.rows(
            "SELECT replace(substr(created, 1, 19), 'T', ' '), order_id, origin, first_name, value"
            " FROM sale ORDER BY created DESC LIMIT 10"
        )
        return [[*row[:4], f"{row['value'] / 100:.2f}"] for row in orders]


def change_row(change: dict[str, Any]) -> list[Any]:
    return [
        change["at"][:19].replace("T", " "),
        change["verb"],
        change["email"] or change["id"],
        describe_fields(change["changed"]),
        change["by"],
    ]


def describe_fields(changed: dict[str, Any]) -> str:
    """`{field: [before, after]}` of a change, or `{field: value}` of an insert, as text."""
    return ", ".join(
        f"{name}: {value[0]} → {value[1]}" if isinstance(value, list) else f"{name}: {value}"
        for name, value in changed.items()
    )
