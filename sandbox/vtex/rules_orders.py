# ruff: noqa: S608 - the SQL consists of our own names; values are bound
"""Orders: the list (lagging index, stale statuses, at most thirty pages) and the details."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sandbox.core.clock import Clock
from sandbox.core.database import Database
from sandbox.shop import ShopData
from sandbox.shop.instants import instant_text
from sandbox.vtex.errors import oms_error
from sandbox.vtex.knobs import VtexKnobs
from sandbox.vtex.order_detail import DESCRIPTIONS, add_offset, brief_order, order_detail, value_at
from sandbox.vtex.seed import SALE_SQL, sale_rows

MOST_PAGES = 30
KEPT_FOR = timedelta(days=730)
STATUSES = frozenset(
    ("waiting-for-sellers-confirmation", "payment-pending", "payment-approved", "ready-for-handling",
     "handling", "invoiced", "canceled")
)  # fmt: skip
ORDER_BY = {
    "creationDate": "created",
    "orderId": "order_id",
    "totalValue": "value",
    "items": "json_array_length(lines)",
    "origin": "origin",
}
DATES = {"f_creationDate": "created", "f_authorizedDate": "authorized", "f_invoicedDate": "invoiced"}
INSTANT = r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,3}))?Z"
RANGE = re.compile(rf"(creationDate|authorizedDate|invoicedDate):\[{INSTANT} TO {INSTANT}\]")


def status_at(instant: str) -> str:
    """The SQL expression of an order's status at `instant`, which is SQL, too."""
    return f"""CASE
        WHEN NOT is_complete THEN NULL
        WHEN fixed_status IS NOT NULL THEN fixed_status
        WHEN canceled <= {instant} THEN ends_as
        WHEN invoiced <= {instant} THEN 'invoiced'
        WHEN handled <= {instant} THEN 'handling'
        WHEN substr(authorized, 1, 19) <= strftime('%Y-%m-%dT%H:%M:%S', {instant}, '-30 minutes')
            THEN 'ready-for-handling'
        WHEN authorized <= {instant} THEN 'window-to-cancel'
        ELSE 'payment-pending' END"""


LISTED_STATUS = status_at("(CASE WHEN row % 10 = 3 THEN :stale ELSE :index END)")


