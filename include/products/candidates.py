"""Read the products of VTEX's catalogue search into columns.

    {"productId": "35", "productName": "…", "brand": "…", "linkText": "shoe", "productReference": "000806",
     "categories": ["/Shoes/Running/", "/Shoes/"], "productClusters": {"138": "Sale"},
     "releaseDate": "2020-10-07T00:00:00", "description": "<p>…", "allSpecifications": ["Colour"],
     "Colour": ["Red"], "items": […]}

Specifications are further keys of the product, named by the shop. Only known keys are read. A specification
that replaces a field is recognised by its type (see `type_checks`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from include.errors import ConfigurationError
from include.products.categories import product_categories
from include.products.offers import (
    Offer,
    best_offer,
    buyable_offers,
    picture_of,
    skus,
    units_in_stock,
    used_offer_fields,
)
from include.products.type_checks import Unreadable, is_specification, is_text, unreadable_fields
from include.values.links import link_text_of
from include.values.shapes import Json, key_of, name, records, values
from include.values.text import html_to_text, tidy_entries, tidy_lists, tidy_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from decimal import Decimal

# what the setting of a custom field may name, besides `specification:<name>`
PRODUCT_FIELDS = (
    "productReference",
    "productReferenceCode",
    "productTitle",
    "metaTagDescription",
    "linkText",
    "brandId",
    "categoryId",
    "releaseDate",
)
PER_UNIT, PER_MEASURE = "unit", "measure"
SPECIFICATION = "specification:"
_WITHOUT_SKUS = "product-"
"""The prefix of a product without SKUs, if the shop sends SKU ids."""


@dataclass(frozen=True)
class ProductRules:
    """The shop's settings for products.

    `product_id_source` is `product` or `sku` (one Connectif product per SKU).

    `custom_fields` names the sources of customField1 to 3: one of PRODUCT_FIELDS, or `specification:` and the
    name of a specification as the shop wrote it. The prefix is needed because a specification may have the
    name of a field. If the source is empty, the column is not sent.

    `weighed_price` is the quantity that prices of goods sold by measure refer to: a `unit` in the cart, or a
    `measure` (a kilogram), as in VTEX's catalogue.
    """

    shop_domain: str
    product_id_source: str = "product"
    vat_rate: Decimal | None = None
    custom_fields: tuple[str, str, str] = ("productReference", "", "")
    weighed_price: str = PER_UNIT

    def __post_init__(self) -> None:
        for source in self.custom_fields:
            if source and not source.startswith(SPECIFICATION) and source not in PRODUCT_FIELDS:
                raise ConfigurationError(
                    f"Settings products.custom_field_1 to 3: {source!r} is not a source of a custom field. "
                    f"Use one of {', '.join(PRODUCT_FIELDS)}, or {SPECIFICATION}<name>."
                )

    @property
    def is_per_unit(self) -> bool:
        return self.weighed_price == PER_UNIT

    @property
    def search_filter(self) -> str:
        """The filter of catalogue search that takes these product ids."""
        return "skuId" if self.product_id_source == "sku" else "productId"


def used_fields(product: Json) -> Json:
    """The product with only the SKU fields that the mapping uses. Values of a wrong type stay as they are.

    The instalments and promotions of each offer are most of VTEX's answer.
    """
    items = product.get("items")
    return {**product, "items": list(map(_used_item_fields, items)) if isinstance(items, list) else items}


def _used_item_fields(item: object) -> object:
    if not isinstance(item, dict):
        return item
    pictures, sellers = item.get("images"), item.get("sellers")
    if isinstance(pictures, list):
        pictures = [{"imageUrl": picture.get("imageUrl")} for picture in records(pictures)[:1]]
    if isinstance(sellers, list):
        sellers = list(map(used_offer_fields, sellers))
    return {field: item[field] for field in _ITEM if field in item} | {"images": pictures, "sellers": sellers}


_ITEM = ("itemId", "nameComplete", "unitMultiplier")


@dataclass(frozen=True)
class Candidate:
    """A record that may become a Connectif product: a VTEX product with its SKUs, or one of its SKUs.

    `unreadable` holds its fields of a wrong type.
    """

    key: str
    product: Json
    items: tuple[Json, ...]
    available: tuple[Offer, ...]
    offer: Offer | None
    picture: object
    unreadable: Unreadable


def candidates_of(products: Sequence[Json], rules: ProductRules) -> list[Candidate]:
    """The candidates of these VTEX products. If a key occurs twice, the first one counts.

    ContractError for a product without `productId`.
    """
    found: dict[str, Candidate] = {}
    for product in products:
        for key, items in _parts(product, rules):
            if key not in found:
                found[key] = _candidate(key, product, items, rules)
    return list(found.values())


def _candidate(key: str, product: Json, items: list[Json], rules: ProductRules) -> Candidate:
    available = tuple(buyable_offers(items, per_unit=rules.is_per_unit))
    offer = best_offer(available)
    picture = picture_of(offer, items)
    answered = items if rules.product_id_source == "sku" and items else _as_list(product.get("items"))
    unreadable = unreadable_fields(product, answered, available, picture, rules.custom_fields)
    return Candidate(key, product, tuple(items), available, offer, picture, unreadable)


def _as_list(items: object) -> Sequence[object]:
    """The SKUs of the answer, also if they are not a list."""
    return items if isinstance(items, list) else [] if items is None else [items]


def _parts(product: Json, rules: ProductRules) -> list[tuple[str, list[Json]]]:
    """(key, SKUs) of each record. A product without SKUs stays one record, so that it is reported as
    rejected."""
    items = skus(product)
    if rules.product_id_source == "product":
        return [(key_of(product, "productId"), items)]
    if not items:
        return [(_WITHOUT_SKUS + key_of(product, "productId"), [])]
    return [(name(item["itemId"]), [item]) for item in items]


def search_of(key: str, rules: ProductRules) -> tuple[str, str]:
    """The filter of catalogue search that finds a record, and its value: `("skuId", "7")`."""
    if rules.product_id_source == "sku" and key.startswith(_WITHOUT_SKUS):
        return "productId", key.removeprefix(_WITHOUT_SKUS)
    return rules.search_filter, key


def select_records(products: Iterable[Json], keys: Collection[str], rules: ProductRules) -> Iterator[Json]:
    """The products with only these records. A search by SKU also returns the sibling SKUs."""
    for product in products:
        parts = [(key, items) for key, items in _parts(product, rules) if key in keys]
        if parts and (rules.product_id_source == "product" or not parts[0][1]):
            yield product
        elif parts:
            yield {**product, "items": [item for _, items in parts for item in items]}


def facts_of(candidates: list[Candidate], rules: ProductRules) -> pd.DataFrame:
    """One row per candidate: all fields except the prices, as tidied texts (NA if absent).

    `link`, `available`, `units`, `picture`, `release` and `unreadable` are not columns for Connectif yet.
    """

    def column(field: str) -> pd.Series:
        return pd.Series([candidate.product.get(field) for candidate in candidates], dtype=object)

    facts = {
        "productId": pd.Series([candidate.key for candidate in candidates], dtype="str"),
        "name": tidy_text(_names(candidates, rules)),
        "link": tidy_text(
            pd.Series([_link_text(candidate.product) for candidate in candidates], dtype=object)
        ),
        "available": pd.Series([candidate.offer is not None for candidate in candidates], dtype=bool),
        "units": pd.Series([units_in_stock(candidate.available) for candidate in candidates], dtype=object),
        "categories": _joined(_categories(candidates)),
        "tags": _joined(
            sorted({*map(_without_bar, tags)}) for tags in tidy_lists(list(map(_tags, candidates)))
        ),
        "brand": tidy_text(column("brand")),
        "description": html_to_text(column("description")),
        "picture": tidy_text(pd.Series([candidate.picture for candidate in candidates], dtype=object)),
        "release": tidy_text(column("releaseDate")),
        "unreadable": pd.Series([candidate.unreadable for candidate in candidates], dtype=object),
    }
    for number, source in enumerate(rules.custom_fields, start=1):
        facts[f"customField{number}"] = _custom(candidates, source)
    return pd.DataFrame(facts)


def _link_text(product: Json) -> object:
    """`linkText`, or its value from the product's link if a specification replaces the field."""
    text = product.get("linkText")
    return name(text).strip(" /") if is_text(text) else link_text_of(product.get("link"))


