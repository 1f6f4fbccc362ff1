"""VTEX's own control routes, and its page."""

from typing import Any

import pytest

from sandbox.tests.vtex_api import CL, KEY, ORDERS, VtexCaller


def test_page__shows_the_changes(vtex: VtexCaller) -> None:
    vtex.place("a", email="a@example.com", isNewsletterOptIn=True)
    vtex.call("PATCH", f"{CL}/documents/a", json={"isNewsletterOptIn": False})
    page = vtex.session.get(f"{vtex.url}/_sandbox/", timeout=5).text
    assert "isNewsletterOptIn: True → False" in page
    assert "a@example.com" in page
    assert "src=" not in page
    assert "href=" not in page


def test_state__counts(vtex: VtexCaller) -> None:
    state = vtex.control("GET", "state")
    assert (state["documents"], state["products"], state["seed"]) == (210, 45, 7)
    assert state["orders"] > 100


def test_documents__can_be_put_read_and_deleted(vtex: VtexCaller) -> None:
    vtex.place("a", email="a@example.com", updatedIn="2026-11-23T10:00:00.0000000Z")
    assert vtex.control("GET", "documents/a")["updatedIn"] == "2026-11-23T10:00:00.0000000Z"
    assert vtex.control("DELETE", "documents/a") == {"deleted": 1}
    assert vtex.documents(email="a@example.com") == []
    assert vtex.call("GET", "/_sandbox/documents/a").status_code == 404


@pytest.mark.parametrize(
    ("verb", "path", "body"),
    [
        ("PUT", "documents/a", "no JSON"),
        ("PUT", "products/a", "{}"),
        ("PUT", "products/1", '{"colour": "red"}'),
        ("PATCH", "products/1", '{"brand": "x"}'),
        ("PUT", "orders/1", '{"created": "2026-11-23"}'),
        ("POST", "arrivals", '{"count": "many"}'),
    ],
)
def test_control__refuses_invalid_bodies_and_ids(vtex: VtexCaller, verb: str, path: str, body: str) -> None:
    answer = vtex.call(verb, f"/_sandbox/{path}", data=body)
    assert answer.status_code == 422
    assert answer.json()["error"]


def test_documents__refuse_unknown_fields(vtex: VtexCaller) -> None:
    assert vtex.call("PUT", "/_sandbox/documents/a", json={"mail": "a"}).status_code == 400


def test_reset__restores_everything_except_the_clock(vtex: VtexCaller) -> None:
    before = vtex.control("GET", "state")
    vtex.place("a", email="a@example.com")
    vtex.control("POST", "arrivals", {"count": 2})
    vtex.control("DELETE", "products/0")
    vtex.advance(60)
    assert vtex.control("POST", "reset") == before
    assert vtex.control("GET", "clock")["now"].startswith("2026-11-23T12:01:00")
    assert vtex.control("GET", "changes") == []


@pytest.mark.parametrize(
    "path",
    [
        "/api/catalog/pvt/product/99999999999999999999",
        "/api/pricing/prices/99999999999999999999",
        "/api/catalog_system/pvt/products/GetProductAndSkuIds?_from=99999999999999999999",
        "/api/catalog_system/pub/products/search?fq=productId:99999999999999999999",
        "/api/oms/pvt/orders?page=-1",
        "/api/oms/pvt/orders/seq99999999999999999999",
        f"{CL}/search?_where=email=%22%22",
        f"{CL}/search?_where=%FF%00",
        f"{CL}/scroll?_token=%27",
        "/api/dataentities/AD/search",
        "/api/nothing",
    ],
)
def test_odd_calls__are_answered_without_a_server_error(vtex: VtexCaller, path: str) -> None:
    answer: Any = vtex.session.get(vtex.url + path, headers=KEY, timeout=5)
    assert answer.status_code in (200, 400, 404)


def test_oddities__list_documents_and_orders_of_the_seed(vtex: VtexCaller) -> None:
    found = vtex.control("GET", "oddities")
    masked = found["documents"]["masked name"]
    assert masked["count"] == 1, "210 customers, one in 200"
    assert vtex.control("GET", f"documents/{masked['ids'][0]}")["firstName"] == "J***"
    assert found["documents"]["no e-mail"]["count"] == 2
    removed = found["orders"]["item removed and still listed"]
    assert removed["count"] == len(removed["ids"])
    for id_ in removed["ids"]:
        (change,) = vtex.get(f"{ORDERS}/{id_}").json()["changesAttachment"]["changesData"]
        assert change["itemsRemoved"]
    assert len(found["orders"]["two sellers"]["ids"]) == 2 * found["orders"]["two sellers"]["count"]
