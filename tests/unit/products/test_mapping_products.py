"""Properties of the product mapping, the snapshot, and the body of a single product."""

from __future__ import annotations

from copy import deepcopy
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from include.errors import ConfigurationError, ContractError
from include.outcomes import Drop
from include.products.candidates import candidates_of
from include.products.mapping import (
    PRODUCT_COLUMNS,
    ProductRules,
    map_products,
    product_body,
    product_row,
    select_unpriced,
    split_by_columns,
    used_fields,
    without_offer,
)
from include.products.offers import buyable_offers
from include.products.snapshot import SNAPSHOT_COLUMNS, next_snapshot, snapshot_from, withdrawn_rows
from include.purchases.order_items import list_cents, sold_items
from include.values.money import cents_of_units, money_texts, percentage_texts, without_vat
from include.values.shapes import records

RULES = ProductRules(shop_domain="www.sandbox-shop.example", vat_rate=Decimal("0.21"))
SKU_RULES = ProductRules(shop_domain="www.sandbox-shop.example", product_id_source="sku")
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


PRICES = st.floats(0, 1000) | st.decimals(0, 1000, places=3).map(float) | st.integers(0, 1000)


def _product_like(*, damaged: bool) -> st.SearchStrategy[dict[str, Any]]:
    """A product of catalogue search: complete, or with absent fields and fields of another type."""

    def with_fields(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
        if not damaged:
            return st.fixed_dictionaries(fields)
        return st.fixed_dictionaries(
            {}, optional={field: value | JSON_VALUES for field, value in fields.items()}
        )

    offer = with_fields(
        Price=PRICES, ListPrice=PRICES, IsAvailable=st.booleans(), AvailableQuantity=st.integers(-1, 99)
    )
    seller = with_fields(sellerId=st.just("1"), sellerDefault=st.booleans(), commertialOffer=offer)
    picture = with_fields(imageUrl=st.just("http://a.example.com/ids/1/x.jpg"))
    item = with_fields(
        itemId=st.integers(0, 9).map(str),
        nameComplete=st.text(max_size=5),
        unitMultiplier=st.sampled_from([1.0, 0.3, 0.25, 2.35, 0, -1]),
        sellers=st.lists(seller, max_size=2),
        images=st.lists(picture, max_size=2),
    )
    product = with_fields(
        productName=st.just("Shoe"),
        linkText=st.just("shoe"),
        categories=st.lists(st.sampled_from(["/A/", "/A/B/", "a|b"])),
        productClusters=st.dictionaries(st.text(max_size=2), st.text(max_size=4)),
        description=st.text(max_size=20) | st.just("<p>x"),
        releaseDate=st.datetimes().map(lambda moment: moment.isoformat()),
        items=st.lists(item, max_size=3),
    )
    return st.builds(lambda key, rest: {**rest, "productId": key}, st.integers(0, 99).map(str), product)


PRODUCTS = st.lists(_product_like(damaged=False) | _product_like(damaged=True), max_size=4)
BASE_PRICES = (st.decimals(-1, 1_000, places=3) | st.just(Decimal(0))).map(
    lambda price: {str(key): price for key in range(100)}
)


def _map(products: list[dict[str, Any]], rules: ProductRules = RULES, **more: Any) -> Any:
    return map_products(products, rules, **{"last_sent": None, "base_prices": {}, **more})


@settings(max_examples=60, deadline=None)
@given(PRODUCTS, st.sampled_from([RULES, SKU_RULES]), BASE_PRICES)
def test_map_products__properties_hold_for_any_products(
    products: list[dict[str, Any]], rules: ProductRules, prices: dict[str, Decimal]
) -> None:
    before = deepcopy(products)
    mapped = _map(products, rules, base_prices=prices)
    assert products == before
    rows = mapped.rows
    _assert_valid_rows(rows)
    candidates = {candidate.key: candidate for candidate in candidates_of(products, rules)}
    assert sorted([*rows["productId"], *mapped.outcomes["key"]]) == sorted(candidates)
    in_stock = {key for key, candidate in candidates.items() if candidate.offer}
    assert set(rows.loc[rows["availability"] == "instock", "productId"]) == in_stock & {*rows["productId"]}
    pd.testing.assert_frame_equal(rows, _map(products, rules, base_prices=prices).rows)
    lean = [used_fields(product) for product in products]
    pd.testing.assert_frame_equal(rows, _map(lean, rules, base_prices=prices).rows)


def _assert_valid_rows(rows: pd.DataFrame) -> None:
    assert tuple(rows.columns) == PRODUCT_COLUMNS
    assert rows["availability"].dropna().isin(["instock", "outofstock"]).all()
    assert rows["productDetailUrl"].str.startswith("https://www.sandbox-shop.example/").all()
    for row in rows.to_dict("records"):
        unit, original = Decimal(row["unitPrice"]), Decimal(row["unitPriceOriginal"])
        amount, share = Decimal(row["discountedAmount"]), Decimal(row["discountedPercentage"])
        assert 0 < unit <= original
        assert amount == original - unit
        assert abs(share - 100 * amount / original) <= Decimal("0.005")
        assert 0 <= share <= 100


ANY_FIELD = st.sampled_from(
    ["brand", "description", "categories", "categoriesIds", "productClusters", "releaseDate", "items"]
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(ANY_FIELD, st.lists(st.text(max_size=4), min_size=1, max_size=2), max_size=4))
@example({"categories": ["/"]})
@example({"categories": ["//", "/ /"]})
def test_map_products__a_specification_never_clears_or_changes_a_field(taken: dict[str, list[str]]) -> None:
    whole = {
        **_product("1", _item("11", 5.0)),
        "brand": "Acme",
        "description": "Light.",
        "categories": ["/A/B/", "/A/"],
        "categoriesIds": ["/1/2/", "/1/"],
        "productClusters": {"1": "Sale"},
        "releaseDate": "2024-05-06",
    }
    sent = _map([whole]).rows
    snapshot = pd.concat(next_snapshot([], [sent], [], "product"))
    shadowed = {**whole, **taken, "allSpecifications": list(taken)}
    again = _map([shadowed], last_sent=snapshot)
    (before,), (after,) = sent.to_dict("records"), again.rows.to_dict("records")
    assert {column: value for column, value in after.items() if pd.notna(value)}.items() <= before.items()
    assert bool(again.drops[Drop.FIELD_UNREADABLE]) == bool(taken.keys() - {"categoriesIds"})


@given(st.decimals("0.01", 1000, places=2), st.decimals("0.01", 20, places=3), st.integers(1, 20))
def test_price_of_a_unit__is_the_same_in_catalogue_and_order_line(
    price: Decimal, multiplier: Decimal, quantity: int
) -> None:
    """VTEX's checkout truncates the selling price, and rounds the total of the units."""
    selling = int(price * multiplier * 100)
    item = {
        "id": "1",
        "quantity": quantity,
        "price": int(price * 100),
        "listPrice": int(price * 100),
        "sellingPrice": selling,
        "unitMultiplier": float(multiplier),
    }
    (sold,) = sold_items({"items": [item]}, {})
    offer = {"IsAvailable": True, "Price": float(price), "ListPrice": float(price)}
    sku = {"itemId": "1", "unitMultiplier": float(multiplier), "sellers": [{"commertialOffer": offer}]}
    in_the_catalogue = [(one.unit_cents, one.original_cents) for one in buyable_offers([sku], per_unit=True)]
    assert in_the_catalogue == ([(sold.unit, list_cents(item, sold.unit))] if selling else [])


@settings(max_examples=40, deadline=None)
@given(PRODUCTS, st.sampled_from([RULES, SKU_RULES]), BASE_PRICES)
def test_map_products__a_product_that_is_sold_out_or_withdrawn_keeps_its_price(
    products: list[dict[str, Any]], rules: ProductRules, prices: dict[str, Decimal]
) -> None:
    source = rules.product_id_source
    first = _map(products, rules).rows
    snapshot = pd.concat(next_snapshot([], [first], [], source))
    nothing_to_buy = [
        {**product, "items": [{**item, "sellers": []} for item in records(product.get("items"))]}
        for product in products
    ]
    sold_out = _map(nothing_to_buy, rules, last_sent=snapshot, base_prices=prices).rows
    gone = withdrawn_rows(snapshot, set(), set(), source)
    for rows in (sold_out, gone[list(PRODUCT_COLUMNS)]):
        _assert_valid_rows(rows)
        assert set(rows["availability"].dropna()) <= {"outofstock"}
        assert set(rows["inStockUnits"].dropna()) <= {"0"}
        again = rows.set_index("productId")
        known = first.set_index("productId")
        assert set(known.index) <= set(again.index)
        for column in ("unitPrice", "unitPriceOriginal"):
            assert again.loc[known.index, column].tolist() == known[column].tolist()


def _item(sku: str, price: float | None) -> dict[str, Any]:
    offer = {
        "Price": price or 0,
        "ListPrice": price or 0,
        "IsAvailable": price is not None,
        "AvailableQuantity": 4,
    }
    return {"itemId": sku, "sellers": [{"sellerId": "1", "commertialOffer": offer}]}


def _product(key: str, *items: dict[str, Any]) -> dict[str, Any]:
    return {"productId": key, "productName": f"Shoe {key}", "linkText": f"shoe-{key}", "items": list(items)}


def test_map_products__a_product_without_id_stops_the_run() -> None:
    with pytest.raises(ContractError, match="productId"):
        _map([{"productName": "Shoe"}])


def test_map_products__an_empty_answer_has_the_columns() -> None:
    assert tuple(_map([]).rows.columns) == PRODUCT_COLUMNS


def test_product_rules__an_unknown_source_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="specification:"):
        ProductRules(shop_domain="www.sandbox-shop.example", custom_fields=("colour", "", ""))


