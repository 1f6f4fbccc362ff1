"""The records to create when Connectif refuses a purchase: the contact (E0101) or the products (E0102)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.contacts.fields import ORDER_FIELDS
from include.products.mapping import OUT_OF_STOCK
from include.values.links import thumbnail_url
from include.values.shapes import Json, record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable


def contact_from_order(orders: Iterable[Json], *, country: str) -> Json:
    """The customer's data from the orders, as the body of a contact PATCH (the address is in its path).

    The status is an explicit `none`, never the account's default. The first order with a value counts.
    """
    profiles = [record(order.get("clientProfileData")) for order in orders]
    body: Json = {}
    for target, field in ORDER_FIELDS:
        values = (field.read(profile.get(field.source), country) for profile in profiles)
        if value := next(filter(None, values), None):
            body[target] = value
    return {**body, "_newsletterSubscriptionStatus": "none"}


def product_from_line(line: Json) -> Json | None:
    """A line of a purchase body → the body of a product PATCH, for a product that search does not show.

    The price is the list price, else the unit price, and the product is out of stock. None without any price.
    """
    price = line.get("unitPriceOriginal") or line["unitPrice"]
    if not price:
        return None
    picture = line.get("imageUrl")
    return {
        **{field: line[field] for field in ("productDetailUrl", "name")},
        "unitPrice": price,
        "unitPriceOriginal": price,
        "discountedAmount": 0.0,
        "discountedPercentage": 0.0,
        "availability": OUT_OF_STOCK,
        "inStockUnits": 0,
        **{field: line[field] for field in ("categories", "brand") if field in line},
        **({"imageUrl": picture, "thumbnailUrl": thumbnail_url(picture)} if picture else {}),
    }


def products_from_lines(lines: Iterable[Json], product_ids: Collection[str]) -> dict[str, Json]:
    """By product id, the body of each of these products, from its first line with a price.

    A gift of price 0 may come before that line.
    """
    bodies: dict[str, Json] = {}
    for line in lines:
        key = line["productId"]
        if key in product_ids and key not in bodies and (body := product_from_line(line)):
            bodies[key] = body
    return bodies


def without_products(body: Json, product_ids: Collection[str]) -> Json | None:
    """The purchase without the lines of these products; None if no line is left.

    The total price stays the same: the customer paid it.
    """
    lines = [line for line in body["products"] if line["productId"] not in product_ids]
    if not lines:
        return None
    return {**body, "products": lines, "totalQuantity": sum(line["quantity"] for line in lines)}
