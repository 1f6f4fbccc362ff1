"""The staged purchases of a run, and the part of each that `load` keeps in memory.

[{"purchase_id": "g-1", "order_ids": ["g-1-01"], "happened": "2026-11-23T08:00:00+00:00",
  "payment_method": "Visa", "sales_channel": "1",
  "contact": {"_name": "Ana", …}, "body": {"contactEmail": "ana@example.com", "products": […], …}}]
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from sys import intern
from typing import Any, Self

from include.purchases.missing_references import product_from_line
from include.staging import Staging
from include.values.shapes import Json

PURCHASES = "purchases-"
"""Start of the names of the files with purchases that can be posted."""
UNSENT = "unsent-"
"""Start of the names of the files with purchases that are not posted; these have a `reason` and no `body`."""

StagedPurchase = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PurchaseHead:
    """A staged purchase without its body: the ids, the buyer and the product ids.

    The repr has no personal data.
    """

    purchase_id: str
    order_ids: tuple[str, ...]
    happened: datetime
    email: str | None = field(default=None, repr=False)
    contact: Json = field(default_factory=dict, repr=False)
    product_ids: tuple[str, ...] = ()
    payment_method: str = ""
    sales_channel: str = ""


@dataclass(frozen=True)
class PurchaseHeads:
    """The heads of all staged purchases, and what their lines say about each product.

    `products` holds, by product id, the body of a product PATCH from the first line with a price.
    """

    heads: list[PurchaseHead]
    products: dict[str, Json] = field(repr=False)

    @classmethod
    def read(cls, purchases: Iterable[StagedPurchase]) -> Self:
        """Read each purchase once, and keep nothing of its body except the products."""
        heads, products = list[PurchaseHead](), dict[str, Json]()
        for purchase in purchases:
            heads.append(head_of(purchase))
            for line in purchase["body"]["products"]:
                if line["productId"] not in products and (body := product_from_line(line)):
                    products[line["productId"]] = body
        return cls(heads, products)

    def without(self, purchase_ids: Container[str]) -> Iterator[PurchaseHead]:
        """The heads of all purchases whose id is not among these."""
        return (head for head in self.heads if head.purchase_id not in purchase_ids)


def head_of(purchase: StagedPurchase) -> PurchaseHead:
    """The head of a purchase, from either kind of file."""
    body = purchase.get("body") or {}
    return PurchaseHead(
        purchase["purchase_id"],
        tuple(purchase["order_ids"]),
        datetime.fromisoformat(purchase["happened"]),
        body.get("contactEmail"),
        purchase.get("contact", {}),
        tuple(intern(line["productId"]) for line in body.get("products", ())),
        intern(purchase.get("payment_method", "")),
        intern(purchase.get("sales_channel", "")),
    )


def staged_purchases(source: Staging, prefix: str = PURCHASES) -> Iterator[StagedPurchase]:
    """The staged purchases, one file in memory at a time."""
    return chain.from_iterable(source.read_json(name) for name in source.names(prefix))