def test_base_prices__are_needed_only_for_products_without_another_price() -> None:
    known = _next(None, _map([_product("2", _item("20", 5.0))]).rows, _map([]).rows)
    products = [
        _product("1", _item("11", 5.0)),
        _product("2", _item("20", None)),
        _product("3", _item("100", None), _item("31", None)),
        _product("4"),
    ]
    assert select_unpriced(without_offer(products, RULES), known, RULES) == [("3", ["31", "100"]), ("4", [])]
    assert select_unpriced(without_offer(products, SKU_RULES), None, SKU_RULES) == [
        ("20", ["20"]),
        ("31", ["31"]),
        ("100", ["100"]),
        ("product-4", []),
    ]


def _next(last_sent: pd.DataFrame | None, sent: pd.DataFrame, withdrawn: pd.DataFrame) -> pd.DataFrame:
    pieces = list(next_snapshot([] if last_sent is None else [last_sent], [sent], [withdrawn], "product"))
    return pd.concat([piece for piece in pieces if len(piece)] or pieces[:1])


def _withdrawals(last_sent: pd.DataFrame, shown: set[str], *, again: bool = False) -> pd.DataFrame:
    return withdrawn_rows(last_sent, shown, set(), "product", again=again)


def test_snapshot__withdraws_a_product_once_and_takes_it_back() -> None:
    none = _map([]).rows
    first = _next(None, _map([_product("1", _item("11", 5.0)), _product("2", _item("21", 7.5))]).rows, none)
    assert tuple(first.columns) == SNAPSHOT_COLUMNS
    gone = _withdrawals(first, {"1"})
    assert gone[["productId", "name", "unitPrice", "availability", "inStockUnits"]].to_dict("records") == [
        {
            "productId": "2",
            "name": "Shoe 2",
            "unitPrice": "7.50",
            "availability": "outofstock",
            "inStockUnits": "0",
        }
    ]
    second = _next(first, _map([_product("1", _item("11", 6.0))]).rows, gone)
    assert second["withdrawn"].to_dict() == {"1": False, "2": True}
    assert second["unitPrice"].to_dict() == {"1": "6.00", "2": "7.50"}
    assert _withdrawals(second, {"1"}).empty
    assert _withdrawals(second, {"1"}, again=True)["productId"].tolist() == ["2"]
    back = _next(second, _map([_product("2", _item("21", 8.0))]).rows, none)
    assert back["withdrawn"].to_dict() == {"2": False, "1": False}
    assert first["withdrawn"].to_dict() == {"1": False, "2": False}


