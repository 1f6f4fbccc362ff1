# ruff: noqa: S608 - the SQL is put together from names of ours; values are bound
"""Orders: the list with its lagging index, its stale statuses and its thirty pages, and the details."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sandbox.core.clock import Clock
from sandbox.core.database import Database
from sandbox.shop import ShopData
from sandbox.shop.instants import text
from sandbox.vtex.errors import oms
from sandbox.vtex.knobs import VtexKnobs
from sandbox.vtex.order_detail import DESCRIPTIONS, brief, detail, offset, value_at
from sandbox.vtex.seed import SALE_SQL, sale_rows

PAGES = 30
YEARS = timedelta(days=730)
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
    """The SQL expression of an order's status at an instant (itself SQL)."""
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
        self.forget()

    def forget(self) -> None:
        self._arrived = 0

    def listing(
        self, filters: Mapping[str, str], *, page: int, per_page: int, order_by: str | None
    ) -> dict[str, Any]:
        """One page. The index is minutes behind, items are null, totals floats, one status in ten is old."""
        per_page = min(max(per_page, 1), 100)
        if page > PAGES:
            status = int(self._knobs.oms_page_31_status)
            raise oms(status, f"Max page exceed. The maximum page allowed is {PAGES}")
        where, values = self._where(filters)
        with self._database.lock:
            total, value = self._database.row(
                f"SELECT count(*), total(value) FROM sale WHERE {where}", values
            )
            values |= {"limit": per_page, "offset": (max(page, 1) - 1) * per_page}
            rows = self._database.rows(
                f"SELECT *, {LISTED_STATUS} AS status FROM sale WHERE {where}"
                f" ORDER BY {ordering(order_by)}, order_id LIMIT :limit OFFSET :offset",
                values,
            )
            self.arrive(self._knobs.oms_arrivals_per_page, late=True)
        pages = -(-total // per_page) or int(self._knobs.oms_empty_pages)
        return {
            "list": [listed(row, values["index"]) for row in rows],
            "facets": [],
            "paging": {"total": total, "pages": pages, "currentPage": page, "perPage": per_page},
            "stats": {
                "stats": {"totalValue": statistics(total, value), "totalItems": statistics(total, total)}
            },
            "reportRecordsLimit": 5000,
        }

    def detail(self, order_id: str) -> dict[str, Any] | None:
        column = "row" if order_id.startswith("seq") and order_id[3:].isdigit() else "order_id"
        row = self._rows(f"{column} = :wanted", order_id.removeprefix("seq") if column == "row" else order_id)
        return detail(row[0], text(self._clock.now())) if row else None

    def group(self, order_group: str) -> list[dict[str, Any]] | None:
        """The parts as the knob says; None is a 404, which some accounts answer although there are parts."""
        now, answer = text(self._clock.now()), self._knobs.oms_group_answer
        parts = [detail(row, now) for row in self._rows("order_group = :wanted", order_group)]
        if not parts or answer == "404":
            return None
        return {"full": parts, "brief": [brief(part) for part in parts], "empty": []}[answer]

    def arrive(self, count: int, *, late: bool = False) -> list[str]:
        """New baskets, now; with `late` so long ago that the index has them. Returns the order ids."""
        made = self._clock.now() - timedelta(seconds=self._knobs.oms_index_lag_seconds + 1 if late else 0)
        ids = []
        for _ in range(count):
            basket = self._shop.baskets.arriving(self._shop.baskets.count + self._arrived, made)
            self._arrived += 1
            rows = list(sale_rows(basket))
            self._database.insert(SALE_SQL, rows)
            ids += [row[0] for row in rows]
        return ids

    def _rows(self, where: str, wanted: str) -> Any:
        """Details have no index lag; what lies in the clock's future does not exist."""
        now = self._clock.now()
        values = {"wanted": wanted, "now": text(now), "oldest": text(now - YEARS)}
        return self._database.rows(
            f"SELECT *, {status_at(':now')} AS status FROM sale"
            f" WHERE {where} AND created BETWEEN :oldest AND :now ORDER BY order_id",
            values,
        )

    def _where(self, filters: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
        now = self._clock.now()
        index = now - timedelta(seconds=self._knobs.oms_index_lag_seconds)
        stale = index - timedelta(seconds=self._knobs.oms_stale_status_seconds)
        values: dict[str, Any] = {"index": text(index), "stale": text(stale), "oldest": text(now - YEARS)}
        parts = ["created BETWEEN :oldest AND :index"]
        for name, column in DATES.items():
            if name in filters:
                values[f"{column}_low"], values[f"{column}_high"] = bounds(name, filters[name])
                parts.append(f"{column} BETWEEN :{column}_low AND min(:{column}_high, :index)")
        if "f_status" in filters:
            values["status"] = known_status(filters["f_status"])
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


def bounds(name: str, literal: str) -> tuple[str, str]:
    """Of `creationDate:[2026-11-22T00:00:00.000Z TO 2026-11-22T23:59:59.999Z]`: UTC, both included."""
    match = RANGE.fullmatch(literal)
    if match is None or f"f_{match[1]}" != name:
        raise oms(400, f"Invalid value for {name}: expected {name[2:]}:[<instant>Z TO <instant>Z] in UTC")
    low, low_fraction, high, high_fraction = match.groups()[1:]
    return f"{low}.{(low_fraction or '').ljust(7, '0')}", f"{high}.{(high_fraction or '').ljust(3, '0')}9999"


def known_status(status: str) -> str:
    if status not in STATUSES:
        raise oms(400, f"Unknown status in f_status: '{status}'")
    return status


def ordering(order_by: str | None) -> str:
    """The newest first, when nothing is said."""
    name, _, way = (order_by or "creationDate,desc").partition(",")
    if name not in ORDER_BY or way not in ("asc", "desc"):
        raise oms(400, f"Invalid orderBy: '{order_by}'")
    return f"{ORDER_BY[name]} {way}"


def statistics(count: int, total: float) -> dict[str, Any]:
    return {"Count": count, "Max": 0.0, "Mean": total / count if count else 0.0, "Min": 0.0, "Missing": 0,
            "StdDev": 0.0, "Sum": float(total), "SumOfSquares": 0.0, "Facets": {}}  # fmt: skip


def listed(row: Any, index: str) -> dict[str, Any]:
    authorized = row["authorized"] if row["authorized"] and row["authorized"] <= index else None
    return {
        "orderId": row["order_id"],
        "creationDate": offset(row["created"]),
        "clientName": f"{row['first_name'] or ''} {row['last_name'] or ''}".strip(),
        "items": None,
        "totalValue": float(value_at(row, index)),
        "paymentNames": payment_names(row),
        "status": row["status"],
        "statusDescription": DESCRIPTIONS.get(row["status"]),
        "marketPlaceOrderId": None,
        "sequence": str(row["row"]),
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
        "authorizedDate": offset(authorized),
        "callCenterOperatorName": None,
        "totalItems": row["lines"].count('"sku":'),
        "currencyCode": row["currency"],
    }


def payment_names(row: Any) -> str:
    return ",".join(dict.fromkeys(re.findall(r'"([^"]*)"', row["payments"])))
