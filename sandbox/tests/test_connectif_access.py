"""Access to the simulated Connectif: keys, scopes, rate limit, paths."""

from __future__ import annotations

import pytest
import requests

from sandbox.tests.connectif_api import CONTRACTS, KEY, NOON, ConnectifCaller, contract, start


@pytest.mark.parametrize(
    "header", ["", "sandbox-key-id:sandbox-key-secret", KEY.lower(), KEY + "x", "apiKey  " + KEY[7:]]
)
def test_key__any_other_header_is_refused(api: ConnectifCaller, header: str) -> None:
    answer = api.send("GET", "/store/", key=header)
    assert (answer.status_code, answer.text) == (401, "Unauthorized")
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_key__a_missing_scope_is_403_on_its_routes_only(api: ConnectifCaller) -> None:
    api.control("POST", "/keys", json={"id": "small", "secret": "s", "rights": ["contacts:read"]})
    answer = api.send("PATCH", "/contacts/email/ana@example.com", key="apiKey small:s", json={})
    assert answer.status_code == 403
    assert answer.json()["title"] == "Forbidden"
    assert api.send("GET", "/contacts/email/ana@example.com", key="apiKey small:s").status_code == 404
    assert api.upload("_email\n").status_code == 201


@pytest.mark.parametrize("path", ["/store", "/store/", "/imports", "/imports/", "/contact-fields"])
def test_paths__final_slash_is_optional(api: ConnectifCaller, path: str) -> None:
    assert api.send("GET", path).status_code == 200


def test_paths__unknown_paths_and_methods_have_the_vendors_error_form(api: ConnectifCaller) -> None:
    assert api.send("GET", "/segments/").json() == {
        "status": 404,
        "title": "Not Found",
        "detail": "Not Found",
    }
    assert api.send("PUT", "/store/").json()["status"] == 405


def limits(answer: requests.Response) -> tuple[int, int, int]:
    names = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
    limit, remaining, reset = (int(answer.headers[name]) for name in names)
    return limit, remaining, reset


def test_rate_limit__all_keys_share_a_window_and_every_answer_has_the_headers(api: ConnectifCaller) -> None:
    api.knobs(rate_limit=3)
    api.control("POST", "/keys", json={"id": "other", "secret": "s"})
    end = int(NOON.timestamp()) + 60
    assert limits(api.send("GET", "/store")) == (3, 2, end)
    assert limits(api.send("GET", "/nowhere", key="apiKey other:s")) == (3, 1, end)
    assert limits(api.send("GET", "/store", key="wrong")) == (3, 1, end)
    assert limits(api.send("PATCH", "/contacts/email/ana@example.com", json={"_x": 1})) == (3, 0, end)
    refused = api.send("GET", "/store", key="apiKey other:s")
    assert (refused.status_code, refused.content, limits(refused)) == (429, b"", (3, 0, end))
    assert "Retry-After" not in refused.headers


def test_rate_limit__a_new_window_starts_by_the_clock(api: ConnectifCaller) -> None:
    api.knobs(rate_limit=1, retry_after="seconds")
    api.control("POST", "/clock", json={"advance_seconds": 59})
    assert api.send("GET", "/store").status_code == 200
    assert api.send("GET", "/store").headers["Retry-After"] == "1"
    api.control("POST", "/clock", json={"advance_seconds": 1})
    assert limits(api.send("GET", "/store")) == (1, 0, int(NOON.timestamp()) + 120)


def test_rate_limit__sliding_window_frees_slots_one_by_one(api: ConnectifCaller) -> None:
    api.knobs(rate_limit=2, rate_window="sliding")
    api.send("GET", "/store")
    api.control("POST", "/clock", json={"advance_seconds": 40})
    api.send("GET", "/store")
    api.control("POST", "/clock", json={"advance_seconds": 15})
    assert api.send("GET", "/store").status_code == 429
    api.control("POST", "/clock", json={"advance_seconds": 6})
    assert limits(api.send("GET", "/store")) == (2, 0, int(NOON.timestamp()) + 100)
    assert api.send("GET", "/store").status_code == 429


def test_rate_limit__a_shorter_minute_ends_on_a_rounded_up_second() -> None:
    vendor, server, clock = start(window_seconds=0.25)
    with server:
        api = ConnectifCaller(vendor, server, clock)
        api.knobs(rate_limit=1)
        assert limits(api.send("GET", "/store")) == (1, 0, int(NOON.timestamp()) + 1)
        clock.advance(0.25)
        assert api.send("GET", "/store").status_code == 200
    vendor.close()


def test_rate_limit__other_traffic_uses_up_slots(api: ConnectifCaller) -> None:
    api.knobs(rate_limit=100)
    assert api.control("POST", "/traffic", json={"slots": 98})["X-RateLimit-Remaining"] == "2"
    api.control("POST", "/traffic", json={"slots": 98})
    assert api.send("GET", "/store").status_code == 429


def test_rate_limit__the_headers_stay_if_the_limit_is_off(api: ConnectifCaller) -> None:
    assert [limits(api.send("GET", "/store"))[:2] for _ in range(2)] == [(100, 100)] * 2


def test_faults__their_answers_have_the_headers_and_take_slots(api: ConnectifCaller) -> None:
    api.knobs(rate_limit=100)
    api.control("POST", "/faults", json={"script": [{"route": "get store", "status": 503}]})
    answer = api.send("GET", "/store", documented=False)
    assert (answer.status_code, limits(answer)[1]) == (503, 99)


def test_journal__names_every_route(api: ConnectifCaller) -> None:
    api.send("GET", "/store/")
    api.send("GET", "/contacts/ana@example.com")
    counts = api.control("GET", "/journal")["counts"]
    assert counts == {"get store": {"200": 1}, "get contact": {"404": 1}}


def test_contract__every_route_of_the_sandbox_is_in_the_document(api: ConnectifCaller) -> None:
    if not CONTRACTS:
        pytest.skip("VENDOR_CONTRACTS does not name the folder with the vendor's OpenAPI document")
    documented = {
        template.rstrip("/").replace("productId}", "id}").replace("purchaseId}", "id}")
        for template in contract()["paths"]
    }
    simulated = {route.path.rstrip("/") for route in api.vendor.routes}  # type: ignore[attr-defined]
    assert {path for path in simulated if not path.startswith("/files/")} <= documented
