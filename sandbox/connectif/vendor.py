"""The simulated Connectif as the core serves it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from sandbox.connectif.account import Account
from sandbox.connectif.callbacks import Callbacks, Newsletter
from sandbox.connectif.contacts import Contacts
from sandbox.connectif.control import Control
from sandbox.connectif.errors import ApiError
from sandbox.connectif.exports import Exports
from sandbox.connectif.gate import Gate
from sandbox.connectif.imports import Imports
from sandbox.connectif.knobs import Knobs
from sandbox.connectif.products import Products
from sandbox.connectif.proxy import Proxy
from sandbox.connectif.purchases import Purchases
from sandbox.connectif.rate_limit import RateLimit
from sandbox.connectif.routes import api_error, router_error, routes
from sandbox.connectif.schema import SCHEMA
from sandbox.connectif.seed import seed
from sandbox.core.database import Database
from sandbox.core.vendor import Key, Vendor

if TYPE_CHECKING:
    from sandbox.core.clock import Clock
    from sandbox.shop import ShopData

TABLES = ("contacts", "products", "purchases", "imports", "exports", "fired_workflows", "callbacks")
# What the page shows of each table, the latest rows first.
_PAGE = {
    "contacts": ("email", "name", "surname", "mobile_phone", "birthdate", "newsletter_status", "origin",
                 "updated_at"),
    "products": ("product_id", "name", "unit_price", "unit_price_original", "availability", "in_stock_units",
                 "origin", "updated_at"),
    "purchases": ("purchase_id", "contact_email", "purchase_date", "total_price", "total_quantity", "origin"),
    "imports": ("type", "status", "total", "success", "errors", "options", "created_at", "finished_at"),
    "exports": ("status", "request", "total", "created_at", "finished_at"),
    "fired_workflows": ("at", "workflow", "contact_email", "purchase_id"),
    "callbacks": ("at", "kind", "email", "ip", "status", "error"),
}  # fmt: skip
PAGE_ROWS = 12


class Connectif(Vendor):
    """One account, seeded with what the shop's web tag has reported. `window_seconds` shortens the minute."""

    name = "connectif"

    def __init__(
        self, shop: ShopData, clock: Clock, *, knobs: Knobs | None = None, window_seconds: float = 60.0
    ) -> None:
        self.knobs: Knobs = knobs or Knobs()
        self.keys = [Key(id="sandbox-key-id", secret="sandbox-key-secret")]  # noqa: S106  (public, in the README)
        self._shop = shop
        self.account = Account(Database(SCHEMA), self.knobs, clock, shop.domain)
        self.rate_limit = RateLimit(clock, self.knobs, window_seconds)
        self.contacts = Contacts(self.account)
        self.products = Products(self.account)
        self.purchases = Purchases(self.account, self.contacts, self.products)
        self.callbacks = Callbacks(self.account)
        self.newsletter = Newsletter(self.account, self.contacts, self.callbacks)
        self.imports = Imports(self.account, self.contacts, self.newsletter)
        self.exports = Exports(self.account, self.contacts)
        self.routes = routes(self)
        self.control_routes = Control(self).routes()
        self.middleware = [
            Middleware(Proxy, knobs=self.knobs),
            Middleware(Gate, keys=self.keys, limit=self.rate_limit, knobs=self.knobs),
        ]
        self.exception_handlers = {ApiError: api_error, HTTPException: router_error}
        seed(self.account, shop)

    def reset(self) -> None:
        """Stops what runs, forgets everything and seeds anew."""
        self.imports.reset()
        self.exports.reset()
        self.callbacks.reset()
        self.rate_limit.reset()
        self.account.database.clear()
        seed(self.account, self._shop)

    def close(self) -> None:
        """Stops what runs and removes the files."""
        self.imports.close()
        self.exports.close()
        self.callbacks.close()
        self.account.database.close()

    def state(self) -> dict[str, Any]:
        """Counts by table and newsletter status, records by origin (web, import, api, form, control)."""
        counts = {table: self._count(table) for table in TABLES}
        origins = {table: self._grouped(table, "origin") for table in ("contacts", "products", "purchases")}
        return counts | {
            "origins": origins,
            "newsletter": self._grouped("contacts", "newsletter_status"),
            "rate_limit": self.rate_limit.take(0).headers(),
        }

    def page(self) -> dict[str, Any]:
        return {
            "title": "Connectif",
            "intro": "A simulated account: what the shop's web tag brought, and what was sent to it.",
            "tables": [self._table(table, columns) for table, columns in _PAGE.items()],
        }

    def _table(self, table: str, columns: tuple[str, ...]) -> dict[str, Any]:
        rows = self.account.database.rows(
            f"SELECT {', '.join(columns)} FROM {table} ORDER BY row DESC LIMIT {PAGE_ROWS}"  # noqa: S608
        )
        title = f"{table.replace('_', ' ').capitalize()} ({self._count(table)})"
        return {"title": title, "columns": columns, "rows": [list(row) for row in rows]}

    def _count(self, table: str) -> int:
        return int(self.account.database.value(f"SELECT COUNT(*) FROM {table}"))  # noqa: S608

    def _grouped(self, table: str, column: str) -> dict[str, int]:
        rows = self.account.database.rows(f"SELECT {column}, COUNT(*) FROM {table} GROUP BY 1")  # noqa: S608
        return {row[0]: row[1] for row in rows}
