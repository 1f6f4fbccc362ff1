"""Extraction with faults of VTEX: the staged records are complete, and each is read once."""

from __future__ import annotations

from collections import Counter
from typing import Any
from urllib.parse import parse_qs

import pytest

from include import contacts, products
from include.errors import TemporaryError
from include.http.transport import TooSlow
from include.outcomes import PipelineName
from include.pipeline.run import SyncRun, run_stage
from include.products.prices import base_prices_in
from include.staging import Staging
from include.vtex import limits
from tests.builders import EVERYTHING, NOON, SimulatedShop, SyncRunner, window_ending


def staged_customers(run: SyncRun) -> set[str]:
    folder = run_stage(run, "extract", contacts.extract)
    return {
        key for name in folder.names("part-") for key in folder.read_table(name, ["id"])["id"].to_pylist()
    }


def all_customers(shop: SimulatedShop) -> set[str]:
    return {row["id"] for row in shop.vtex.database.rows("SELECT id FROM client")}


def calls(shop: SimulatedShop, route: str) -> int:
    return sum(shop.counts().get(route, {}).values())


# --- customers


@pytest.mark.parametrize(
    "created", [None, "0001-01-01", "1969-07-01", "1970-01-01", "2027-07-01", "9999-12-31"]
)
def test_customers__are_complete_with_documents_without_a_valid_date(
    created: str | None, runner: SyncRunner, shop: SimulatedShop
) -> None:
    created_in = created and f"{created}T00:00:00.0000000Z"
    shop.on_vtex("PUT", "documents/undated", {"email": "undated@example.com", "createdIn": created_in})
    assert staged_customers(runner.run(PipelineName.CONTACTS, EVERYTHING, "run")) == all_customers(shop)


