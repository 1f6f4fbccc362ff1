"""The heads of staged purchases: what `load` keeps in memory between its two passes over the files."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from include.purchases.staged import PurchaseHead, PurchaseHeads, head_of

HAPPENED = "2026-11-23T08:00:00+00:00"


def line(product: str, price: float, **more: Any) -> dict[str, Any]:
    link = f"https://www.sandbox-shop.example/{product}/p"
    return {
        "productId": product,
        "name": f"Line {product}",
        "productDetailUrl": link,
        "unitPrice": price,
        **more,
    }


def staged(key: str, *lines: dict[str, Any]) -> dict[str, Any]:
    return {
        "purchase_id": key,
        "order_ids": [f"{key}-01"],
        "happened": HAPPENED,
        "payment_method": "Visa",
        "sales_channel": "1",
        "contact": {"_name": "Ana", "_newsletterSubscriptionStatus": "none"},
        "body": {"contactEmail": f"{key}@example.com", "products": list(lines)},
    }


def test_head__has_ids_buyer_and_products() -> None:
    assert head_of(staged("g", line("1", 9.9), line("2", 5))) == PurchaseHead(
        "g",
        ("g-01",),
        datetime(2026, 11, 23, 8, tzinfo=UTC),
        "g@example.com",
        {"_name": "Ana", "_newsletterSubscriptionStatus": "none"},
        ("1", "2"),
        "Visa",
        "1",
    )


def test_head__of_an_unsent_purchase_has_no_buyer() -> None:
    unsent = {"purchase_id": "g", "order_ids": ["g-01"], "happened": HAPPENED, "reason": "part_unpaid"}
    assert head_of(unsent) == PurchaseHead("g", ("g-01",), datetime(2026, 11, 23, 8, tzinfo=UTC))


def test_head__repr_has_no_personal_data() -> None:
    assert "example.com" not in repr(head_of(staged("g")))
    assert "Ana" not in repr(head_of(staged("g")))


def test_heads__keep_a_product_from_its_first_line_with_a_price() -> None:
    heads = PurchaseHeads.read(
        [staged("a", line("1", 0)), staged("b", line("1", 7), line("2", 3)), staged("c", line("1", 8))]
    )
    assert {key: body["unitPrice"] for key, body in heads.products.items()} == {"1": 7, "2": 3}


@pytest.mark.parametrize("known", [(), ("a",), ("a", "b")])
def test_heads__without_known_purchases(known: tuple[str, ...]) -> None:
    heads = PurchaseHeads.read([staged("a"), staged("b")])
    assert [head.purchase_id for head in heads.without(known)] == [key for key in "ab" if key not in known]


def test_heads__keep_no_bodies_in_memory() -> None:
    number, products = 5_000, 200
    lines = [line(str(key), 9.9, brand="Acme" * 50) for key in range(products)]

    def parsed() -> Iterator[dict[str, Any]]:
        for place in range(number):
            cart = [lines[(place + step) % products] for step in range(10)]
            yield orjson.loads(orjson.dumps(staged(f"{7_000_000_000_000 + place}", *cart)))

    tracemalloc.start()
    heads = PurchaseHeads.read(parsed())
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(heads.heads) == number
    assert kept / number < 1_600