def test_snapshot__keeps_the_values_of_a_product_rejected_today() -> None:
    first = _next(None, _map([_product("1", _item("11", 5.0))]).rows, _map([]).rows)
    nameless = {**_product("1", _item("11", 9.0)), "productName": None}
    again = _next(first, _map([nameless], last_sent=first).rows, _withdrawals(first, {"1"}))
    pd.testing.assert_frame_equal(again, first)


def test_snapshot__of_no_rows_is_empty() -> None:
    none = _map([]).rows
    snapshot = _next(None, none, none)
    assert snapshot.empty
    assert tuple(snapshot.columns) == SNAPSHOT_COLUMNS
    assert _withdrawals(snapshot, {"1"}).empty


def test_snapshot__without_id_source_has_product_ids() -> None:
    known = _next(None, _map([_product("1", _item("11", 5.0))]).rows, _map([]).rows)
    before = snapshot_from(known.drop(columns="idSource"))
    assert before["idSource"].tolist() == ["product"]
    sold_out = [_product("1", _item("11", None))]
    assert _map(sold_out, last_sent=before).rows["unitPrice"].tolist() == ["5.00"]


def test_last_price__is_kept_for_days_without_an_offer() -> None:
    snapshot = _next(None, _map([_product("1", _item("11", 5.0))]).rows, _map([]).rows)
    for _ in range(3):
        mapped = _map([_product("1", _item("11", None))], last_sent=snapshot)
        snapshot = _next(snapshot, mapped.rows, _withdrawals(snapshot, {"1"}))
    assert snapshot[["unitPrice", "availability"]].to_dict("records") == [
        {"unitPrice": "5.00", "availability": "outofstock"}
    ]


