"""Each file in cases/ is a situation: products of catalogue search, and the expected rows, outcomes, drops.

It may also have the catalogue sent last and base prices of the Pricing API.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from include.products.mapping import ProductRules, map_products
from include.products.snapshot import SNAPSHOT_COLUMNS, snapshot_from

CASES = sorted((Path(__file__).parent / "cases").glob("*.json"))


def test_product_cases__are_found() -> None:
    assert len(CASES) > 40


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_product_case__maps_as_the_file_says(path: Path) -> None:
    case = json.loads(path.read_text())
    rules = _rules(case.get("rules", {}))
    mapped = map_products(
        case["source"],
        rules,
        last_sent=_last_sent(case.get("last_sent"), rules),
        base_prices={key: Decimal(price) for key, price in case.get("base_prices", {}).items()},
    )
    expected = case["expected"]
    rows = [
        {column: value for column, value in row.items() if pd.notna(value)}
        for row in mapped.rows.to_dict("records")
    ]
    assert rows == expected["rows"]
    assert mapped.outcomes.to_dict("records") == expected["outcomes"]
    assert mapped.drops == expected["drops"]


def _rules(settings: dict[str, Any]) -> ProductRules:
    kinds = {"vat_rate": Decimal, "custom_fields": tuple}
    typed = {field: kinds.get(field, str)(value) for field, value in settings.items()}
    return ProductRules(shop_domain="www.sandbox-shop.example", **typed)


def _last_sent(rows: list[dict[str, Any]] | None, rules: ProductRules) -> pd.DataFrame | None:
    """The snapshot of the case. Its ids are of the same kind, unless the file says otherwise."""
    if rows is None:
        return None
    complete = [{"idSource": rules.product_id_source, **row} for row in rows]
    return snapshot_from(pd.DataFrame(complete).reindex(columns=list(SNAPSHOT_COLUMNS)))
