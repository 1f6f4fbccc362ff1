"""Contacts, their fields, and products."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.tests.connectif_api import SHOP, ConnectifCaller, purchase

ANA = "/contacts/email/ana@example.com"
P1 = "/products/product-id/p1"


def problems(answer: Any) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    return {one["path"]: one["reason"] for one in answer.json()["validationErrors"]}


# --- contacts


def test_contact__patch_creates_with_the_accounts_default_status(api: ConnectifCaller) -> None:
    created = api.send("PATCH", ANA, json={"_name": "Ana", "_birthdate": "1990-04-12T00:00:00.000-03:00"})
    assert created.status_code == 200
    found = created.json()
    assert found["_newsletterSubscriptionStatus"] == "subscribed"
    assert found["_birthdate"] == "1990-04-12T03:00:00.000Z"
    assert (found["_emailStatus"], found["_points"], found["_totalPurchasesAmount"]) == ("active", 0, 0)
    assert api.get("/contacts/ana@example.com/") == found
    assert len(found["id"]) == 24


def test_contact__patch_changes_only_its_fields(api: ConnectifCaller) -> None:
    api.put_contact(_name="Ana", _newsletterSubscriptionStatus="none")
    api.control("POST", "/clock", json={"advance_seconds": 5})
    changed = api.send("PATCH", "/contacts/ana@example.com", json={"_surname": "Souza"}).json()
    assert (changed["_name"], changed["_surname"], changed["_newsletterSubscriptionStatus"]) == (
        "Ana",
        "Souza",
        "none",
    )
    assert changed["_createdAt"] < changed["_updatedAt"] == "2026-11-23T12:00:05.000Z"


def test_contact__refuses_wrong_types_options_and_unknown_keys(api: ConnectifCaller) -> None:
    body = {"_name": 1, "_points": 1.5, "_birthdate": "1990-04-12", "_mobilePhone": "11 98765",
            "_newsletterSubscriptionStatus": "yes", "_email": "x", "_totalPurchases": 3}  # fmt: skip
    assert set(problems(api.send("PATCH", ANA, json=body))) == set(body)
    assert api.send("GET", ANA).status_code == 404


def test_contact__knobs_change_undocumented_behaviour(api: ConnectifCaller) -> None:
    api.knobs(unknown_keys="ignore", null_values="clear", created_status=201, email_case="lower",
              default_newsletter_status="none")  # fmt: skip
    body = {"_x": 1, "_name": "Ana"}
    created = api.send("PATCH", "/contacts/email/ANA@Example.com", json=body, documented=False)
    assert (created.status_code, created.json()["_email"]) == (201, "ana@example.com")
    assert created.json()["_newsletterSubscriptionStatus"] == "none"
    changed = api.send("PATCH", ANA, json={"_name": None})
    assert changed.status_code == 200
    assert "_name" not in changed.json()


def test_contact__by_default_addresses_differ_by_case_and_null_is_refused(api: ConnectifCaller) -> None:
    api.put_contact("Ana@example.com")
    assert api.send("GET", ANA).status_code == 404
    assert problems(api.send("PATCH", ANA, json={"_name": None})) == {"_name": "must be a string"}


def test_contact__an_external_id_is_unique(api: ConnectifCaller) -> None:
    api.put_contact(_externalId="7")
    answer = api.send("PATCH", "/contacts/email/bo@example.com", json={"_externalId": "7"})
    assert answer.status_code == 409


@pytest.mark.parametrize(("path", "status"), [("/contacts/email/no", 400), ("/contacts/email/a@b", 400)])
def test_contact__refuses_an_invalid_address(api: ConnectifCaller, path: str, status: int) -> None:
    assert api.send("PATCH", path, json={}).status_code == status


def test_contact__delete_keeps_its_purchases(api: ConnectifCaller) -> None:
    api.put_contact()
    api.put_product()
    api.send("POST", "/purchases/", json=purchase())
    assert api.get(ANA)["_totalPurchases"] == 1
    assert [api.send("DELETE", ANA).status_code for _ in range(2)] == [204, 204]
    kept = api.get("/purchases/purchase-id/1001")
    assert (kept["contactEmail"], "contactId" in kept) == ("ana@example.com", False)
    api.put_contact()
    assert api.get(ANA)["_totalPurchases"] == 0


def test_body__media_type_and_syntax_are_checked(api: ConnectifCaller) -> None:
    assert api.send("PATCH", ANA, data="{}").status_code == 415
    assert api.send("PATCH", ANA, data="{", headers={"Content-Type": "application/json"}).status_code == 400
    assert problems(api.send("PATCH", ANA, json=[])) == {"": "must be an object"}


# --- custom fields


def define(api: ConnectifCaller, **definition: Any) -> Any:
    body = {"name": "x", "required": False, **definition}
    return api.send("POST", "/contact-fields/", json=body)


def test_contact_field__defined_fields_are_checked_by_type(api: ConnectifCaller) -> None:
    options = [{"id": "red", "label": "Red"}, {"id": "blue", "label": "Blue"}]
    assert define(api, id="colours", type="checkbox", options=options).status_code == 201
    assert define(api, id="vip", type="boolean").status_code == 201
    assert define(api, id="score", type="decimal", minValue=0).status_code == 201
    api.put_contact(colours=["red", "blue"], vip=True, score=0.5)
    found = api.get(ANA)
    assert (found["colours"], found["vip"], found["score"]) == (["red", "blue"], True, 0.5)
    wrong = {"colours": ["green"], "vip": "true", "score": -1, "other": 1}
    assert set(problems(api.send("PATCH", ANA, json=wrong))) == set(wrong)
    listed = {field["id"]: field for field in api.get("/contact-fields/")["results"]}
    assert listed["colours"]["custom"] is True
    assert listed["_points"]["type"] == "integer"


def test_contact_field__bad_definitions_are_refused(api: ConnectifCaller) -> None:
    assert set(problems(define(api, id="1x", type="text"))) == {"id"}
    assert set(problems(define(api, id="x", type="text", required=True))) == {"required"}
    assert set(problems(define(api, id="x", type="radio"))) == {"options"}
    assert set(problems(define(api, id="x", type="nope"))) == {"type"}
    assert define(api, id="vip", type="boolean").status_code == 201
    assert define(api, id="vip", type="boolean").status_code == 400


# --- products


def test_product__patch_creates_then_changes(api: ConnectifCaller) -> None:
    body = {"name": "Chaleira", "productDetailUrl": f"{SHOP}/chaleira/p", "unitPrice": 10,
            "categories": ["Casa/Cozinha"],
            "publishedAt": "2026-01-10T12:00:00Z", "inStockUnits": 0}  # fmt: skip
    created = api.send("PATCH", P1, json=body).json()
    assert created["publishedAt"] == "2026-01-10T12:00:00.000Z"
    assert (created["availability"], created["isBlacklisted"], created["priority"]) == ("instock", False, 0)
    changed = api.send("PATCH", P1 + "/", json={"availability": "outofstock"}).json()
    assert changed == created | {"availability": "outofstock"}
    assert api.get(P1) == changed


def test_product__a_new_one_needs_name_url_and_price(api: ConnectifCaller) -> None:
    assert set(problems(api.send("PATCH", P1, json={"brand": "Brisa"}))) == {
        "name",
        "productDetailUrl",
        "unitPrice",
    }


def test_product__wrong_types_are_refused(api: ConnectifCaller) -> None:
    api.put_product()
    body = {"unitPrice": "10", "availability": "discontinued", "inStockUnits": 1.5, "categories": "a",
            "discountedPercentage": 101, "isBlacklisted": 1, "productId": "p1", "rating": -1}  # fmt: skip
    assert set(problems(api.send("PATCH", P1, json=body))) == set(body)


@pytest.mark.parametrize("host", ["sandboxshop.vtexcommercestable.com.br", "sandbox-shop.example"])
def test_product__foreign_domain_is_e0201(api: ConnectifCaller, host: str) -> None:
    api.put_product()
    answer = api.send("PATCH", P1, json={"productDetailUrl": f"https://{host}/chaleira/p"})
    assert answer.json() == {
        "status": 400, "title": "Bad Request", "code": "E0201", "allowedDomains": [SHOP],
        "detail": "Product had URL from non authorized domain.",
    }  # fmt: skip


def test_product__a_knob_sets_which_refusal_comes_first(api: ConnectifCaller) -> None:
    body = {"productDetailUrl": "https://elsewhere.example/x/p"}
    assert api.send("PATCH", P1, json=body).status_code == 422
    api.knobs(product_precedence="domain_first")
    assert api.send("PATCH", P1, json=body).json()["code"] == "E0201"
    assert api.send("GET", P1).status_code == 404


def test_product__authorised_domains_are_a_setting(api: ConnectifCaller) -> None:
    api.knobs(authorised_domains=["other.example"])
    api.send("PATCH", P1, json={"name": "x", "productDetailUrl": "https://other.example/x/p", "unitPrice": 1})
    assert api.send("GET", P1).status_code == 200
    assert api.get("/store/")["authorizedDomains"] == ["https://other.example"]


def test_product__delete_can_be_repeated(api: ConnectifCaller) -> None:
    api.put_product()
    assert [api.send("DELETE", P1).status_code for _ in range(2)] == [204, 204]
    assert api.send("GET", P1).status_code == 404
