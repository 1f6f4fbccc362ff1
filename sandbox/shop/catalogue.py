"""The shop's catalogue: one product for each index, always the same."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from html import escape
from typing import Any, NamedTuple

from sandbox.shop.draws import Draws
from sandbox.shop.identity import ShopIdentity

ODDITY_PERIOD = 40
UNPRICED_AMONG = 2_000
"""Only so many first products can be without a price: a large shop has hardly more of them."""
CHANNELS = (1, 2)
MAIN_SELLER, OTHER_SELLER = "1", "lojaparceira"
SELLER_NAMES = {MAIN_SELLER: "Sandbox Shop", OTHER_SELLER: "Loja Parceira"}
UNLIMITED = 99_999

BRANDS = ("Aurora", "Brisa", "Cometa", "Delta", "Estrela", "Farol", "Girassol", "Horizonte")
MULTIPLIERS = {16: 2.5, 26: 0.3, 28: 0.345}
"""By position in the oddities: products sold by weight, with the kilograms of a pack."""
SIZES = ("P", "M", "G", "GG", "XG", "37", "38", "39")
SKU_COUNTS = (1, 2, 3, 4, 4, 6, 8)  # four on average


class Offer(NamedTuple):
    """A seller's offer of one SKU in one sales channel; cents for one measurement unit.

    `has_flag` False is an answer without `IsAvailable`, as before 2022.
    """

    channel: int
    seller: str
    is_default: bool
    price: int
    list_price: int
    quantity: int
    has_flag: bool = True


@dataclass(frozen=True, slots=True)
class Sku:
    sku_id: int
    name: str
    ean: str
    reference: str
    offers: tuple[Offer, ...]
    base_price: int | None
    list_price: int | None
    has_price: bool = True
    has_image: bool = True
    is_kit: bool = False
    unit_multiplier: float = 1.0


@dataclass(frozen=True, slots=True)
class Product:
    """`is_indexed` False: search lacks the product, although it is active and visible. Money in cents."""

    product_id: int
    name: str
    link_text: str
    brand_id: int
    brand: str
    category: tuple[str, str]
    reference: str
    release_date: str | None
    description: str
    clusters: Mapping[int, str]
    specifications: Mapping[str, list[str]]
    skus: tuple[Sku, ...]
    is_active: bool = True
    is_visible: bool = True
    is_indexed: bool = True
    channels: tuple[int, ...] = CHANNELS

    def url(self, domain: str) -> str:
        return f"https://{domain}/{self.link_text}/p"

    @property
    def price(self) -> int:
        """The lowest price in the main channel, in cents; 0 if no offer is in stock."""
        prices = (o.price for sku in self.skus for o in sku.offers if o.quantity and o.channel == 1)
        return min(prices, default=0)


class ProductBrief(NamedTuple):
    """The part of a product that an order line needs. Prices are for one measurement unit."""

    product_id: int
    name: str
    link_text: str
    brand_id: int
    brand: str
    category: tuple[str, str]
    price: int
    list_price: int
    sku_count: int
    unit_multiplier: float = 1.0


@dataclass(frozen=True)
class Catalogue:
    draws: Draws
    now: datetime
    shop: ShopIdentity
    count: int

    def all(self) -> Iterator[Product]:
        return (self.product(index) for index in range(self.count))

    def brief(self, index: int) -> ProductBrief:
        number, words = self.draws.number("product", index), self.shop.country.words
        department, section, noun = words.leaves[number % len(words.leaves)]
        brand_id = 1 + (number >> 8) % len(BRANDS)
        adjective = words.adjectives[(number >> 16) % len(words.adjectives)]
        product_id = self.shop.first_product + index
        name = f"{noun} {adjective} {BRANDS[brand_id - 1]} {product_id}"
        price = 990 + (number >> 24) % 290 * 100
        list_price = price * 5 // 4 if (number >> 40) % 3 == 0 else price
        slug = name.lower().translate(SLUG)
        sku_count = 0 if index % ODDITY_PERIOD == 2 else SKU_COUNTS[(number >> 48) % len(SKU_COUNTS)]
        return ProductBrief(
            product_id,
            name,
            slug,
            brand_id,
            BRANDS[brand_id - 1],
            (department, section),
            price,
            list_price,
            sku_count,
            MULTIPLIERS.get(index % ODDITY_PERIOD, 1.0),
        )

    def product(self, index: int) -> Product:
        brief, number = self.brief(index), self.draws.number("product more", index)
        words = self.shop.country.words
        released = self.now - timedelta(days=number % 900)
        clusters = [c for place, c in enumerate(words.clusters) if number >> (8 + place) & 1]
        product = Product(
            product_id=brief.product_id,
            name=brief.name,
            link_text=brief.link_text,
            brand_id=brief.brand_id,
            brand=brief.brand,
            category=brief.category,
            reference=f"REF-{brief.product_id:06}",
            release_date=f"{released:%Y-%m-%d}T00:00:00Z",
            description=words.description.format(name=brief.name),
            clusters={c: words.clusters[c] for c in clusters},
            specifications={
                words.colour: list(words.colours[number >> 20 & 1]),
                "Material": [words.mixed],
            },
            skus=tuple(self._sku(brief, place) for place in range(brief.sku_count)),
        )
        place = index % ODDITY_PERIOD
        oddity = ODDITIES.get(place) or (WITHOUT_PRICE.get(place) if index < UNPRICED_AMONG else None)
        return replace(product, **oddity(product)) if oddity else product

    def _sku(self, brief: ProductBrief, place: int) -> Sku:
        sku_id = first_sku(brief.product_id) + place
        number = self.draws.number("sku", sku_id)
        stock = (0, 3, 12, 40, 250, UNLIMITED, 7, 19)[number % 8]
        price = brief.price + 500 * (place // 4)
        listed = max(brief.list_price, price)
        offers = [Offer(1, MAIN_SELLER, True, price, listed, stock)]
        offers.append(Offer(2, MAIN_SELLER, True, price * 11 // 10, listed * 11 // 10, stock))
        if number >> 16 & 3 == 0:
            offers.append(Offer(1, OTHER_SELLER, False, price + 250, listed + 250, 5))
        return Sku(
            sku_id=sku_id,
            name=SIZES[place],
            ean=f"789{sku_id:010}",
            reference=f"REF-{brief.product_id:06}-{place}",
            offers=tuple(offers),
            base_price=price + 700,
            list_price=None if number >> 24 & 1 else listed,
            unit_multiplier=brief.unit_multiplier,
        )


SLUG = str.maketrans("áâãàéêíóôõúüçñ ", "aaaaeeiooouucn-")


def first_sku(product_id: int) -> int:
    return 1_000 + product_id * 10


def _sell_out(sku: Sku) -> Sku:
    return replace(sku, offers=tuple(offer._replace(quantity=0) for offer in sku.offers))


def _sell_out_default_seller(sku: Sku) -> Sku:
    own = [offer._replace(quantity=0) for offer in sku.offers if offer.seller == MAIN_SELLER]
    other = [offer._replace(seller=OTHER_SELLER, is_default=False, quantity=4) for offer in own]
    return replace(sku, offers=(*own, *other))


def _lower_list_price(sku: Sku) -> Sku:
    return replace(sku, offers=tuple(offer._replace(list_price=offer.price - 100) for offer in sku.offers))


def _drop_flag(sku: Sku) -> Sku:
    return replace(sku, offers=tuple(offer._replace(has_flag=False) for offer in sku.offers))


Changes = dict[str, Any]


def _set_fields(**changes: Any) -> Callable[[Product], Changes]:
    return lambda _product: changes


def _change_skus(change: Callable[[Sku], Sku]) -> Callable[[Product], Changes]:
    return lambda product: {"skus": tuple(change(sku) for sku in product.skus)}


ODDITIES: dict[int, Callable[[Product], Changes]] = {
    1: _change_skus(_sell_out_default_seller),
    3: _change_skus(_sell_out),
    4: _set_fields(is_active=False, is_indexed=False),
    5: _set_fields(is_visible=False, is_indexed=False),
    6: _set_fields(is_indexed=False),
    7: _change_skus(lambda sku: replace(sku, is_kit=True)),
    8: _set_fields(
        specifications={"Link": ["https://spec.example"], "Items": ["2"], "Cor": ["Azul"], "cor": ["blue"]}
    ),
    9: _set_fields(channels=(2,)),
    10: _set_fields(is_active=False),
    12: _set_fields(description="<div>Lava &lt; 30&deg;C &eacute; f&aacute;cil<ul><li>um<li>dois</ul></div>"),
    14: _change_skus(lambda sku: replace(sku, has_image=False)),
    19: _change_skus(_lower_list_price),
    21: _set_fields(release_date=None),
    22: lambda product: {"name": f'{product.name} 15" & <i>cabo</i>; \u00bd litro'},
    24: lambda product: {"skus": (*map(_sell_out, product.skus[:1]), *product.skus[1:])},
    25: _set_fields(category=("Casa", "Cama/Mesa/Banho")),
    26: _set_fields(specifications={"brand": ["Premium"], "Cor": ["Azul"]}),
    27: lambda product: {"description": escape(escape(product.description))},
    28: _change_skus(_drop_flag),
    29: lambda product: {"link_text": f"{product.link_text} edição"},
    30: _change_skus(lambda sku: replace(sku, unit_multiplier=0.3)),
}
"""Situations that a catalogue sync must handle. Number 2 has no SKU, see `Catalogue.brief`."""
WITHOUT_PRICE: dict[int, Callable[[Product], Changes]] = {
    17: _change_skus(lambda sku: replace(_sell_out(sku), has_price=False)),
    18: _change_skus(lambda sku: replace(_sell_out(sku), base_price=None)),
}
