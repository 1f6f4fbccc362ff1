"""VTEX's client against the simulated VTEX: common situations, and undocumented behaviour in both forms."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from include.errors import ConfigurationError, TemporaryError
from include.http.transport import AnswerLost, RequestRefused, Timeouts
from include.vtex.client import ScrollExpired, ScrollPage, ScrollSlotsTaken, VtexClient
from include.vtex.filters import any_of, between
from tests.builders import NOON, SimulatedShop, vtex_client, without_retries

ALL = "createdIn is not null"
FIELDS = ("id", "email", "createdIn")


def random_faults(shop: SimulatedShop, rate: float, *kinds: str) -> None:
    shop.on_vtex("POST", "faults", {"random": {"rate": rate, "seed": 3, "kinds": list(kinds)}})


def put(shop: SimulatedShop, document_id: str, **fields: Any) -> None:
    shop.on_vtex("PUT", f"documents/{document_id}", fields)


def count_orders(vtex: VtexClient) -> int:
    """Return the number of orders of the last day."""
    return vtex.list_orders("creationDate", NOON - timedelta(days=1), NOON, page=1).total


def scroll_all(vtex: VtexClient, where: str = ALL, *, size: int = 50) -> list[str]:
    page = vtex.open_scroll(where=where, fields=FIELDS, size=size)
    total, found = page.total, []
    while page.documents:
        found += [document["id"] for document in page.documents]
        page = vtex.continue_scroll(page.token)
    assert len(found) == total
    return found


# --- pages


def test_scroll__many_pages_and_one(vtex: VtexClient) -> None:
    everyone = scroll_all(vtex)
    assert len(set(everyone)) == len(everyone) > 150
    assert sorted(scroll_all(vtex, size=1_000)) == sorted(everyone)
    assert vtex.count_clients(ALL) == len(everyone)


def test_scroll__nothing_found(vtex: VtexClient) -> None:
    assert scroll_all(vtex, "email=unknown@example.com") == []


def test_search__nothing_found(vtex: VtexClient) -> None:
    assert vtex.search_clients(where="email=unknown@example.com", fields=FIELDS) == []
    assert vtex.count_clients("email=unknown@example.com") == 0


@pytest.mark.parametrize("knobs", [
    {"md_range_over_100": "reject"}, {"md_range_over_100": "honour"}, {"md_range_header": "equals"},
    {"md_between": "exclusive"},
])  # fmt: skip
def test_search__reads_all_pages_for_every_form_of_ranges(
    knobs: dict[str, Any], vtex: VtexClient, shop: SimulatedShop
) -> None:
    shop.on_vtex("POST", "knobs", knobs)
    found = vtex.search_clients(where=ALL, fields=FIELDS)
    assert len({document["id"] for document in found}) == len(found) == vtex.count_clients(ALL) > 150
    assert len(vtex.search_clients(where=ALL, fields=FIELDS, most=7)) == 7


def test_search__by_address_with_a_plus(vtex: VtexClient, shop: SimulatedShop) -> None:
    for number, email in enumerate(["Ana+News@example.com", "o'neil@example.com", "a&b=c@example.com"]):
        put(shop, f"test-{number}", email=email)
        found = vtex.search_clients(where=any_of("email", [email.lower(), "x@example.com"]), fields=FIELDS)
        assert [document["email"] for document in found] == [email]


def test_search__fifty_addresses_fit_in_one_call(vtex: VtexClient, shop: SimulatedShop) -> None:
    emails = [f"customer.with.quite.a.long.name.{number}@mail.example.com" for number in range(50)]
    for number in (0, 49):
        put(shop, f"test-{number}", email=emails[number])
    found = vtex.search_clients(where=any_of("email", emails), fields=FIELDS)
    assert sorted(document["email"] for document in found) == sorted([emails[0], emails[49]])


@pytest.mark.parametrize("bounds", ["inclusive", "exclusive"])
def test_filter__a_window_finds_its_documents(bounds: str, vtex: VtexClient, shop: SimulatedShop) -> None:
    shop.on_vtex("POST", "knobs", {"md_between": bounds})
    put(shop, "test-1", email="new@example.com", createdIn="2026-11-23T09:59:59.9990000Z", updatedIn=None)
    before, after = NOON - timedelta(hours=3), NOON - timedelta(hours=1)
    where = f"{between('createdIn', before, after)} OR {between('updatedIn', before, after)}"
    assert "test-1" in scroll_all(vtex, where)
    assert "test-1" not in scroll_all(vtex, between("updatedIn", before, after)), "updatedIn is null at first"


def test_products__pages_of_ids(vtex: VtexClient) -> None:
    first, total = vtex.product_ids(1, 40)
    second, _ = vtex.product_ids(41, 80)
    assert len(first) == 40
    assert len(first) + len(second) == total
    assert not first.keys() & second.keys()
    assert vtex.product_ids(total + 1, total + 250) == ({}, total)


def test_products__fifty_ids_in_one_call(vtex: VtexClient) -> None:
    ids, _ = vtex.product_ids(1, 50)
    found = {product["productId"] for product in vtex.search_products(sorted(ids))}
    assert len(found) > 30, "more than the ten of a call without positions"
    assert found <= ids.keys()


def test_products__unknown_ids(vtex: VtexClient) -> None:
    assert vtex.search_products(["99999999"]) == []
    assert vtex.base_price("99999999") is None


def test_orders__pages_and_an_empty_window(vtex: VtexClient, shop: SimulatedShop) -> None:
    start = NOON - timedelta(days=3)
    first = vtex.list_orders("creationDate", start, NOON, page=1)
    second = vtex.list_orders("creationDate", start, NOON, page=2)
    assert len(first.orders) == 100
    assert not {o["orderId"] for o in first.orders} & {o["orderId"] for o in second.orders}
    for pages in ("0", "1"):
        shop.on_vtex("POST", "knobs", {"oms_empty_pages": pages})
        empty = vtex.list_orders(
            "creationDate", start - timedelta(days=300), start - timedelta(days=299), page=1
        )
        assert (empty.orders, empty.total) == ([], 0)


def test_orders__the_end_of_a_window_is_exclusive(vtex: VtexClient, shop: SimulatedShop) -> None:
    shop.on_vtex("PUT", "orders/900-01", {"order_group": "900", "created": "2026-11-23T10:00:00.0000000"})
    edge = NOON - timedelta(hours=2)
    hour = timedelta(hours=1)

    def list_ids(start: Any, end: Any) -> set[str]:
        return {order["orderId"] for order in vtex.list_orders("creationDate", start, end, page=1).orders}

    assert "900-01" not in list_ids(edge - hour, edge)
    assert "900-01" in list_ids(edge, edge + hour)


def test_order__and_its_group(vtex: VtexClient, shop: SimulatedShop) -> None:
    for part in ("900-01", "900-02"):
        shop.on_vtex(
            "PUT", f"orders/{part}", {"order_group": "900", "created": "2026-11-23T10:00:00.0000000"}
        )
    assert vtex.order("900-02")["orderGroup"] == "900"
    assert [order["orderId"] for order in vtex.order_group("900")] == ["900-01", "900-02"]
    with pytest.raises(RequestRefused) as caught:
        vtex.order("no-such-01")
    assert caught.value.status == 404


# --- keys and rights


def test_401__wrong_token(shop: SimulatedShop) -> None:
    with pytest.raises(ConfigurationError, match=r"HTTP 401\..*check both in the connection"):
        vtex_client(shop, token="wrong").check()


@pytest.mark.parametrize(
    ("call", "right"),
    [
        (lambda vtex: vtex.check(), "Dynamic Storage / Read only documents"),
        (lambda vtex: vtex.open_scroll(where=ALL, fields=FIELDS), "Dynamic Storage / Read only documents"),
        (lambda vtex: vtex.patch_client("1", {}), "Dynamic Storage / Insert or update document"),
        (lambda vtex: vtex.product_ids(1, 2), "Catalog / Content / Product management"),
        (lambda vtex: vtex.base_price("1"), "Pricing / Price List / Read prices"),
        (count_orders, "OMS / OMS access / List Orders"),
        (lambda vtex: vtex.order("1-01"), "OMS / OMS access / View order"),
        (lambda vtex: vtex.order_group("1"), "OMS / OMS access / View order"),
    ],
)  # fmt: skip
def test_403__names_the_missing_right(call: Any, right: str, shop: SimulatedShop) -> None:
    shop.on_vtex("POST", "keys", {"id": "poor", "secret": "s", "rights": []})
    with pytest.raises(ConfigurationError, match="HTTP 403") as caught:
        call(vtex_client(shop, key="poor", token="s"))
    assert f"give it {right}" in str(caught.value)


def test_403__a_reading_key_is_enough_to_read(shop: SimulatedShop) -> None:
    rights = ["Read only documents", "Product management", "List Orders", "View order", "Read prices"]
    shop.on_vtex("POST", "keys", {"id": "reader", "secret": "s", "rights": rights})
    vtex = vtex_client(shop, key="reader", token="s")
    vtex.check()
    ids, _ = vtex.product_ids(1, 1)
    vtex.search_products(list(ids))
    vtex.list_orders("creationDate", NOON - timedelta(1), NOON, page=1)


# --- limits and errors


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_429__waits_as_long_as_retry_after_says(form: str, vtex: VtexClient, shop: SimulatedShop) -> None:
    shop.fault_at_vtex("md search", calls=2, status=429, retry_after_seconds=77, retry_after_form=form)
    began = shop.clock.now()
    vtex.check()
    assert timedelta(seconds=154) <= shop.clock.now() - began < timedelta(seconds=170)
    assert vtex.transport.counter.throttled == 2


@pytest.mark.parametrize("retry_after", ["seconds", "date", "none"])
def test_429__calls_succeed_under_a_real_limit(
    retry_after: str, vtex: VtexClient, shop: SimulatedShop
) -> None:
    shop.on_vtex("POST", "knobs", {"rate_master_data": 20, "retry_after": retry_after})
    for _ in range(30):
        vtex.check()


@pytest.mark.parametrize("kind", [
    {"status": 500}, {"status": 502, "body": "<html>Bad Gateway</html>"}, {"status": 503}, {"status": 504},
    {"status": 408}, {"kind": "reset_before"}, {"kind": "reset_after"},
])  # fmt: skip
def test_errors__then_success(kind: dict[str, Any], vtex: VtexClient, shop: SimulatedShop) -> None:
    shop.fault_at_vtex("product ids", calls=2, **kind)
    assert vtex.product_ids(1, 250)[1] > 50
    assert vtex.transport.counter.repeated == 2


def test_errors__that_last_are_a_temporary_error(vtex: VtexClient, shop: SimulatedShop) -> None:
    shop.fault_at_vtex("product ids", calls=6, status=503, body="<html>")
    with pytest.raises(TemporaryError, match="HTTP 503 from 127"):
        vtex.product_ids(1, 250)


def test_slow_answer__is_a_temporary_error(shop: SimulatedShop) -> None:
    shop.on_vtex("POST", "latency", {"seconds": 0.5, "routes": ["product ids"]})
    vtex = vtex_client(shop, timeouts=Timeouts(1, 0.1), retry=without_retries(shop))
    with pytest.raises(TemporaryError, match="ReadTimeout"):
        vtex.product_ids(1, 250)


# --- scrolls


def test_scroll__slots_are_full_then_free_again(vtex: VtexClient, shop: SimulatedShop) -> None:
    pages: list[ScrollPage] = [vtex.open_scroll(where=ALL, fields=FIELDS, size=10) for _ in range(10)]
    with pytest.raises(ScrollSlotsTaken):
        vtex.open_scroll(where=ALL, fields=FIELDS, size=10)
    assert vtex.continue_scroll(pages[0].token).documents
    shop.clock.advance(20 * 60 + 1)
    assert vtex.open_scroll(where=ALL, fields=FIELDS, size=10).documents


@pytest.mark.parametrize("freed", [True, False])
def test_scroll__a_finished_scroll_may_or_may_not_free_its_slot(
    freed: bool, vtex: VtexClient, shop: SimulatedShop
) -> None:
    shop.on_vtex("POST", "knobs", {"scroll_slot_freed_at_end": freed})
    for _ in range(10):
        scroll_all(vtex, "email=unknown@example.com")
    if freed:
        assert scroll_all(vtex)
    else:
        with pytest.raises(ScrollSlotsTaken):
            scroll_all(vtex)


def test_scroll__an_expired_token(vtex: VtexClient, shop: SimulatedShop) -> None:
    page = vtex.open_scroll(where=ALL, fields=FIELDS, size=10)
    shop.clock.advance(20 * 60 + 1)
    with pytest.raises(ScrollExpired):
        vtex.continue_scroll(page.token)


def test_scroll__a_continuation_is_not_repeated_after_a_lost_answer(
    vtex: VtexClient, shop: SimulatedShop
) -> None:
    page = vtex.open_scroll(where=ALL, fields=FIELDS, size=10)
    shop.fault_at_vtex("md scroll", kind="reset_after")
    with pytest.raises(AnswerLost):
        vtex.continue_scroll(page.token)
    assert shop.counts()["md scroll"] == {"200": 1, "reset": 1}


# --- writes


@pytest.mark.parametrize("status", ["200", "204"])
def test_patch__changed_unchanged_and_lost(status: str, vtex: VtexClient, shop: SimulatedShop) -> None:
    shop.on_vtex("POST", "knobs", {"md_patch_status": status})
    put(shop, "test-1", email="ana@example.com", isNewsletterOptIn=None)
    for wanted in (True, True, False):
        vtex.patch_client("test-1", {"isNewsletterOptIn": wanted})
    shop.fault_at_vtex("md patch", kind="reset_after")
    vtex.patch_client("test-1", {"isNewsletterOptIn": True})
    assert shop.on_vtex("GET", "documents/test-1")["isNewsletterOptIn"] is True
    assert shop.counts()["md patch"] == {status: 2, "304": 2, "reset": 1}


def test_patch__an_unknown_id(vtex: VtexClient, shop: SimulatedShop) -> None:
    with pytest.raises(RequestRefused) as caught:
        vtex.patch_client("no-such-id", {"isNewsletterOptIn": True})
    assert caught.value.status == 404


def test_random_faults__reads_succeed(vtex: VtexClient, shop: SimulatedShop) -> None:
    random_faults(
        shop, 0.2, "408", "429", "429_date", "500", "502", "503", "504", "reset_before", "reset_after"
    )
    for first in range(1, 60):
        assert len(vtex.product_ids(first, first)[0]) == 1
    assert vtex.transport.counter.repeated > 0
