"""Products of VTEX's catalogue search → products of Connectif, as the rows of an import.

VTEX is the master of the catalogue: text and list columns are always sent, and a blank clears them. Dates,
numbers, and columns without a source in the settings are left out (NA) if they are absent.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pandas as pd

from include.outcomes import Drop, Reason
from include.products.candidates import (
    Candidate,
    ProductRules,
    candidates_of,
    facts_of,
    search_of,
    select_records,
    used_fields,
)
from include.products.type_checks import is_text
from include.values.instants import iso_texts
from include.values.links import picture_url, product_url, thumbnail_url
from include.values.mapped import Mapped, outcome_rows_of
from include.values.mapped import split_by_columns as split_by_columns_of
from include.values.money import (
    ONE,
    cents_of_text,
    money_texts,
    multiplier_of,
    percentage_texts,
    unit_price_cents,
    without_vat,
)
from include.values.shapes import Json, name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from decimal import Decimal

__all__ = [
    "IN_STOCK",
    "OUT_OF_STOCK",
    "PRODUCT_COLUMNS",
    "ProductRules",
    "map_products",
    "product_body",
    "product_row",
    "search_of",
    "select_records",
    "select_unpriced",
    "split_by_columns",
    "used_fields",
    "without_offer",
]

PRODUCT_COLUMNS = (
    "productId",
    "productDetailUrl",
    "name",
    "unitPrice",
    "unitPriceOriginal",
    "discountedAmount",
    "discountedPercentage",
    "unitPriceWithoutVAT",
    "availability",
    "inStockUnits",
    "categories",
    "tags",
    "brand",
    "description",
    "imageUrl",
    "thumbnailUrl",
    "publishedAt",
    "customField1",
    "customField2",
    "customField3",
)
IN_STOCK, OUT_OF_STOCK = "instock", "outofstock"


def without_offer(products: Sequence[Json], rules: ProductRules) -> list[tuple[str, list[str]]]:
    """(key, SKU ids ascending) of the records that cannot be bought now."""
    return [
        (candidate.key, [name(item["itemId"]) for item in candidate.items])
        for candidate in candidates_of(products, rules)
        if candidate.offer is None
    ]


def select_unpriced(
    unavailable: Sequence[tuple[str, list[str]]], last_sent: pd.DataFrame | None, rules: ProductRules
) -> list[tuple[str, list[str]]]:
    """Of the records without an offer, those whose price was never sent.

    The caller asks the Pricing API for their SKUs in this order, until a SKU has a base price, and gives the
    price to `map_products`.
    """
    known = _last_prices(last_sent, [key for key, _ in unavailable], rules)
    return [record for record, price in zip(unavailable, known, strict=True) if price is None]


def map_products(
    products: Sequence[Json],
    rules: ProductRules,
    *,
    last_sent: pd.DataFrame | None,
    base_prices: Mapping[str, Decimal],
) -> Mapped:
    """Products of catalogue search → rows of PRODUCT_COLUMNS, as texts ready for CSV.

    A product without an offer has its price from `last_sent`, the snapshot (see `include.products.snapshot`).
    If it was never sent, the price is from `base_prices`, the Pricing API's prices by SKU id. A repeated
    product counts once. ContractError for a product without `productId`.
    """
    candidates = candidates_of(products, rules)
    facts = facts_of(candidates, rules)
    last = _last_prices(last_sent, [candidate.key for candidate in candidates], rules)
    facts["price"] = pd.Series(_prices(candidates, rules, last, base_prices), dtype=object)
    facts["was_sent"] = [price is not None for price in last]
    missing = _missing(facts)
    good = missing.isna()
    rows, drops = _rows(facts[good].reset_index(drop=True), rules)
    refused = zip(candidates, missing, strict=True)
    outcomes = outcome_rows_of(_refusal(candidate, word) for candidate, word in refused if pd.notna(word))
    return Mapped(rows, outcomes, drops)


def _refusal(candidate: Candidate, word: str) -> tuple[str, Reason, str]:
    """The outcome of a rejected record. Its detail shows whether the field is unreadable or absent."""
    reason, product = Reason(word), candidate.product
    is_unreadable = {
        Reason.NAME_MISSING: not is_text(product.get("productName")),
        Reason.URL_MISSING: not is_text(product.get("linkText")),
        Reason.PRICE_MISSING: "sellers" in candidate.unreadable,
    }
    return candidate.key, reason, Drop.FIELD_UNREADABLE.value if is_unreadable[reason] else ""


def split_by_columns(rows: pd.DataFrame) -> Iterator[tuple[tuple[str, ...], pd.DataFrame]]:
    """Group the rows by the columns that they have."""
    return split_by_columns_of(rows, PRODUCT_COLUMNS)


def product_body(row: Mapping[str, Any]) -> Json:
    """One row as the body of the PATCH that creates a product at Connectif. The id is in the path.

    Blank fields are left out: a new product has nothing to clear, and Connectif refuses a blank picture URL.
    """
    given = {
        column: value for column, value in row.items() if isinstance(value, str) and value and column in _BODY
    }
    return {column: _BODY[column](value) for column, value in given.items()}


def product_row(product_id: str, body: Mapping[str, Any]) -> dict[str, str]:
    """The row of a product to create: the reverse of `product_body`.

    Texts and lists that the body does not have are blank, so that rows have the same columns. Other missing
    fields are left out.
    """
    given = {column: _text_of(value) for column, value in body.items() if column in _BODY}
    return {"productId": product_id, **dict.fromkeys(_BLANK_IF_ABSENT, ""), **given}


def _text_of(value: str | float | list[str]) -> str:
    if isinstance(value, list):
        return "|".join(entry.replace("|", "/") for entry in value)
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _prices(
    candidates: list[Candidate],
    rules: ProductRules,
    last: list[tuple[int, int] | None],
    base_prices: Mapping[str, Decimal],
) -> list[tuple[int, int] | None]:
    """(unit, original) in cents: from the offer, else as sent last time, else the base price."""
    return [
        (candidate.offer.unit_cents, candidate.offer.original_cents)
        if candidate.offer
        else known or _base_price(candidate, rules, base_prices)
        for candidate, known in zip(candidates, last, strict=True)
    ]


def _base_price(
    candidate: Candidate, rules: ProductRules, base_prices: Mapping[str, Decimal]
) -> tuple[int, int] | None:
    """The base price of the lowest SKU id that has one, for the same measure as an offer."""
    for item in candidate.items:
        multiplier = multiplier_of(item.get("unitMultiplier")) if rules.is_per_unit else ONE
        cents = unit_price_cents(base_prices.get(name(item["itemId"])), multiplier)
        if cents is not None and cents > 0:
            return cents, cents
    return None


def _last_prices(
    last_sent: pd.DataFrame | None, keys: list[str], rules: ProductRules
) -> list[tuple[int, int] | None]:
    """The prices sent last. A row with the other kind of id is another product, even with the same number."""
    if last_sent is None:
        return [None] * len(keys)
    rows = last_sent.reindex(keys)
    units = rows["unitPrice"].where(rows["idSource"] == rules.product_id_source).map(cents_of_text)
    originals = rows["unitPriceOriginal"].map(cents_of_text)
    return [_pair(unit, original) for unit, original in zip(units, originals, strict=True)]


def _pair(unit: float | None, original: float | None) -> tuple[int, int] | None:
    if unit is None or pd.isna(unit) or unit <= 0:
        return None
    return int(unit), int(unit if original is None or pd.isna(original) else max(unit, original))


def _missing(facts: pd.DataFrame) -> pd.Series:
    """Why a product is rejected: no name, no page or no price, in this order; NA if it can be sent."""
    missing = pd.Series(index=facts.index, dtype="str")
    for column, reason in (
        ("price", Reason.PRICE_MISSING),
        ("link", Reason.URL_MISSING),
        ("name", Reason.NAME_MISSING),
    ):
        missing[facts[column].isna()] = reason.value
    return missing


def _rows(facts: pd.DataFrame, rules: ProductRules) -> tuple[pd.DataFrame, Counter[Drop]]:
    rows = pd.DataFrame(index=facts.index)
    rows["productId"] = facts["productId"]
    rows["productDetailUrl"] = [product_url(rules.shop_domain, link) for link in facts["link"]]
    rows["name"] = facts["name"]
    _add_prices(rows, list(facts["price"]), rules)
    rows["availability"] = facts["available"].map({True: IN_STOCK, False: OUT_OF_STOCK})
    rows["inStockUnits"] = [None if units is None else str(units) for units in facts["units"]]
    for column in ("categories", "tags"):
        rows[column] = facts[column]
    for column in ("brand", "description"):
        rows[column] = facts[column].fillna("")
    pictures = [picture_url(picture) for picture in facts["picture"]]
    rows["imageUrl"] = [picture or "" for picture in pictures]
    rows["thumbnailUrl"] = [thumbnail_url(picture or "") for picture in pictures]
    rows["publishedAt"] = iso_texts(facts["release"])
    for column in PRODUCT_COLUMNS[-3:]:
        rows[column] = facts[column]
    bad = {
        Drop.IMAGE_INVALID: int((facts["picture"].notna() & (rows["imageUrl"] == "")).sum()),
        Drop.DATE_INVALID: int((facts["release"].notna() & rows["publishedAt"].isna()).sum()),
    }
    bad[Drop.FIELD_UNREADABLE] = _leave_out_unreadable(rows, facts)
    return rows.astype("str"), +Counter(bad)


def _leave_out_unreadable(rows: pd.DataFrame, facts: pd.DataFrame) -> int:
    """Leave out the columns of unreadable fields, and return the number of these fields.

    Without a readable offer the stock is unknown, and Connectif keeps its value. A new product is sent as out
    of stock, because Connectif takes a new product without this column as in stock.
    """
    left_out = [
        {column for filled in fields.values() for column in filled}
        - (set() if was_sent else {"availability"})
        for fields, was_sent in zip(facts["unreadable"], facts["was_sent"], strict=True)
    ]
    for column in set().union(*left_out):
        is_left_out = pd.Series([column in columns for columns in left_out], index=rows.index)
        rows[column] = rows[column].mask(is_left_out)
    return sum(map(len, facts["unreadable"]))


def _add_prices(rows: pd.DataFrame, prices: list[tuple[int, int]], rules: ProductRules) -> None:
    unit = pd.Series([price[0] for price in prices], dtype="int64")
    original = pd.Series([price[1] for price in prices], dtype="int64")
    rows["unitPrice"] = money_texts(unit)
    rows["unitPriceOriginal"] = money_texts(original)
    rows["discountedAmount"] = money_texts(original - unit)
    rows["discountedPercentage"] = percentage_texts(original - unit, original)
    rows["unitPriceWithoutVAT"] = (
        pd.Series([None] * len(unit), dtype="str")
        if rules.vat_rate is None
        else money_texts(pd.Series(without_vat(unit.tolist(), rules.vat_rate), dtype="int64"))
    )


def _list(text: str) -> list[str]:
    return text.split("|") if text else []


_BLANK_IF_ABSENT = ("categories", "tags", "brand", "description", "imageUrl", "thumbnailUrl")
_BODY: dict[str, Any] = {
    **dict.fromkeys(PRODUCT_COLUMNS[1:], str),
    **dict.fromkeys(PRODUCT_COLUMNS[3:8], float),
    "inStockUnits": int,
    "categories": _list,
    "tags": _list,
}
