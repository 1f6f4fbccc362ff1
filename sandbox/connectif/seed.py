"""The records that the shop's web tag created before the first sync: visitors, products, purchases."""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from sandbox.connectif.account import Account
from sandbox.connectif.records import upsert_sql
from sandbox.connectif.rules_products import Products
from sandbox.shop import ShopData
from sandbox.shop.baskets import Basket, Line, Part
from sandbox.shop.catalogue import Product, ProductBrief

BATCH_ROWS = 10_000
VISITOR_SHARE = 0.4
STATUSES = ("subscribed", "subscribed", "none", "unsubscribed", "none")
_CONTACT = ("email", "name", "newsletter_status", "created_at", "updated_at", "origin")
_PRODUCT = ("product_id", "url", "name", "unit_price", "unit_price_original", "brand", "categories",
            "availability", "created_at", "updated_at", "origin")  # fmt: skip
_PURCHASE = ("purchase_id", "cart_id", "contact_row", "contact_email", "payment_method", "purchase_date",
             "total_price", "total_quantity", "products", "created_at", "updated_at", "origin")  # fmt: skip


def seed(account: Account, shop: ShopData) -> None:
    """Fills the empty account. The tag's records have the origin `web`; they start no workflow here."""
    now = account.now()
    _insert(account, "contacts", "email", _CONTACT, _visitors(shop, now))
    viewed = _viewed_products(shop, account.knobs.web_viewed_share, now)
    _insert(account, "products", "product_id", _PRODUCT, viewed)
    baskets = shop.tracked_purchases()
    while batch := list(islice(baskets, BATCH_ROWS)):
        reported = [basket for basket in batch if _lines_of(basket.parts) and basket.customer.address]
        _insert(account, "contacts", "email", _CONTACT, (_buyer(basket) for basket in reported))
        _insert(account, "products", "product_id", _PRODUCT, _bought_products(shop, reported, now))
        _insert(account, "purchases", "purchase_id", _PURCHASE, _purchases(account, shop, reported))
    account.database.execute("UPDATE newsletter_changes SET processed = 1")


def _insert(
    account: Account, table: str, key: str, columns: tuple[str, ...], rows: Iterator[tuple[Any, ...]]
) -> None:
    sql = upsert_sql(table, key, columns, {})
    while batch := list(islice(rows, BATCH_ROWS)):
        account.database.insert(sql, batch)


def _visitors(shop: ShopData, now: str) -> Iterator[tuple[Any, ...]]:
    """The share of the customers whom the tag has recognised, with their address in lower case."""
    for customer in shop.customers():
        number = customer.number
        if customer.address and shop.draws.share("visitor", number) < VISITOR_SHARE:
            status = STATUSES[shop.draws.below("visitor status", number, len(STATUSES))]
            yield (
                customer.address,
                customer.given_name,
                status,
                _instant(customer.created_in or now),
                now,
                "web",
            )


def _viewed_products(shop: ShopData, share: float, now: str) -> Iterator[tuple[Any, ...]]:
    for product in shop.products():
        if product.price and shop.draws.share("viewed", product.product_id) < share:
            yield _product(shop, product, product.price, now)


def _buyer(basket: Basket) -> tuple[Any, ...]:
    created = _instant(basket.created)
    return basket.customer.address, basket.customer.given_name, "none", created, created, "web"


def _bought_products(shop: ShopData, baskets: list[Basket], now: str) -> Iterator[tuple[Any, ...]]:
    for basket in baskets:
        for part in basket.parts:
            for line in part.lines:
                yield _product(shop, line.product, line.product.price, now)


def _product(shop: ShopData, product: Product | ProductBrief, price: int, now: str) -> tuple[Any, ...]:
    category = json.dumps(["/".join(product.category)])
    return (
        str(product.product_id), f"https://{shop.domain}/{product.link_text}/p", product.name, price / 100,
        price / 100, product.brand, category, "instock", now, now, "web",
    )  # fmt: skip


def _purchases(account: Account, shop: ShopData, baskets: list[Basket]) -> Iterator[tuple[Any, ...]]:
    """One purchase for each basket, or for each order if the knob `web_purchase_id` says so."""
    rows = {
        row["email"]: row["row"]
        for row in account.database.rows(
            "SELECT email, row FROM contacts WHERE email IN (SELECT value FROM json_each(?))",
            (json.dumps([basket.customer.address for basket in baskets]),),
        )
    }
    ids = Products(account).ids(
        {str(line.product.product_id) for b in baskets for line in _lines_of(b.parts)}
    )
    for basket in baskets:
        for purchase_id, parts in _purchase_parts(account, basket):
            lines = _lines_of(parts)
            created = _instant(basket.created)
            yield (
                purchase_id, basket.form_id, rows[basket.customer.address or ""], basket.customer.address,
                ", ".join(dict.fromkeys(basket.payments)), created, sum(part.value for part in parts) / 100,
                sum(line.quantity for line in lines), json.dumps([_line(shop, line, ids) for line in lines]),
                created, created, "web",
            )  # fmt: skip


def _purchase_parts(account: Account, basket: Basket) -> list[tuple[str, tuple[Part, ...]]]:
    if account.knobs.web_purchase_id == "orderGroup":
        return [(basket.group, basket.parts)]
    return [(part.order_id, (part,)) for part in basket.parts]


def _lines_of(parts: tuple[Part, ...]) -> list[Line]:
    return [line for part in parts for line in part.lines]


def _line(shop: ShopData, line: Line, ids: dict[str, str]) -> dict[str, Any]:
    return {
        "id": ids[str(line.product.product_id)],
        "productId": str(line.product.product_id), "name": line.product.name,
        "productDetailUrl": f"https://{shop.domain}/{line.product.link_text}/p",
        "unitPrice": max(line.selling_price, 0) / 100, "quantity": line.quantity,
        "price": max(line.total, 0) / 100,
    }  # fmt: skip


def _instant(vtex_text: str) -> str:
    """Converts seven digits of a second (with or without Z) to Connectif's three digits with Z."""
    return f"{vtex_text[:23]}Z"
