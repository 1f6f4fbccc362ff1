"""VTEX's OpenAPI files, if the environment variable VENDOR_CONTRACTS names their folder.

The checks cover the structure only: the files declare too few nulls, declare decimals as integers, and
require members that VTEX often leaves out.
"""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it has no stubs here

FOLDER = os.environ.get("VENDOR_CONTRACTS")
needs_contracts = pytest.mark.skipif(
    FOLDER is None, reason="VENDOR_CONTRACTS names no folder of OpenAPI files"
)


@cache
def document(name: str) -> Any:
    return json.loads((Path(FOLDER or "") / "vtex" / f"{name}.json").read_text())


def problems(name: str, verb: str, path: str, answer: Any, status: str = "200") -> list[str]:
    """The differences between `answer` and the schema of `verb path` in the file `name`."""
    contract = document(name)
    content = contract["paths"][path][verb]["responses"][status]["content"]
    schema = loosen(next(iter(content.values()))["schema"], contract)
    return [
        f"{error.json_path}: {error.message[:120]}"
        for error in Draft202012Validator(schema).iter_errors(answer)
    ]


def order_problems(order: dict[str, Any]) -> list[str]:
    """The differences of an order's detail, except two in which VTEX's samples differ from its schema.

    The schema declares the components of kits as strings, and lacks the total `Change`.
    """
    checked = order | {
        "items": [item | {"components": []} for item in order["items"]],
        "totals": [total for total in order["totals"] if total["id"] != "Change"],
    }
    return problems("orders", "get", "/api/oms/pvt/orders/{orderId}", checked)


def loosen(node: Any, contract: Any) -> Any:
    """Resolves references, allows null and decimals everywhere, and requires no member."""
    if isinstance(node, list):
        return [loosen(one, contract) for one in node]
    if not isinstance(node, dict):
        return node
    if isinstance(node.get("$ref"), str):
        return loosen(resolve(node["$ref"], contract), contract)
    kept = {key: loosen(value, contract) for key, value in node.items() if key not in DROPPED}
    if isinstance(kept.get("type"), str):
        kept["type"] = [{"integer": "number"}.get(kept["type"], kept["type"]), "null"]
    if isinstance(kept.get("enum"), list):
        kept["enum"] = [*kept["enum"], None]
    return kept


DROPPED = frozenset(
    {"required", "example", "examples", "default", "nullable", "description", "format", "title"}
)


def resolve(reference: str, contract: Any) -> Any:
    node = contract
    for step in reference.removeprefix("#/").split("/"):
        node = node[step]
    return node