def test_split_by_columns__leaves_out_only_absent_dates() -> None:
    dated = {**_product("2", _item("21", 5.0)), "releaseDate": "2024-05-06"}
    plain = ProductRules(shop_domain="www.sandbox-shop.example", custom_fields=("", "", ""))
    groups = {
        columns: list(rows["productId"])
        for columns, rows in split_by_columns(_map([_product("1", _item("11", 5.0)), dated], plain).rows)
    }
    always = [c for c in PRODUCT_COLUMNS[:-3] if c not in ("unitPriceWithoutVAT", "publishedAt")]
    assert groups == {tuple(always): ["1"], (*always, "publishedAt"): ["2"]}


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="|"), min_size=1, max_size=9)
MONEY = st.integers(0, 10**9).map(lambda cents: cents / 100)
BODIES = st.fixed_dictionaries(
    {"productDetailUrl": TEXTS, "name": TEXTS, "unitPrice": MONEY, "unitPriceOriginal": MONEY,
     "discountedAmount": MONEY, "discountedPercentage": MONEY, "availability": TEXTS},
    optional={"inStockUnits": st.integers(0, 10**6), "categories": st.lists(TEXTS, min_size=1),
              "tags": st.lists(TEXTS, min_size=1), "brand": TEXTS, "imageUrl": TEXTS},
)  # fmt: skip


@given(body=BODIES)
def test_product_row__and_product_body_are_inverse(body: dict[str, Any]) -> None:
    row = product_row("6", body)
    assert product_body(row) == body
    assert {"productId", "categories", "tags", "brand", "description", "imageUrl", "thumbnailUrl"} <= {*row}
    assert {*row} <= {*PRODUCT_COLUMNS}
    assert all(isinstance(value, str) for value in row.values())


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("unitPrice", 24.9, "24.90"),
        ("unitPrice", 0.07, "0.07"),
        ("unitPrice", 1234567.1, "1234567.10"),
        ("inStockUnits", 0, "0"),
        ("categories", ["Casa/Cozinha", "A|B"], "Casa/Cozinha|A/B"),
        ("availability", "outofstock", "outofstock"),
    ],
)
def test_product_row__has_the_texts_of_the_catalogue(field: str, value: Any, text: str) -> None:
    assert product_row("6", {field: value})[field] == text


def test_product_body__has_the_json_types_of_the_row() -> None:
    product = {**_product("1", _item("11", 12.1)), "categories": ["/A/B/"], "productClusters": {}}
    row = _map([product]).rows.to_dict("records")[0]
    assert product_body(row) == {
        "productDetailUrl": "https://www.sandbox-shop.example/shoe-1/p",
        "name": "Shoe 1",
        "unitPrice": 12.1,
        "unitPriceOriginal": 12.1,
        "discountedAmount": 0.0,
        "discountedPercentage": 0.0,
        "unitPriceWithoutVAT": 10.0,
        "availability": "instock",
        "inStockUnits": 4,
        "categories": ["A/B"],
    }, "what is blank is left out: Connectif would refuse a blank picture"


@given(st.decimals(0, 10**9, places=3))
def test_cents__are_rounded_half_up_from_any_parsed_number(amount: Decimal) -> None:
    expected = int((amount * 100 + Decimal("0.5")) // 1)
    assert cents_of_units(float(str(amount))) == cents_of_units(amount) == expected


@given(st.integers(0, 10**14), st.integers(1, 10**14))
def test_percentage__is_exact_to_two_places(part: int, total: int) -> None:
    text = percentage_texts(pd.Series([min(part, total)]), pd.Series([total])).iloc[0]
    assert abs(Decimal(text) - Decimal(100) * min(part, total) / total) <= Decimal("0.0050000001")


@given(st.integers(0, 10**14), st.decimals(0, 1, places=4))
def test_without_vat__is_exact(cents: int, rate: Decimal) -> None:
    (net,) = without_vat([cents], rate)
    assert abs(Decimal(net) * (1 + rate) - cents) <= (1 + rate) / 2 + Decimal("0.001")


def test_money_texts__have_two_places() -> None:
    assert money_texts(pd.Series([0, 5, 42, 4210, 10**14])).tolist() == [
        "0.00",
        "0.05",
        "0.42",
        "42.10",
        "1000000000000.00",
    ]
