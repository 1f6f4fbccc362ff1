"""Each file in cases/purchases is a situation: order details, the real addresses by profile, and the purchase
bodies and verdicts expected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from include.mapping.purchases import PurchaseRules, map_purchases

CASES = sorted((Path(__file__).parent / "cases" / "purchases").glob("*.json"))


def test_purchase_cases__are_found() -> None:
    assert len(CASES) > 30


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_purchase_case__maps_as_the_file_says(path: Path) -> None:
    case = json.loads(path.read_text())
    mapped = map_purchases(case["source"], _rules(case.get("rules", {})), case["emails"])
    expected = case["expected"]
    assert [
        {"order_ids": list(purchase.order_ids), "body": purchase.body} for purchase in mapped.purchases
    ] == expected["purchases"]
    assert mapped.verdicts.to_dict("records") == expected["verdicts"]


def _rules(settings: dict[str, Any]) -> PurchaseRules:
    typed = {
        field: frozenset(value) if isinstance(value, list) else value for field, value in settings.items()
    }
    return PurchaseRules(shop_domain="www.sandbox-shop.example", **typed)