class Orders:
    def __init__(self, database: Database, clock: Clock, knobs: VtexKnobs, shop: ShopData) -> None:
        self._database, self._clock, self._knobs, self._shop = database, clock, knobs, shop
        self.reset()

    def reset(self) -> None:
        self._arrivals = 0

    def list_page(
        self, filters: Mapping[str, str], page: int, *, per_page: int, order_by: str | None
    ) -> dict[str, Any]:
        """One page of the list.

        The index is some minutes late, `items` is null, totals are floats, and one status in ten is stale.
        """
        per_page = min(max(per_page, 1), 100)
        if page > MOST_PAGES:
            status = int(self._knobs.oms_page_31_status)
            raise oms_error(status, f"Max page exceed. The maximum page allowed is {MOST_PAGES}")
        where, values = self._where(filters)
        with self._database.lock:
            total, value = self._database.row(
                f"SELECT count(*), total(value) FROM sale WHERE {where}", values
            )
            values |= {"limit": per_page, "offset": (max(page, 1) - 1) * per_page}
            values["first"] = self._shop.identity.first_sequence
            rows = self._database.rows(
                f"SELECT *, row + :first AS sequence, {LISTED_STATUS} AS status FROM sale WHERE {where}"
                f" ORDER BY {parse_order_by(order_by)}, order_id LIMIT :limit OFFSET :offset",
                values,
            )
            self.add_arrivals(self._knobs.oms_arrivals_per_page, indexed=True)
        pages = -(-total // per_page) or int(self._knobs.oms_empty_pages)
        return {
            "list": [list_row(row, values["index"]) for row in rows],
            "facets": [],
            "paging": {"total": total, "pages": pages, "currentPage": page, "perPage": per_page},
            "stats": {
                "stats": {"totalValue": statistics(total, value), "totalItems": statistics(total, total)}
            },
            "reportRecordsLimit": 5000,
        }

    def detail(self, order_id: str) -> dict[str, Any] | None:
        if order_id.startswith("seq") and order_id[3:].isdigit():
            rows = self._find("row = :key - :first", order_id[3:])
        else:
            rows = self._find("order_id = :key", order_id)
        return self._print(rows[0]) if rows else None

    def group(self, order_group: str) -> list[dict[str, Any]] | None:
        """The parts of a checkout, in the form that the knob `oms_group_answer` sets.

        None stands for 404, which the knob can set although the checkout has parts.
        """
        form = self._knobs.oms_group_answer
        parts = [self._print(row) for row in self._find("order_group = :key", order_group)]
        if not parts or form == "404":
            return None
        return {"full": parts, "brief": [brief_order(part) for part in parts], "empty": []}[form]

    def add_arrivals(self, count: int, *, indexed: bool = False) -> list[str]:
        """Adds new baskets and returns their order ids. `indexed` makes them old enough for the index."""
        lag = timedelta(seconds=self._knobs.oms_index_lag_seconds + 1 if indexed else 0)
        created = self._clock.now() - lag
        ids = []
        for _ in range(count):
            basket = self._shop.baskets.arrival(self._shop.baskets.count + self._arrivals, created)
            self._arrivals += 1
            rows = list(sale_rows(basket))
            self._database.insert(SALE_SQL, rows)
            ids += [row[0] for row in rows]
        return ids

    def _print(self, row: Any) -> dict[str, Any]:
        return order_detail(row, instant_text(self._clock.now()), self._shop.identity)

    def _find(self, where: str, key: str) -> Any:
        """Details have no index lag. Orders in the clock's future do not exist yet."""
        now = self._clock.now()
        values = {"key": key, "now": instant_text(now), "oldest": instant_text(now - KEPT_FOR)}
        return self._database.rows(
            f"SELECT *, row + :first AS sequence, {status_at(':now')} AS status FROM sale"
            f" WHERE {where} AND created BETWEEN :oldest AND :now ORDER BY order_id",
            values | {"first": self._shop.identity.first_sequence},
        )

    def _where(self, filters: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
        now = self._clock.now()
        index = now - timedelta(seconds=self._knobs.oms_index_lag_seconds)
        stale = index - timedelta(seconds=self._knobs.oms_stale_status_seconds)
        values: dict[str, Any] = {
            "index": instant_text(index),
            "stale": instant_text(stale),
            "oldest": instant_text(now - KEPT_FOR),
        }
        parts = ["created BETWEEN :oldest AND :index"]
        for name, column in DATES.items():
            if name in filters:
                values[f"{column}_low"], values[f"{column}_high"] = parse_range(name, filters[name])
                parts.append(f"{column} BETWEEN :{column}_low AND min(:{column}_high, :index)")
        if "f_status" in filters:
            values["status"] = check_status(filters["f_status"])
            parts.append(f"{LISTED_STATUS} = :status")
        if "incompleteOrders" in filters:
            parts.append(
                "NOT is_complete" if filters["incompleteOrders"].lower() == "true" else "is_complete"
            )
        for name, column in (("f_affiliateId", "affiliate"), ("salesChannelId", "channel")):
            if name in filters:
                values[name] = filters[name]
                parts.append(f"{column} = :{name}")
        return " AND ".join(parts), values


def parse_range(name: str, literal: str) -> tuple[str, str]:
    """Reads `creationDate:[2026-11-22T00:00:00.000Z TO 2026-11-22T23:59:59.999Z]`: UTC, both included."""
    match = RANGE.fullmatch(literal)
    if match is None or f"f_{match[1]}" != name:
        text = f"Invalid value for {name}: expected {name[2:]}:[<instant>Z TO <instant>Z] in UTC"
        raise oms_error(400, text)
    low, low_fraction, high, high_fraction = match.groups()[1:]
    return f"{low}.{(low_fraction or '').ljust(7, '0')}", f"{high}.{(high_fraction or '').ljust(3, '0')}9999"


def check_status(status: str) -> str:
    if status not in STATUSES:
        raise oms_error(400, f"Unknown status in f_status: '{status}'")
    return status


def parse_order_by(order_by: str | None) -> str:
    """Without `orderBy`, the newest orders come first."""
    name, _, direction = (order_by or "creationDate,desc").partition(",")
    if name not in ORDER_BY or direction not in ("asc", "desc"):
        raise oms_error(400, f"Invalid orderBy: '{order_by}'")
    return f"{ORDER_BY[name]} {direction}"


def statistics(count: int, total: float) -> dict[str, Any]:
    return {"Count": count, "Max": 0.0, "Mean": total / count if count else 0.0, "Min": 0.0, "Missing": 0,
            "StdDev": 0.0, "Sum": float(total), "SumOfSquares": 0.0, "Facets": {}}  # fmt: skip


def list_row(row: Any, index: str) -> dict[str, Any]:
    authorized = row["authorized"] if row["authorized"] and row["authorized"] <= index else None
    return {
        "orderId": row["order_id"],
        "creationDate": add_offset(row["created"]),
        "clientName": f"{row['first_name'] or ''} {row['last_name'] or ''}".strip(),
        "items": None,
        "totalValue": float(value_at(row, index)),
        "paymentNames": payment_names(row),
        "status": row["status"],
        "statusDescription": DESCRIPTIONS.get(row["status"]),
        "marketPlaceOrderId": None,
        "sequence": str(row["sequence"]),
        "salesChannel": str(row["channel"]),
        "affiliateId": row["affiliate"],
        "origin": row["origin"],
        "workflowInErrorState": False,
        "workflowInRetry": False,
        "lastMessageUnread": None,
        "ShippingEstimatedDate": None,
        "ShippingEstimatedDateMax": None,
        "ShippingEstimatedDateMin": None,
        "orderIsComplete": bool(row["is_complete"]),
        "listId": None,
        "listType": None,
        "authorizedDate": add_offset(authorized),
        "callCenterOperatorName": None,
        "totalItems": row["lines"].count('"sku":'),
        "currencyCode": row["currency"],
    }


def payment_names(row: Any) -> str:
    return ",".join(dict.fromkeys(re.findall(r'"([^"]*)"', row["payments"])))
