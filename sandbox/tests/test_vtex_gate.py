"""Keys, rights and rate limits."""

from email.utils import parsedate_to_datetime

import pytest

from sandbox.tests.vtex_api import CL, IDS, ORDERS, VtexCaller

ROUTES = [
    (CL, "View data entity details"),
    (f"{CL}/search", "Read only documents"),
    (f"{CL}/scroll", "Read only documents"),
    (IDS, "Product management"),
    ("/api/catalog/pvt/product/0", "Product and SKU Management"),
    ("/api/catalog_system/pvt/saleschannel/list", "View Product"),
    ("/api/pricing/prices/1000", "Read prices"),
    (ORDERS, "List Orders"),
]


@pytest.mark.parametrize("headers", [{}, {"X-VTEX-API-AppKey": "vtexappkey-sandboxshop-DEMO"},
                                     {"X-VTEX-API-AppKey": "a", "X-VTEX-API-AppToken": "b"}])  # fmt: skip
def test_wrong_keys__are_401_with_an_empty_body(vtex: VtexCaller, headers: dict[str, str]) -> None:
    for path, _ in ROUTES:
        answer = vtex.session.get(vtex.url + path, headers=headers, timeout=5)
        assert (answer.status_code, answer.content) == (401, b"")


@pytest.mark.parametrize(("path", "right"), ROUTES)
def test_a_missing_right__is_403_on_its_route_only(vtex: VtexCaller, path: str, right: str) -> None:
    others = [one for _, one in ROUTES if one != right]
    for name, rights in (("has", [right]), ("lacks", others)):
        vtex.control("POST", "keys", {"id": name, "secret": "s", "rights": rights})
    statuses = [
        vtex.get(path, {"X-VTEX-API-AppKey": name, "X-VTEX-API-AppToken": "s"}).status_code
        for name in ("has", "lacks")
    ]
    assert statuses == [200, 403]


def test_write_right__includes_reading_but_not_the_reverse(vtex: VtexCaller) -> None:
    vtex.control(
        "POST", "keys", {"id": "w", "secret": "s", "rights": ["Insert or update document (not remove)"]}
    )
    vtex.control("POST", "keys", {"id": "r", "secret": "s", "rights": ["Read only documents"]})
    writer, reader = ({"X-VTEX-API-AppKey": one, "X-VTEX-API-AppToken": "s"} for one in "wr")
    assert vtex.get(f"{CL}/search", writer).status_code == 200
    answer = vtex.call("PATCH", f"{CL}/documents", headers=reader, json={"email": "a@example.com"})
    assert (answer.status_code, answer.json()) == (403, {"Message": "Unauthorized"})


def test_rate_limit__bucket_empties_and_fills_with_the_clock(vtex: VtexCaller) -> None:
    vtex.knobs(rate_master_data=3)
    statuses = [vtex.get(f"{CL}/search").status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    assert vtex.get(ORDERS).status_code == 200
    vtex.advance(20)
    assert [vtex.get(f"{CL}/search").status_code for _ in range(2)] == [200, 429]


def test_rate_limit__sends_retry_after_as_the_knob_says(vtex: VtexCaller) -> None:
    vtex.knobs(rate_order_list=1)
    vtex.get(ORDERS)
    answer = vtex.get(ORDERS)
    assert answer.headers["Retry-After"] == "60"
    assert answer.json()["error"]["message"] == "Too many requests"
    vtex.knobs(retry_after="date")
    second = parsedate_to_datetime(vtex.get(ORDERS).headers["Retry-After"])
    assert second.isoformat() == "2026-11-23T12:01:00+00:00"
    vtex.knobs(retry_after="none")
    assert "Retry-After" not in vtex.get(ORDERS).headers


def test_rate_limit__can_have_a_shorter_minute_or_be_off(vtex: VtexCaller) -> None:
    vtex.knobs(rate_order_list=1, rate_window_seconds=1)
    assert [vtex.get(ORDERS).status_code for _ in range(2)] == [200, 429]
    vtex.advance(1)
    assert vtex.get(ORDERS).status_code == 200
    vtex.knobs(rate_order_list=0)
    assert {vtex.get(ORDERS).status_code for _ in range(4)} == {200}


def test_rate_limit__of_details_is_6000_a_minute(vtex: VtexCaller) -> None:
    assert vtex.control("GET", "knobs")["rate_order_detail"] == 6_000


def test_price__headers_count_down(vtex: VtexCaller) -> None:
    vtex.knobs(rate_pricing=2)
    left = [vtex.get("/api/pricing/prices/1000").headers["Ratelimit-Remaining"] for _ in range(3)]
    assert left == ["1", "0", "0"]
