"""Each file in cases/ is one case: order details, the real addresses by profile, catalogue data of added
SKUs, and the expected purchase bodies, outcomes and drops."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from include.purchases.mapping import PurchaseRules, map_purchases

CASES = sorted((Path(__file__).parent / "cases").glob("*.json"))


def test_purchase_cases__are_found() -> None:
    assert len(CASES) > 30


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_purchase_case__maps_as_the_file_says(path: Path) -> None:
    case = json.loads(path.read_text())
    rules, catalogue = _rules(case.get("rules", {})), case.get("catalogue", {})
    mapped = map_purchases(case["source"], rules, case["emails"], catalogue)
    expected = case["expected"]
    assert [
        {"order_ids": list(purchase.order_ids), "body": purchase.body} for purchase in mapped.purchases
    ] == expected["purchases"]
    assert mapped.outcomes.to_dict("records") == expected["outcomes"]
    assert dict(sum((purchase.drops for purchase in mapped.purchases), Counter())) == expected.get(
        "drops", {}
    )


def _rules(settings: dict[str, Any]) -> PurchaseRules:
    typed = {
        field: frozenset(value) if isinstance(value, list) else value for field, value in settings.items()
    }
    return PurchaseRules(shop_domain="www.sandbox-shop.example", **typed)


def test_purchase_cases__do_not_change_their_source() -> None:
    for path in CASES:
        case = json.loads(path.read_text())
        map_purchases(case["source"], _rules(case.get("rules", {})), case["emails"], case.get("catalogue"))
        assert case == json.loads(path.read_text()), path.stem