def _names(candidates: list[Candidate], rules: ProductRules) -> pd.Series:
    if rules.product_id_source != "sku":
        return pd.Series([candidate.product.get("productName") for candidate in candidates], dtype=object)
    complete = [
        next((item["nameComplete"] for item in candidate.items if name(item.get("nameComplete"))), None)
        for candidate in candidates
    ]
    return pd.Series(complete, dtype=object).fillna(
        pd.Series([candidate.product.get("productName") for candidate in candidates], dtype=object)
    )


def _categories(candidates: list[Candidate]) -> Iterator[list[str]]:
    paths, ids = (
        tidy_entries([_paths(candidate.product, field) for candidate in candidates])
        for field in ("categories", "categoriesIds")
    )
    return map(product_categories, paths, ids)


def _paths(product: Json, field: str) -> list[Any]:
    return [] if is_specification(product, field) else values(product.get(field))


def _tags(candidate: Candidate) -> list[Any]:
    clusters = candidate.product.get("productClusters")
    return list(clusters.values()) if isinstance(clusters, dict) else []


def _joined(lists: Any) -> pd.Series:
    return pd.Series(["|".join(map(_without_bar, texts)) for texts in lists], dtype="str")


def _without_bar(text: str) -> str:
    """The bar separates the entries of a list."""
    return text.replace("|", "/")


def _custom(candidates: list[Candidate], source: str) -> pd.Series:
    if not source:
        return pd.Series([None] * len(candidates), dtype="str")
    if source.startswith(SPECIFICATION):
        wanted = source.removeprefix(SPECIFICATION)
        return _joined(tidy_lists([_specification(candidate.product, wanted) for candidate in candidates]))
    field = pd.Series([candidate.product.get(source) for candidate in candidates], dtype=object)
    return tidy_text(field).fillna("")


def _specification(product: Json, wanted: str) -> list[Any]:
    """The values of a key that the product lists as a specification. A key of that name may be a field."""
    return values(product.get(wanted)) if wanted in values(product.get("allSpecifications")) else []
