"""What a run changes in the catalogue sent last: new products, withdrawals, prices, the largest changes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pandas as pd

from include.products.changes import CatalogueChanges
from include.products.sent_catalogue import TEXTS, filled_texts
from include.report import CatalogueChange, StageCounts
from include.settings import load_settings


def rows(prices: dict[str, str | None], **columns: Any) -> pd.DataFrame:
    texts = dict.fromkeys(TEXTS, "text")
    return pd.DataFrame(
        [
            {"productId": key, "name": f"Product {key}", "unitPrice": price, **texts, **columns}
            for key, price in prices.items()
        ]
    )


def sent_last(prices: dict[str, str | None], withdrawn: tuple[str, ...] = ()) -> pd.DataFrame:
    found = rows(prices, idSource="product")
    found["withdrawn"] = found["productId"].isin(withdrawn)
    return found.assign(filled=filled_texts(found)).set_index("productId", drop=False)


def changes(last: pd.DataFrame | None, *parts: pd.DataFrame, withdrawn: int = 0) -> CatalogueChange:
    found = CatalogueChanges(last, load_settings())
    for part in parts:
        found.add(part)
    return found.facts(withdrawn)


def test_changes__count_new_and_withdrawn_products_and_prices_over_all_parts() -> None:
    last = sent_last({"1": "10.00", "2": "10.00", "3": "10.00", "4": "10.00"}, withdrawn=("4",))
    found = changes(
        last, rows({"1": "11.00", "2": "9.00"}), rows({"3": "10.0", "4": "10.00", "5": "1.00"}), withdrawn=7
    )
    assert (found.new, found.withdrawn) == (2, 7), "a product that comes back is new"
    assert (found.price_up, found.price_down) == (1, 1)
    assert [(one.product_id, one.before, one.after) for one in found.largest] == [
        ("1", Decimal("10.00"), Decimal("11.00")),
        ("2", Decimal("10.00"), Decimal("9.00")),
    ]


def test_largest__are_ten_by_percent_with_short_names() -> None:
    keys = [str(number) for number in range(1, 31)]
    last = sent_last(dict.fromkeys(keys, "100.00"))
    now = rows({key: f"{100 + int(key)}.00" for key in keys}).assign(name="x" * 500)
    found = changes(last, now.iloc[:15], now.iloc[15:])
    assert [one.percent for one in found.largest] == [float(30 - n) for n in range(10)]
    assert found.price_up == 30
    assert {len(one.name) for one in found.largest} == {80}


def test_changes__ignore_products_without_a_price() -> None:
    found = changes(sent_last({"1": None, "2": "0"}), rows({"1": "5.00", "2": "5.00"}))
    assert (found.price_up, found.price_down, found.largest) == (0, 0, [])


def test_changes__survive_the_json_of_a_report_and_the_sum_of_stages() -> None:
    found = changes(sent_last({"1": "19.90"}), rows({"1": "14.90"}))
    counts = StageCounts(catalogue=found) + StageCounts()
    again = StageCounts.model_validate_json(counts.model_dump_json())
    assert again.catalogue == found
    assert round(found.largest[0].percent, 1) == -25.1
