"""Compares what two runs wrote at both vendors, without the values that differ from run to run."""

from __future__ import annotations

import json
from typing import Any


def steady(target: dict[str, Any]) -> dict[str, Any]:
    """The written records without values that depend on the time or on the order of threads."""
    tables = ("contacts", "products", "purchases")
    return target | {table: {key: _steady_row(row) for key, row in target[table].items()} for table in tables}


def _steady_row(row: dict[str, Any]) -> dict[str, Any]:
    lines = json.loads(row.get("products") or "[]")
    without_ids = [{name: value for name, value in line.items() if name != "id"} for line in lines]
    return row | {"created_at": "", "products": without_ids}


def differences(found: dict[str, Any], expected: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """The differences between two targets: place, found value, expected value."""
    lines = []
    for table in ("contacts", "products", "purchases"):
        for key in found[table].keys() | expected[table].keys():
            one, other = found[table].get(key, {}), expected[table].get(key, {})
            lines += [
                (f"{table} {key} {name}", one.get(name), other.get(name))
                for name in one | other
                if one.get(name) != other.get(name)
            ]
    counted = [(name, found[name], expected[name]) for name in ("workflows", "vtex")]
    return lines + [line for line in counted if line[1] != line[2]]
