"""The simulated Connectif as the core serves it: one account, one clock, the rules and the routes."""

from typing import Any

from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.types import Scope

from sandbox.connectif.account import Account
from sandbox.connectif.control import ConnectifControl
from sandbox.connectif.gate import FILES, ConnectifGate, key_id_of
from sandbox.connectif.knobs import ConnectifKnobs, knobs_of
from sandbox.connectif.proxy import Proxy
from sandbox.connectif.rate_limit import ConnectifRateLimit
from sandbox.connectif.routes import ConnectifRoutes, answer_router_error
from sandbox.connectif.rules import ConnectifRules
from sandbox.connectif.schema import SCHEMA
from sandbox.connectif.seed import seed
from sandbox.core.clock import Clock
from sandbox.core.database import Database
from sandbox.core.middleware import CONTROL
from sandbox.core.vendor import Key, Vendor
from sandbox.shop import ShopData

TABLES = ("contacts", "products", "purchases", "imports", "exports", "fired_workflows", "callbacks")
PAGE_COLUMNS = {
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
"""The columns that the page shows of each table."""
PAGE_ROWS = 12


class Connectif(Vendor):
    """One account, seeded with the reports of the shop's web tag. `window_seconds` is the rate window."""

    paths_below_account = (CONTROL, FILES)

    def __init__(
        self,
        shop: ShopData,
        clock: Clock,
        *,
        knobs: ConnectifKnobs | None = None,
        window_seconds: float = 60.0,
    ) -> None:
        identity = shop.identity
        self.account_name = identity.account
        self.knobs: ConnectifKnobs = knobs or knobs_of(identity.country)
        self.keys = [Key(id=identity.connectif_key, secret=identity.named("sandbox-key-secret"))]
        self.database = Database(SCHEMA)
        self._shop = shop
        self._account = Account(self.database, self.knobs, clock, identity)
        self._rate_limit = ConnectifRateLimit(clock, self.knobs, window_seconds)
        self._rules = ConnectifRules(self._account)
        self.routes = ConnectifRoutes(self._rules).table()
        self.control_routes = ConnectifControl(self._rules, self._rate_limit).table()
        self.middleware = [
            Middleware(Proxy, knobs=self.knobs),
            Middleware(ConnectifGate, keys=self.keys, limit=self._rate_limit, knobs=self.knobs),
        ]
        self.exception_handlers = {HTTPException: answer_router_error}
        seed(self._account, shop)

    def claims(self, scope: Scope) -> bool:
        """The id of the key names the account, also with a wrong secret. Ids of keys must differ."""
        key_id = key_id_of(scope)
        return any(key.id == key_id for key in self.keys)

    def reset(self) -> None:
        self._rules.reset()
        self._rate_limit.reset()
        self.database.clear()
        seed(self._account, self._shop)

    def close(self) -> None:
        self._rules.close()

    def state(self) -> dict[str, Any]:
        """Counts by table, by origin (web, import, api, form, control) and by newsletter status."""
        counts = {table: self._count(table) for table in TABLES}
        origins = {table: self._count_by(table, "origin") for table in ("contacts", "products", "purchases")}
        return counts | {
            "origins": origins,
            "newsletter": self._count_by("contacts", "newsletter_status"),
            "rate_limit": self._rate_limit.take(0).headers(),
        }

    def page(self) -> dict[str, Any]:
        return {
            "title": "Connectif",
            "intro": f"The simulated account {self.account_name}, with the reports of the shop's web tag and "
            "the records sent to it.",
            "tables": [self._table(table, columns) for table, columns in PAGE_COLUMNS.items()],
        }

    def _table(self, table: str, columns: tuple[str, ...]) -> dict[str, Any]:
        """The latest rows of a table."""
        rows = self.database.rows(
            f"SELECT {', '.join(columns)} FROM {table} ORDER BY row DESC LIMIT {PAGE_ROWS}"  # noqa: S608
        )
        title = f"{table.replace('_', ' ').capitalize()} ({self._count(table)})"
        return {"title": title, "columns": columns, "rows": [list(row) for row in rows]}

    def _count(self, table: str) -> int:
        return int(self.database.value(f"SELECT COUNT(*) FROM {table}"))  # noqa: S608

    def _count_by(self, table: str, column: str) -> dict[str, int]:
        rows = self.database.rows(f"SELECT {column}, COUNT(*) FROM {table} GROUP BY 1")  # noqa: S608
        return {row[0]: row[1] for row in rows}
