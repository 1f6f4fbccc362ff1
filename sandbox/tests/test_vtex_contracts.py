"""Checks the answers of the simulated VTEX against VTEX's own OpenAPI files."""

from typing import Any

import pytest

from sandbox.tests.contracts import document, needs_contracts, order_problems, problems
from sandbox.tests.vtex_api import CL, IDS, ORDERS, SEARCH, VtexCaller

ENTITY = "/api/dataentities/{acronym}"
READS: list[tuple[str, str, str, dict[str, Any]]] = [
    ("master-data-v1", ENTITY, CL, {}),
    ("master-data-v1", f"{ENTITY}/search", f"{CL}/search", {"_fields": "id,email,firstName,createdIn"}),
    ("master-data-v1", f"{ENTITY}/scroll", f"{CL}/scroll", {}),
    ("catalog", IDS, IDS, {}),
    ("catalog", "/api/catalog/pvt/product/{productId}", "/api/catalog/pvt/product/8", {}),
    ("catalog", "/api/catalog_system/pvt/saleschannel/list", "/api/catalog_system/pvt/saleschannel/list", {}),
    ("pricing", "/pricing/prices/{itemId}", "/api/pricing/prices/1000", {}),
    ("orders", ORDERS, ORDERS, {"per_page": 100}),
]


@needs_contracts
@pytest.mark.parametrize(("name", "path", "url", "query"), READS)
def test_answer__has_the_vendors_structure(
    vtex: VtexCaller, name: str, path: str, url: str, query: dict[str, Any]
) -> None:
    assert problems(name, "get", path, vtex.get(url, **query).json()) == []


@needs_contracts
def test_search__has_the_vendors_structure_and_known_keys_only(vtex: VtexCaller) -> None:
    products = vtex.get(SEARCH, _from=0, _to=49).json()
    found = problems("search", "get", SEARCH, products)
    assert [one for one in found if ".brand: [" not in one] == [], "a specification called brand is seeded"
    content = document("search")["paths"][SEARCH]["get"]["responses"]["200"]["content"]
    (example,) = next(iter(content.values()))["example"][:1]
    specifications = set(products[0]["allSpecifications"])
    assert set(products[0]) - specifications <= set(example)
    assert set(products[0]["items"][0]) <= set(example["items"][0])


ODD_CLIENTS = {"email", "firstName", "lastName", "phone"}
"""Members of `clientProfileData` that have a wrong type in the seed's oddities."""


@needs_contracts
def test_orders__have_the_vendors_structure(vtex: VtexCaller) -> None:
    odd = set()
    for row in vtex.get(ORDERS, per_page=80).json()["list"]:
        order = vtex.get(f"{ORDERS}/{row['orderId']}").json()
        for problem in order_problems(order):
            path, _, _ = problem.partition(": ")
            assert path.startswith("$.clientProfileData."), problem
            odd.add(path.rpartition(".")[2])
    assert odd == ODD_CLIENTS


@needs_contracts
def test_order_group__has_the_vendors_structure(vtex: VtexCaller) -> None:
    row = vtex.get(ORDERS).json()["list"][0]
    group = vtex.get(f"{ORDERS}/order-group/{row['orderId'].rsplit('-', 1)[0]}").json()
    assert problems("orders", "get", f"{ORDERS}/order-group/{{orderGroup}}", group) == []


@needs_contracts
def test_writes__have_the_vendors_structure(vtex: VtexCaller) -> None:
    created = vtex.call("POST", f"{CL}/documents", json={"email": "new@example.com"}).json()
    assert problems("master-data-v1", "post", f"{CL}/documents", created) == []
    vtex.knobs(md_patch_status="200")
    changed = vtex.call("PATCH", f"{CL}/documents/{created['DocumentId']}", json={"firstName": "Ana"}).json()
    assert problems("master-data-v1", "patch", f"{CL}/documents/{{id}}", changed) == []


@needs_contracts
def test_check__reports_a_wrong_type() -> None:
    assert problems("orders", "get", f"{ORDERS}/{{orderId}}", {"value": "12", "items": {}}) != []
