"""Put orders into the simulated shop, one by one or by the thousand."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from include.plan import RunPlan
from include.window import Window
from sandbox.vtex.control_bodies import OrderBody
from sandbox.vtex.seed import SALE_SQL
from tests.builders import NOON, SimulatedShop

LINE = {"product": 900, "sku": 9000, "name": "Chaleira", "link": "/chaleira/p", "selling_price": 1990,
        "price": 1990, "list_price": 2490}  # fmt: skip
EMAIL = "ana.silva@example.com"
MORNING = NOON - timedelta(hours=4)


def day_of(start: datetime, *, hours: float = 24) -> RunPlan:
    """A plan of exactly these hours."""
    return RunPlan("window", Window(start, start + timedelta(hours=hours)), (), "a day of the test")


def without_baskets(shop: SimulatedShop) -> None:
    """Take the seeded orders away, and the purchases that their tag reported: what a test puts is all."""
    shop.vtex.database.execute("DELETE FROM sale")
    shop.connectif.database.execute("DELETE FROM purchases")


def put_order(shop: SimulatedShop, order_id: str, created: datetime, **fields: Any) -> None:
    """Put one order of `Ana Silva` with her real address; the group is that of the order id."""
    shop.on_vtex("PUT", f"orders/{order_id}", _body(order_id, created, fields))


def put_orders(
    shop: SimulatedShop, number: int, start: datetime, length: timedelta, **fields: Any
) -> list[str]:
    """Put `number` orders at equal distances in the time; returns their groups."""
    groups = [f"{7_000_000_000_000 + n}" for n in range(number)]
    rows = [
        OrderBody(**_body(f"{group}-01", start + n * length / number, fields)).row(f"{group}-01")
        for n, group in enumerate(groups)
    ]
    shop.vtex.database.insert(SALE_SQL, rows)
    return groups


def _body(order_id: str, created: datetime, fields: dict[str, Any]) -> dict[str, Any]:
    return {
        "order_group": order_id.rpartition("-")[0],
        "created": vtex_instant(created),
        "authorized": vtex_instant(created),
        "email": EMAIL,
        "first_name": "Ana",
        "last_name": "Silva",
        "lines": [LINE],
        **fields,
    }


def vtex_instant(at: datetime) -> str:
    """`2026-11-23T10:00:00.0000000`"""
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}0"


def put_product(
    shop: SimulatedShop, product: int = 900, *, name: str = "Chaleira", price: float = 19.9
) -> None:
    """Put a product that Connectif has."""
    link = f"https://www.sandbox-shop.example/{name.lower()}/p"
    fields = {"name": name, "productDetailUrl": link, "unitPrice": price}
    shop.on_connectif("PUT", f"products/{product}", fields)


def put_buyer(shop: SimulatedShop, email: str = EMAIL) -> None:
    """Put a contact that Connectif has."""
    shop.on_connectif(
        "PUT", f"contacts/{email}", {"_name": "Ana", "_newsletterSubscriptionStatus": "subscribed"}
    )


def purchases(shop: SimulatedShop) -> dict[str, dict[str, Any]]:
    """The purchases at Connectif, by purchase id."""
    return shop.table("purchases", by="purchase_id")


def calls(shop: SimulatedShop, route: str) -> int:
    """The number of calls of a route, whatever the answer."""
    return sum(shop.counts().get(route, {}).values())


def connectif_calls(shop: SimulatedShop) -> int:
    """The number of calls that count for Connectif's limit."""
    journal = shop._control(shop.connectif_url, "GET", "journal")["counts"]
    return sum(sum(counts.values()) for route, counts in journal.items() if not route.startswith("download"))


def put_purchase(shop: SimulatedShop, purchase_id: str, at: datetime = MORNING, **fields: Any) -> None:
    """Put a purchase that the shop's tag reported."""
    line = {"productId": "900", "name": "Chaleira", "quantity": 1, "unitPrice": 19.9, "price": 19.9,
            "productDetailUrl": "https://www.sandbox-shop.example/chaleira/p"}  # fmt: skip
    body = {"cartId": "c", "contactEmail": EMAIL, "purchaseDate": at.isoformat(), "totalPrice": 19.9,
            "totalQuantity": 1, "products": [line]}  # fmt: skip
    shop.on_connectif("PUT", f"purchases/{purchase_id}", {**body, **fields})
