# ruff: noqa: S608 - the SQL consists of our own names; values are bound
"""Writes the shop's data into VTEX's tables, as a stream: the data is never in memory as a whole."""

from collections.abc import Iterator
from typing import Any

import orjson

from sandbox.core.database import Database
from sandbox.shop import ShopData
from sandbox.shop.baskets import Basket, Change, ChangedLine, Line, Part
from sandbox.shop.catalogue import Product
from sandbox.shop.countries import Country
from sandbox.shop.people import Customer
from sandbox.vtex.fields import COLUMNS, to_column
from sandbox.vtex.schema import INDEXES

CLIENT_SQL = "INSERT INTO client ({}) VALUES ({})".format(
    ", ".join(f'"{name}"' for name in COLUMNS), ", ".join("?" * len(COLUMNS))
)
PRODUCT_SQL = f"INSERT OR REPLACE INTO product VALUES ({', '.join('?' * 17)})"
SKU_SQL = f"INSERT OR REPLACE INTO sku VALUES ({', '.join('?' * 11)})"
OFFER_SQL = f"INSERT INTO offer VALUES ({', '.join('?' * 8)})"
_SALE = """
order_id order_group created authorized handled invoiced canceled ends_as fixed_status is_complete origin
affiliate channel seller form_id email profile_id first_name last_name document phone value shipping payments
lines changes currency abandoned marks_active shown absent
"""
SALE_COLUMNS = tuple(_SALE.split())
SALE_SQL = (
    f"INSERT OR REPLACE INTO sale ({', '.join(SALE_COLUMNS)}) VALUES ({', '.join('?' * len(SALE_COLUMNS))})"
)


def seed(database: Database, shop: ShopData) -> None:
    country = shop.identity.country
    database.insert(CLIENT_SQL, (client_row(customer, country) for customer in shop.customers()))
    for product in shop.products():
        insert_product(database, product)
    database.insert(SALE_SQL, (row for basket in shop.baskets.all() for row in sale_rows(basket)))
    for statement in INDEXES.split(";")[:-1]:
        database.execute(statement)


OPT_IN = {None: None, True: "true", False: "false"}


def client_row(customer: Customer, country: Country) -> tuple[Any, ...]:
    by = customer.email if isinstance(customer.email, str) else None
    document = {
        "id": customer.document_id,
        "userId": customer.user_id,
        "email": to_column("email", customer.email),
        "firstName": to_column("firstName", customer.first_name),
        "lastName": to_column("lastName", customer.last_name),
        "homePhone": to_column("homePhone", customer.home_phone),
        "phone": customer.phone,
        "cellPhone": customer.cell_phone,
        "birthDate": customer.birth_date,
        "gender": customer.gender,
        "document": customer.document,
        "documentType": country.document_type,
        "isCorporate": "false" if customer.corporate_name is None else "true",
        "corporateName": customer.corporate_name,
        "isNewsletterOptIn": OPT_IN[customer.newsletter],
        "localeDefault": country.culture,
        "approved": "true",
        "rclastcart": "sku=1000",
        "createdIn": customer.created_in,
        "createdBy": by,
        "updatedIn": customer.updated_in,
        "updatedBy": customer.updated_in and by,
        "lastInteractionIn": customer.updated_in or customer.created_in,
        "lastInteractionBy": by,
        "birthDateMonth": customer.birth_date and customer.birth_date[5:7].lstrip("0"),
    }
    return tuple(map(document.get, COLUMNS))


def insert_product(database: Database, product: Product) -> None:
    """Inserts or replaces one product with its SKUs and offers."""
    key = {"product": product.product_id}
    with database.transaction() as connection:
        connection.execute(
            "DELETE FROM offer WHERE sku_id IN (SELECT sku_id FROM sku WHERE product_id = :product)", key
        )
        connection.execute("DELETE FROM sku WHERE product_id = :product", key)
        connection.execute(PRODUCT_SQL, product_row(product))
        connection.executemany(SKU_SQL, sku_rows(product))
        connection.executemany(OFFER_SQL, offer_rows(product))


