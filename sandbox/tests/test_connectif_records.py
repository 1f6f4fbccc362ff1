"""Contacts, their fields, and products."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.tests.connectif_api import SHOP, Api, purchase

ANA = "/contacts/email/ana@example.com"
P1 = "/products/product-id/p1"


def problems(answer: Any) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    return {one["path"]: one["reason"] for one in answer.json()["validationErrors"]}


# --- contacts ---


def test_contact__patch_creates_with_the_accounts_default_status(api: Api) -> None:
    created = api.send("PATCH", ANA, json={"_name": "Ana", "_birthdate": "1990-04-12T00:00:00.000-03:00"})
    assert created.status_code == 200
    found = created.json()
    assert found["_newsletterSubscriptionStatus"] == "subscribed"
    assert found["_birthdate"] == "1990-04-12T03:00:00.000Z"
    assert (found["_emailStatus"], found["_points"], found["_totalPurchasesAmount"]) == ("active", 0, 0)
    assert api.get("/contacts/ana@example.com/") == found
    assert len(found["id"]) == 24


def test_contact__patch_changes_only_what_it_names(api: Api) -> None:
    api.put_contact(_name="Ana", _newsletterSubscriptionStatus="none")
    api.control("POST", "/clock", json={"advance_seconds": 5})
    changed = api.send("PATCH", "/contacts/ana@example.com", json={"_surname": "Souza"}).json()
    assert (changed["_name"], changed["_surname"], changed["_newsletterSubscriptionStatus"]) == (
        "Ana",
        "Souza",
        "none",
    )
    assert changed["_createdAt"] < changed["_updatedAt"] == "2026-11-23T12:00:05.000Z"


def test_contact__wrong_types_enumerations_and_unknown_keys(api: Api) -> None:
    body = {"_name": 1, "_points": 1.5, "_birthdate": "1990-04-12", "_mobilePhone": "11 98765",
            "_newsletterSubscriptionStatus": "yes", "_email": "x", "_totalPurchases": 3}  # fmt: skip
    assert set(problems(api.send("PATCH", ANA, json=body))) == set(body)
    assert api.send("GET", ANA).status_code == 404


def test_contact__knobs_for_what_is_unknown(api: Api) -> None:
    api.knobs(unknown_keys="ignore", null_values="clear", created_status=201, email_case="lower",
              default_newsletter_status="none")  # fmt: skip
    body = {"_x": 1, "_name": "Ana"}
    created = api.send("PATCH", "/contacts/email/ANA@Example.com", json=body, documented=False)
    assert (created.status_code, created.json()["_email"]) == (201, "ana@example.com")
    assert created.json()["_newsletterSubscriptionStatus"] == "none"
    changed = api.send("PATCH", ANA, json={"_name": None})
    assert changed.status_code == 200
    assert "_name" not in changed.json()


def test_contact__by_default_the_case_of_an_address_counts_and_null_is_refused(api: Api) -> None:
    api.put_contact("Ana@example.com")
    assert api.send("GET", ANA).status_code == 404
    assert problems(api.send("PATCH", ANA, json={"_name": None})) == {"_name": "must be a string"}


def test_contact__an_external_id_belongs_to_one(api: Api) -> None:
    api.put_contact(_externalId="7")
    answer = api.send("PATCH", "/contacts/email/bo@example.com", json={"_externalId": "7"})
    assert answer.status_code == 409


@pytest.mark.parametrize(("path", "status"), [("/contacts/email/no", 400), ("/contacts/email/a@b", 400)])
def test_contact__not_an_address(api: Api, path: str, status: int) -> None:
    assert api.send("PATCH", path, json={}).status_code == status


def test_contact__deleted_goes_but_its_purchases_stay(api: Api) -> None:
    api.put_contact()
    api.put_product()
    api.send("POST", "/purchases/", json=purchase())
    assert api.get(ANA)["_totalPurchases"] == 1
    assert [api.send("DELETE", ANA).status_code for _ in range(2)] == [204, 204]
    kept = api.get("/purchases/purchase-id/1001")
    assert (kept["contactEmail"], "contactId" in kept) == ("ana@example.com", False)
    api.put_contact()
    assert api.get(ANA)["_totalPurchases"] == 0


def test_body__media_type_and_syntax(api: Api) -> None:
    assert api.send("PATCH", ANA, data="{}").status_code == 415
    assert api.send("PATCH", ANA, data="{", headers={"Content-Type": "application/json"}).status_code == 400
    assert problems(api.send("PATCH", ANA, json=[])) == {"": "must be an object"}


# --- custom fields ---


def define(api: Api, **definition: Any) -> Any:
    body = {"name": "x", "required": False, **definition}
    return api.send("POST", "/contact-fields/", json=body)


def test_contact_field__defined_ones_are_accepted_with_their_type(api: Api) -> None:
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


def test_contact_field__bad_definitions(api: Api) -> None:
    assert set(problems(define(api, id="1x", type="text"))) == {"id"}
    assert set(problems(define(api, id="x", type="text", required=True))) == {"required"}
    assert set(problems(define(api, id="x", type="radio"))) == {"options"}
    assert set(problems(define(api, id="x", type="nope"))) == {"type"}
    assert define(api, id="vip", type="boolean").status_code == 201
    assert define(api, id="vip", type="boolean").status_code == 400


# --- products ---


def test_product__patch_creates_then_changes(api: Api) -> None:
    body = {"name": "Chaleira", "productDetailUrl": f"{SHOP}/chaleira/p", "unitPrice": 10,
            "categories": ["Casa/Cozinha"],
            "publishedAt": "2026-01-10T12:00:00Z", "inStockUnits": 0}  # fmt: skip
    created = api.send("PATCH", P1, json=body).json()
    assert created["publishedAt"] == "2026-01-10T12:00:00.000Z"
    assert (created["availability"], created["isBlacklisted"], created["priority"]) == ("instock", False, 0)
    changed = api.send("PATCH", P1 + "/", json={"availability": "outofstock"}).json()
    assert changed == created | {"availability": "outofstock"}
    assert api.get(P1) == changed


def test_product__needs_name_url_and_price_at_first(api: Api) -> None:
    assert set(problems(api.send("PATCH", P1, json={"brand": "Brisa"}))) == {
        "name",
        "productDetailUrl",
        "unitPrice",
    }


def test_product__wrong_types(api: Api) -> None:
    api.put_product()
    body = {"unitPrice": "10", "availability": "discontinued", "inStockUnits": 1.5, "categories": "a",
            "discountedPercentage": 101, "isBlacklisted": 1, "productId": "p1", "rating": -1}  # fmt: skip
    assert set(problems(api.send("PATCH", P1, json=body))) == set(body)


@pytest.mark.parametrize("host", ["sandboxshop.vtexcommercestable.com.br", "sandbox-shop.example"])
def test_product__foreign_domain_is_e0201(api: Api, host: str) -> None:
    api.put_product()
    answer = api.send("PATCH", P1, json={"productDetailUrl": f"https://{host}/chaleira/p"})
    assert answer.json() == {
        "status": 400, "title": "Bad Request", "code": "E0201", "allowedDomains": [SHOP],
        "detail": "Product had URL from non authorized domain.",
    }  # fmt: skip


def test_product__which_refusal_comes_first_is_a_knob(api: Api) -> None:
    body = {"productDetailUrl": "https://elsewhere.example/x/p"}
    assert api.send("PATCH", P1, json=body).status_code == 422
    api.knobs(product_precedence="domain_first")
    assert api.send("PATCH", P1, json=body).json()["code"] == "E0201"
    assert api.send("GET", P1).status_code == 404


def test_product__authorised_domains_are_a_setting(api: Api) -> None:
    api.knobs(authorised_domains=["other.example"])
    api.send("PATCH", P1, json={"name": "x", "productDetailUrl": "https://other.example/x/p", "unitPrice": 1})
    assert api.send("GET", P1).status_code == 200
    assert api.get("/store/")["authorizedDomains"] == ["https://other.example"]


def test_product__delete_is_repeatable(api: Api) -> None:
    api.put_product()
    assert [api.send("DELETE", P1).status_code for _ in range(2)] == [204, 204]
    assert api.send("GET", P1).status_code == 404