@pytest.mark.parametrize("between", ["inclusive", "exclusive"])
@pytest.mark.parametrize("total_at_most", [0, 100])
def test_customers__in_several_slices_are_complete(
    between: str, total_at_most: int, runner: SyncRunner, shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.contacts.slices._CUT_ABOVE", 50)
    shop.on_vtex("POST", "knobs", {"md_between": between, "md_total_at_most": total_at_most})
    for number in range(23):  # some are exactly on the edge of a window
        created = f"2026-11-{number + 1:02}T00:00:00.0000000Z"
        shop.on_vtex("PUT", f"documents/edge-{number}", {"createdIn": created})
    assert staged_customers(runner.run(PipelineName.CONTACTS, EVERYTHING, "run")) == all_customers(shop)


def test_customers__use_at_most_four_scrolls_at_once(
    runner: SyncRunner, shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.contacts.slices._CUT_ABOVE", 50)
    staged_customers(runner.run(PipelineName.CONTACTS, EVERYTHING, "run"))
    scrolls = shop.on_vtex("GET", "journal?route=md+scroll&limit=500")["calls"]
    opened = [call for call in scrolls if "_token" not in call["query"]]
    assert len(opened) <= limits.SCROLLS_AT_ONCE + 1, (
        "each opened scroll holds one of the account's ten slots"
    )


def test_customers__smaller_pages_after_two_408(runner: SyncRunner, shop: SimulatedShop) -> None:
    shop.on_vtex("POST", "knobs", {"scroll_408_share": 1.0, "scroll_large_entity": 10})
    assert staged_customers(runner.run(PipelineName.CONTACTS, EVERYTHING, "run")) == all_customers(shop)
    assert shop.counts()["md scroll"]["408"] == 2, "smaller pages help, a repeated call does not"


def test_customers__one_408_does_not_make_pages_smaller(runner: SyncRunner, shop: SimulatedShop) -> None:
    shop.fault_at_vtex("md scroll", status=408)
    assert staged_customers(runner.run(PipelineName.CONTACTS, EVERYTHING, "run")) == all_customers(shop)
    assert "250" not in sizes(shop)


def test_customers__two_408_in_the_middle_repeat_the_slice_with_small_pages(
    runner: SyncRunner, shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.vtex.limits.SCROLL_PAGE", 50)
    monkeypatch.setattr("include.vtex.limits.SCROLL_PAGE_AFTER_TIMEOUT", 20)
    runner.change("vtex", master_data_parallel=1)
    shop.fault_at_vtex("md scroll", skip=2, calls=2, status=408)
    assert staged_customers(runner.run(PipelineName.CONTACTS, EVERYTHING, "run")) == all_customers(shop)
    assert sizes(shop) == ["50", "20", "20"], "the undated slice does not try large pages again"


def test_customers__small_pages_are_retried_to_the_last_attempt(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    runner.change("vtex", master_data_parallel=1)
    shop.fault_at_vtex("md scroll", calls=7, status=408)
    assert staged_customers(runner.run(PipelineName.CONTACTS, EVERYTHING, "run")) == all_customers(shop)
    shop.fault_at_vtex("md scroll", calls=8, status=408)
    with pytest.raises(TooSlow, match=r"HTTP 408 .* 6 times in a row"):
        staged_customers(runner.run(PipelineName.CONTACTS, EVERYTHING, "later"))


def sizes(shop: SimulatedShop) -> list[str]:
    """`_size` of each scroll that began, in order."""
    scrolls = shop.on_vtex("GET", "journal?route=md+scroll&limit=500")["calls"]
    asked = [parse_qs(call["query"]) for call in scrolls if call["status"] == 200]
    return [query["_size"][0] for query in asked if "_size" in query]


@pytest.mark.parametrize("trouble", [
    {"kind": "reset_after"}, {"kind": "reset_before"}, {"status": 504, "after_effect": True}, {"status": 429},
])  # fmt: skip
def test_customers__a_slice_with_a_lost_page_is_repeated(
    trouble: dict[str, Any], runner: SyncRunner, shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.vtex.limits.SCROLL_PAGE", 50)
    shop.fault_at_vtex("md scroll", skip=3, **trouble)
    assert staged_customers(runner.run(PipelineName.CONTACTS, EVERYTHING, "run")) == all_customers(shop)


def test_customers__wait_until_a_scroll_slot_is_free(runner: SyncRunner, shop: SimulatedShop) -> None:
    for _ in range(10):
        runner.vtex.open_scroll(where="createdIn is not null", fields=("id",), size=10)
    began = shop.clock.now()
    assert staged_customers(runner.run(PipelineName.CONTACTS, EVERYTHING, "run")) == all_customers(shop)
    assert 19 <= (shop.clock.now() - began).total_seconds() / 60 <= 26


def test_customers__a_retry_reads_only_what_is_missing(
    runner: SyncRunner, shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.contacts.slices._CUT_ABOVE", 50)
    runner.change("vtex", master_data_parallel=3)
    run = runner.run(PipelineName.CONTACTS, EVERYTHING, "run")
    shop.fault_at_vtex("md scroll", skip=7, calls=60, status=503)
    with pytest.raises(TemporaryError):
        run_stage(run, "extract", contacts.extract)
    shop.on_vtex("DELETE", "faults")
    finished = len(run.staging.within("extract").names("slice-"))
    assert finished > 0
    shop.on_vtex("DELETE", "journal")
    shop.clock.advance(1_300)
    for number in range(20):  # the shop changes; the cuts must stay
        shop.on_vtex("PUT", f"documents/late-{number}", {"createdIn": "2019-01-01T00:00:00.0000000Z"})
    before = all_customers(shop) - {f"late-{number}" for number in range(20)}
    assert staged_customers(run) >= before
    assert calls(shop, "md search") == 0, "the retry cuts no new slices"


# --- products


def staged_products(run: SyncRun) -> Staging:
    return run_stage(run, "extract", products.extract)


def test_products__that_an_answer_omits_once_are_requested_again(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    complete = staged_products(runner.run(PipelineName.PRODUCTS, EVERYTHING, "all"))
    shop.vtex.knobs.search_omission_share = 0.05
    incomplete = staged_products(runner.run(PipelineName.PRODUCTS, EVERYTHING, "some"))

    def ids_in(folder: Staging) -> set[str]:
        tables = (folder.read_table(name, ["productId"]) for name in folder.names("part-"))
        return {key for table in tables for key in table["productId"].to_pylist()}

    assert len(ids_in(complete) - ids_in(incomplete)) <= 1


def test_products__a_retry_reads_no_part_twice(runner: SyncRunner, shop: SimulatedShop) -> None:
    run = runner.run(PipelineName.PRODUCTS, EVERYTHING, "run")
    staged_products(run)
    shop.on_vtex("DELETE", "journal")
    staged_products(run)
    assert shop.on_vtex("GET", "journal")["total"] == 0


def test_products__a_retry_does_not_request_prices_again(
    runner: SyncRunner, shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = base_prices_in(staged_products(runner.run(PipelineName.PRODUCTS, EVERYTHING, "at once")))
    assert len(expected) > 3
    monkeypatch.setattr("include.products.prices._PRODUCTS_A_FILE", 1)
    monkeypatch.setattr("include.products.prices._WORKERS", 1)
    shop.on_vtex("DELETE", "journal")
    run = runner.run(PipelineName.PRODUCTS, EVERYTHING, "run")
    shop.fault_at_vtex("price", skip=5, calls=6, status=503)
    with pytest.raises(TemporaryError):
        staged_products(run)
    before = len(run.staging.within("extract").names("base-prices-"))
    assert before > 1
    folder = staged_products(run)
    assert base_prices_in(folder) == expected
    prices = shop.on_vtex("GET", "journal?route=price&limit=500")["calls"]
    asked = Counter(call["path"].rsplit("/", 1)[1] for call in prices if call["status"] != 503)
    of_products = {int(sku) // 10 for sku, times in asked.items() if times > 1}
    assert len(of_products) <= 2, "the product that failed, and one in progress"


# --- orders


@pytest.mark.parametrize("empty_pages", ["0", "1"])
def test_orders__of_an_empty_window_are_none(
    empty_pages: str, runner: SyncRunner, shop: SimulatedShop
) -> None:
    shop.on_vtex("POST", "knobs", {"oms_empty_pages": empty_pages})
    report = runner.sync(PipelineName.PURCHASES, window_ending(NOON.replace(year=2025)), "run")
    assert (report.counts.read, report.counts.written, report.missing) == (0, 0, 0)


def test_orders__that_arrive_between_two_pages_are_not_lost(runner: SyncRunner, shop: SimulatedShop) -> None:
    shop.on_vtex("POST", "knobs", {"oms_arrivals_per_page": 3})
    report = runner.sync(PipelineName.PURCHASES, window_ending(hours=90), "run")
    assert report.missing == 0
    assert report.counts.written > 0


def test_orders__with_a_low_rate_limit_are_complete(runner: SyncRunner, shop: SimulatedShop) -> None:
    shop.on_vtex("POST", "knobs", {"rate_order_detail": 20, "rate_order_list": 5, "retry_after": "none"})
    report = runner.sync_with_retries(PipelineName.PURCHASES, window_ending(hours=30), "run")
    assert report.missing == 0
    assert report.counts.written > 0
    assert report.counts.calls["vtex"].throttled > 0