def product_row(product: Product) -> tuple[Any, ...]:
    return (
        product.product_id,
        product.product_id,
        product.name,
        product.link_text,
        product.brand_id,
        product.brand,
        *product.category,
        product.reference,
        product.release_date,
        product.description,
        orjson.dumps(dict(product.clusters), option=orjson.OPT_NON_STR_KEYS).decode(),
        orjson.dumps(dict(product.specifications)).decode(),
        product.is_active,
        product.is_visible,
        product.is_indexed,
        orjson.dumps(product.channels).decode(),
    )


def sku_rows(product: Product) -> Iterator[tuple[Any, ...]]:
    for sku in product.skus:
        yield (
            sku.sku_id, product.product_id, sku.name, sku.ean, sku.reference, sku.base_price, sku.list_price,
            sku.has_price, sku.has_image, sku.is_kit, sku.unit_multiplier,
        )  # fmt: skip


def offer_rows(product: Product) -> Iterator[tuple[Any, ...]]:
    return ((sku.sku_id, *offer) for sku in product.skus for offer in sku.offers)


def sale_rows(basket: Basket) -> Iterator[tuple[Any, ...]]:
    """One order for each part of the basket."""
    return (sale_row(basket, part) for part in basket.parts)


def sale_row(basket: Basket, part: Part) -> tuple[Any, ...]:
    buyer = basket.customer
    later = (basket.handled, basket.invoiced, basket.canceled)
    handled, invoiced, canceled = (None, None, basket.authorized) if part.canceled else later
    return (
        part.order_id,
        basket.group,
        basket.created,
        basket.authorized,
        handled,
        invoiced,
        canceled,
        basket.ends_as,
        None,
        basket.is_complete,
        basket.origin,
        basket.affiliate,
        basket.channel,
        part.seller,
        basket.form_id,
        visible_address(basket),
        basket.profile_id,
        (buyer.given_name or "").strip() or "Cliente",
        buyer.family_name,
        buyer.document,
        buyer.home_number,
        part.value,
        part.shipping,
        to_json(basket.payments),
        to_json([line_record(line) for line in part.lines]),
        to_json([change_record(change) for change in part.changes]),
        basket.currency,
        to_json(basket.abandoned),
        basket.marks_active,
        to_json(dict(basket.shown)),
        to_json([]),
    )


def to_json(value: Any) -> str:
    return orjson.dumps(value).decode()


def visible_address(basket: Basket) -> str:
    """The e-mail that an app key reads: a hard alias, a soft alias (contains the address), or the address."""
    address = basket.address
    if basket.mail == "plain":
        return address
    if basket.mail == "soft":
        return f"{address}-{basket.number}b.ct.vtex.com.br"
    return f"{basket.form_id}b@ct.vtex.com.br"


def line_record(line: Line) -> dict[str, Any]:
    """A line as the table `sale` keeps it. The order's detail is printed from this record."""
    product = line.product
    return {
        "sku": line.sku_id,
        "product": product.product_id,
        "name": product.name,
        "reference": f"REF-{product.product_id:06}",
        "link": f"/{product.link_text}/p",
        "brand_id": product.brand_id,
        "brand": product.brand,
        "category": list(product.category),
        "quantity": line.quantity,
        "price": line.price,
        "list_price": line.list_price,
        "selling_price": line.selling_price,
        "unit_multiplier": line.unit_multiplier,
        "total": line.total,
        "defined_price": line.defined_price,
        "is_gift": line.is_gift,
        "is_kit": line.is_kit,
    }


def change_record(change: Change) -> dict[str, Any]:
    """A change as the table `sale` keeps it. `discount` and `increment` are the totals of its items."""
    lines = change.lines
    return {
        "at": change.at,
        "reason": "Item em falta",
        "removed": [changed_item(line) for line in change.removed],
        "added": [changed_item(line) for line in change.added],
        "discount": sum(line.total for line in change.removed),
        "increment": sum(line.total for line in change.added),
        "lines": None if lines is None else [line_record(line) for line in lines],
    }


def changed_item(line: ChangedLine) -> dict[str, Any]:
    """The item as VTEX prints it; `unitMultiplier` is null in VTEX's samples."""
    return {
        "id": str(line.sku_id),
        "name": line.name,
        "quantity": line.quantity,
        "price": line.price,
        "unitMultiplier": None,
    }
