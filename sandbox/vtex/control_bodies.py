"""The bodies of VTEX's control routes: products and orders as tests write them. Money in cents."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from sandbox.shop.baskets import line_price, unit_price
from sandbox.shop.catalogue import CHANNELS, MAIN_SELLER, Offer, Product, Sku
from sandbox.vtex.seed import SALE_COLUMNS, to_json


class RecordBody(BaseModel):
    """Unknown members are refused."""

    model_config = ConfigDict(extra="forbid")


class OfferBody(RecordBody):
    channel: int = 1
    seller: str = MAIN_SELLER
    is_default: bool = True
    price: int = 1_000
    list_price: int = 1_000
    quantity: int = 10


class SkuBody(RecordBody):
    sku_id: int
    name: str = "Único"
    ean: str = ""
    reference: str = ""
    offers: list[OfferBody] = [OfferBody()]
    base_price: int | None = 1_000
    list_price: int | None = None
    has_price: bool = True
    has_image: bool = True
    is_kit: bool = False
    unit_multiplier: float = 1.0

    def sku(self) -> Sku:
        offers = tuple(Offer(**offer.model_dump()) for offer in self.offers)
        return Sku(offers=offers, **self.model_dump(exclude={"offers"}))


class ProductBody(RecordBody):
    name: str = "Produto de teste"
    link_text: str = "produto-de-teste"
    brand_id: int = 1
    brand: str = "Aurora"
    category: tuple[str, str] = ("Casa", "Cozinha")
    reference: str = "REF-TEST"
    release_date: str | None = "2026-01-01T00:00:00Z"
    description: str = ""
    clusters: dict[int, str] = {}
    specifications: dict[str, list[str]] = {}
    skus: list[SkuBody] = []
    is_active: bool = True
    is_visible: bool = True
    is_indexed: bool = True
    channels: tuple[int, ...] = CHANNELS

    def product(self, product_id: int) -> Product:
        values = self.model_dump(exclude={"skus"})
        return Product(product_id=product_id, skus=tuple(body.sku() for body in self.skus), **values)


class LineBody(RecordBody):
    """`price` and `list_price` are for a measurement unit, `selling_price` is for a unit in the cart.

    `selling_price` and `total` None are computed. `defined_price` is the unit price of the price definition,
    if that differs from `price`. If `has_definition` is false, the price definition is null.
    """

    sku: int = 1_000
    product: int | None = 0
    name: str = "Produto de teste"
    reference: str = "REF-TEST"
    link: str = "/produto-de-teste/p"
    brand_id: int = 1
    brand: str = "Aurora"
    category: tuple[str, str] = ("Casa", "Cozinha")
    quantity: int = 1
    price: int = 1_000
    list_price: int = 1_000
    selling_price: int | None = None
    unit_multiplier: float = 1.0
    total: int | None = None
    defined_price: int | None = None
    has_definition: bool = True
    is_gift: bool = False
    is_kit: bool = False

    def record(self) -> dict[str, Any]:
        selling, total = self.selling_price, line_price(self.price, self.unit_multiplier, self.quantity)
        if selling is None:
            selling = unit_price(self.price, self.unit_multiplier)
        else:
            total = selling * self.quantity
        return self.model_dump() | {
            "selling_price": selling,
            "total": total if self.total is None else self.total,
        }


class ChangedItemBody(RecordBody):
    """An item as `changesAttachment` prints it; `price` is for a unit."""

    id: str = "1000"
    name: str = "Produto de teste"
    quantity: int = 1
    price: int = 1_000
    unit_multiplier: str | None = Field(None, alias="unitMultiplier")


class ChangeBody(RecordBody):
    """A modification of an order. `discount` and `increment` None are computed from the items.

    `lines` are the order's items after the change. None: VTEX still lists the items as they were placed.
    """

    at: str
    reason: str = "Item em falta"
    removed: list[ChangedItemBody] = []
    added: list[ChangedItemBody] = []
    discount: int | None = None
    increment: int | None = None
    lines: list[LineBody] | None = None

    def record(self) -> dict[str, Any]:
        values = {
            "discount": total_of(self.removed) if self.discount is None else self.discount,
            "increment": total_of(self.added) if self.increment is None else self.increment,
            "lines": None if self.lines is None else [line.record() for line in self.lines],
        }
        return self.model_dump(by_alias=True) | values


def total_of(items: list[ChangedItemBody]) -> int:
    return sum(item.price * item.quantity for item in items)


class OrderBody(RecordBody):
    """Instants are text such as `2026-11-23T10:00:00.0000000` (UTC, seven digits, no offset).

    `value` and `lines` describe the order as it was placed; `changes` apply to them. `abandoned` lists the
    payment systems of failed attempts. `shown` overrides members of the detail (objects are merged one level
    deep); `absent` names members to leave out.
    """

    order_group: str
    created: str
    authorized: str | None = None
    handled: str | None = None
    invoiced: str | None = None
    canceled: str | None = None
    ends_as: str = "canceled"
    fixed_status: str | None = None
    is_complete: bool = True
    origin: str = "Marketplace"
    affiliate: str = ""
    channel: int = 1
    seller: str = MAIN_SELLER
    form_id: str | None = "0123456789abcdef0123456789abcdef"
    email: str | None = "0123456789abcdefb@ct.vtex.com.br"
    profile_id: str | None = None
    first_name: str | None = "Ana"
    last_name: str | None = "Teste"
    document: str | None = None
    phone: str | None = None
    value: int | None = None
    shipping: int = 0
    payments: list[str] = ["Visa"]
    lines: list[LineBody] = [LineBody()]
    changes: list[ChangeBody] = []
    currency: str | None = "BRL"
    abandoned: list[str] = []
    marks_active: bool = True
    shown: dict[str, Any] = {}
    absent: list[str] = []

    def row(self, order_id: str) -> tuple[Any, ...]:
        lines = [line.record() for line in self.lines]
        value = sum(line["total"] for line in lines) + self.shipping if self.value is None else self.value
        values = {name: getattr(self, name) for name in SALE_COLUMNS if name not in ("order_id", "value")}
        values |= {"order_id": order_id, "value": value, "lines": to_json(lines)}
        values["changes"] = to_json([change.record() for change in self.changes])
        for name in ("payments", "abandoned", "shown", "absent"):
            values[name] = to_json(values[name])
        return tuple(values[name] for name in SALE_COLUMNS)


class Arrivals(RecordBody):
    count: int = 1
