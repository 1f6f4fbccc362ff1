"""Purchases: references, refusals, workflows."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.tests.connectif_api import SHOP, ConnectifCaller, purchase


@pytest.fixture
def shop(api: ConnectifCaller) -> ConnectifCaller:
    """The account with the contact and the product of `purchase()`."""
    api.put_contact()
    api.put_product()
    return api


def post(api: ConnectifCaller, query: str = "", **changes: Any) -> Any:
    return api.send("POST", f"/purchases/{query}", json=purchase(**changes))


def line(**changes: Any) -> list[dict[str, Any]]:
    return [purchase()["products"][0] | changes]


def test_purchase__created_and_read_back_by_both_ids(shop: ConnectifCaller) -> None:
    answer = post(shop)
    created = answer.json()
    assert answer.status_code == 201
    assert created["purchaseDate"] == "2026-11-20T14:03:11.000Z"
    assert created["contactId"] == shop.get("/contacts/ana@example.com")["id"]
    assert created["products"][0]["id"] == shop.get("/products/product-id/p1")["id"]
    assert shop.get("/purchases/purchase-id/1001") == shop.get(f"/purchases/{created['id']}/") == created


def test_purchase__changes_the_contacts_totals(shop: ConnectifCaller) -> None:
    post(shop)
    post(shop, purchaseId="1002", totalPrice=10, purchaseDate="2026-11-19T08:00:00Z")
    found = shop.get("/contacts/ana@example.com")
    assert (found["_totalPurchases"], found["_totalPurchasesAmount"], found["_averagePurchasesAmount"]) == (
        2,
        35.5,
        17.75,
    )
    assert (found["_firstPurchaseDate"][:10], found["_lastPurchaseDate"][:10]) == ("2026-11-19", "2026-11-20")
    assert shop.send("DELETE", "/purchases/purchase-id/1001").status_code == 204
    assert shop.get("/contacts/ana@example.com")["_totalPurchasesAmount"] == 10


def test_purchase__fires_workflows_unless_the_parameter_is_false(shop: ConnectifCaller) -> None:
    post(shop)
    post(shop, "?triggerPurchaseEvent=false", purchaseId="1002")
    post(shop, "?triggerPurchaseEvent=true", purchaseId="1003")
    fired = shop.control("GET", "/workflows")
    assert [(one["workflow"], one["purchaseId"]) for one in fired] == [
        ("on purchase", "1001"),
        ("on purchase", "1003"),
    ]


@pytest.mark.parametrize("query", ["?triggerPurchaseEvent=no", "?triggerPurchaseEvents=false"])
def test_purchase__a_misspelt_parameter_is_refused(shop: ConnectifCaller, query: str) -> None:
    assert post(shop, query).status_code == 422


def test_purchase__existing_id_is_409_and_changes_nothing(shop: ConnectifCaller) -> None:
    created = post(shop).json()
    second = post(shop, totalPrice=1, contactEmail="unknown@example.com")
    assert second.json() == {"status": 409, "title": "Conflict", "detail": "Purchase 1001 already exists."}
    assert shop.get("/purchases/purchase-id/1001") == created
    shop.knobs(purchase_precedence="references_first")
    assert post(shop, contactEmail="unknown@example.com").json()["code"] == "E0101"
    assert post(shop).status_code == 409


def test_purchase__unknown_contact_is_e0101(shop: ConnectifCaller) -> None:
    answer = post(shop, contactEmail="unknown@example.com")
    assert answer.json() == {
        "status": 400, "title": "Bad Request", "code": "E0101",
        "detail": "Contact unknown@example.com does not exist.",
    }  # fmt: skip


def test_purchase__finds_the_contact_by_external_id(shop: ConnectifCaller) -> None:
    shop.put_contact(_externalId="7")
    body = purchase(contactExternalId="7")
    del body["contactEmail"]
    assert shop.send("POST", "/purchases", json=body).json()["contactEmail"] == "ana@example.com"
    assert (
        shop.send("POST", "/purchases", json=body | {"purchaseId": "2", "contactExternalId": "8"}).json()[
            "code"
        ]
        == "E0101"
    )


def test_purchase__unknown_products_are_e0102_in_either_spelling(shop: ConnectifCaller) -> None:
    lines = [*line(), *line(productId="p2"), *line(productId="p3")]
    found = post(shop, products=lines).json()
    assert (found["code"], found["productIds"]) == ("E0102", ["p2", "p3"])
    shop.knobs(products_key="productsId")
    assert post(shop, products=lines).json()["productsId"] == ["p2", "p3"]


def test_purchase__foreign_url_is_e0103(shop: ConnectifCaller) -> None:
    found = post(shop, products=line(productDetailUrl="https://elsewhere.example/p")).json()
    assert (found["code"], found["productIds"], found["allowedDomains"]) == ("E0103", ["p1"], [SHOP])


def problem_paths(answer: Any) -> set[str]:
    assert answer.status_code == 422, answer.text
    return {one["path"] for one in answer.json()["validationErrors"]}


def test_purchase__missing_keys_are_refused(shop: ConnectifCaller) -> None:
    assert problem_paths(shop.send("POST", "/purchases/", json={})) == {
        "purchaseId", "purchaseDate", "totalPrice", "totalQuantity", "cartId", "products",
    }  # fmt: skip
    body = purchase()
    del body["contactEmail"]
    assert problem_paths(shop.send("POST", "/purchases/", json=body)) == {"contactEmail"}
    assert problem_paths(post(shop, products=[{}])) == {
        f"products[0].{key}"
        for key in ("productId", "name", "productDetailUrl", "unitPrice", "quantity", "price")
    }


def test_purchase__wrong_types_and_unknown_keys_are_refused(shop: ConnectifCaller) -> None:
    body: dict[str, Any] = {
        "totalPrice": "25.5",
        "totalQuantity": 1.5,
        "purchaseDate": "2026-11-20",
        "status": "paid",
        "purchaseId": 1,
    }
    assert problem_paths(post(shop, **body)) == set(body)
    assert problem_paths(post(shop, products=line(quantity=0, availability="instock"))) == {
        "products[0].quantity", "products[0].availability",
    }  # fmt: skip


def test_purchase__cart_id_is_required_by_a_knob(shop: ConnectifCaller) -> None:
    body = purchase()
    del body["cartId"]
    assert problem_paths(shop.send("POST", "/purchases/", json=body)) == {"cartId"}
    shop.knobs(cart_id_required=False)
    assert shop.send("POST", "/purchases/", json=body).status_code == 201


@pytest.mark.parametrize(
    "path", ["/purchases/purchase-id/9", "/purchases/9", "/purchases/5fe0ffffffffffffffffffff"]
)
def test_purchase__an_unknown_id_is_404(shop: ConnectifCaller, path: str) -> None:
    assert shop.send("GET", path).status_code == 404


def test_purchase__delete_of_an_unknown_id_is_204(shop: ConnectifCaller) -> None:
    assert shop.send("DELETE", "/purchases/purchase-id/9").status_code == 204


def test_control__records_fire_no_workflow(shop: ConnectifCaller) -> None:
    shop.control("PUT", "/purchases/77", json={**purchase()})
    shop.control("PUT", "/purchases/77", json={**purchase(totalPrice=9)})
    assert shop.get("/purchases/purchase-id/77")["totalPrice"] == 9
    shop.control("PUT", "/contacts/bo@example.com", json={"_name": "Bo"})
    shop.control("PUT", "/products/p9", json={"name": "x", "productDetailUrl": f"{SHOP}/x/p", "unitPrice": 1})
    assert shop.control("GET", "/workflows") == []
    for path in ("/contacts/bo@example.com", "/products/p9", "/purchases/77"):
        shop.control("DELETE", path)
    assert shop.send("GET", "/purchases/purchase-id/77").status_code == 404
