"""The vendors' OpenAPI files, where the environment variable VENDOR_CONTRACTS names their folder.

Structure only: upstream under-declares null, calls decimals integers, requires what it often leaves out.
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
    """What in `answer` differs from the schema of `verb path` in the file `name`."""
    contract = document(name)
    content = contract["paths"][path][verb]["responses"][status]["content"]
    schema = loosened(next(iter(content.values()))["schema"], contract)
    return [
        f"{error.json_path}: {error.message[:120]}"
        for error in Draft202012Validator(schema).iter_errors(answer)
    ]


def order_problems(order: dict[str, Any]) -> list[str]:
    """Of an order's detail, but for two points in which VTEX's schema and its own samples disagree.

    The schema declares kits' components as strings, and does not know the total `Change`.
    """
    told = order | {
        "items": [item | {"components": []} for item in order["items"]],
        "totals": [total for total in order["totals"] if total["id"] != "Change"],
    }
    return problems("orders", "get", "/api/oms/pvt/orders/{orderId}", told)


def loosened(node: Any, contract: Any) -> Any:
    """References put in place, null allowed anywhere, integers may have decimals, nothing required."""
    if isinstance(node, list):
        return [loosened(one, contract) for one in node]
    if not isinstance(node, dict):
        return node
    if isinstance(node.get("$ref"), str):
        return loosened(resolved(node["$ref"], contract), contract)
    kept = {key: loosened(value, contract) for key, value in node.items() if key not in DROPPED}
    if isinstance(kept.get("type"), str):
        kept["type"] = [{"integer": "number"}.get(kept["type"], kept["type"]), "null"]
    if isinstance(kept.get("enum"), list):
        kept["enum"] = [*kept["enum"], None]
    return kept


DROPPED = frozenset(
    {"required", "example", "examples", "default", "nullable", "description", "format", "title"}
)


def resolved(reference: str, contract: Any) -> Any:
    node = contract
    for step in reference.removeprefix("#/").split("/"):
        node = node[step]
    return node
