"""Each file in cases/ is a situation: source documents, and the expected rows, outcomes and drops."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from include.contacts.fields import ExtraField
from include.contacts.mapping import map_contacts

CASES = sorted((Path(__file__).parent / "cases").glob("*.json"))
TODAY = date(2026, 11, 23)


def test_contact_cases__are_found() -> None:
    assert len(CASES) > 20


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_contact_case__maps_as_the_file_says(path: Path) -> None:
    case = json.loads(path.read_text())
    mapped = map_contacts(
        pd.DataFrame(case["source"], dtype=object),
        country=case.get("country", "BR"),
        today=TODAY,
        birth_date_zone=ZoneInfo(case["birth_date_time_zone"]) if "birth_date_time_zone" in case else None,
        extra_fields=[ExtraField(**field) for field in case.get("extra_fields", [])],
    )
    expected = case["expected"]
    assert [_readable(row, like) for row, like in _pairs(mapped.rows, expected["rows"])] == expected["rows"]
    assert mapped.outcomes.to_dict("records") == expected["outcomes"]
    assert mapped.drops == expected["drops"]


def _pairs(rows: pd.DataFrame, expected: list[dict[str, Any]]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    found = rows.to_dict("records")
    return [(row, expected[n] if n < len(expected) else {}) for n, row in enumerate(found)]


def _readable(row: dict[str, Any], like: dict[str, Any]) -> dict[str, Any]:
    """The row without absent fields. `changed` is a text, and only present if the case expects it."""
    there = {field: value for field, value in row.items() if pd.notna(value)}
    there["changed"] = pd.Timestamp(there["changed"]).isoformat(timespec="nanoseconds") + "Z"
    return {field: value for field, value in there.items() if field != "changed" or field in like}
