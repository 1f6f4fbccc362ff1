"""The list of product ids is complete, or the run stops, also if products move during the reading."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.errors import ContractError, TemporaryError
from include.products.listing import complete_list
from include.vtex import limits

PAGE = 10


class MovingShop:
    """Answers with positions of a list. `meanwhile` may change the list after each call."""

    def __init__(self, count: int, meanwhile: Callable[[MovingShop], Any] = lambda _: None) -> None:
        self.ids = [str(number) for number in range(count)]
        self.meanwhile = meanwhile
        self.asked: list[tuple[int, int]] = []
        self.lock = threading.Lock()

    def product_ids(self, first: int, last: int) -> tuple[dict[str, list[int]], int]:
        with self.lock:
            self.asked.append((first, last))
            page = self.ids[first - 1 : last][:PAGE]
            answer = {key: [int(key)] for key in page}, len(self.ids)
            self.meanwhile(self)
        return answer


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PRODUCT_IDS_PAGE", PAGE)


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 19, 20, 100])
def test_list__uses_pages_of_the_size_that_vtex_allows(count: int) -> None:
    shop = MovingShop(count)
    assert complete_list(shop) == {key: [int(key)] for key in shop.ids}  # type: ignore[arg-type]
    assert all(last - first == PAGE - 1 and first >= 1 for first, last in shop.asked)
    assert len(shop.asked) <= max(1, -(-count // (PAGE - 1)))


def test_list__of_fifty_thousand_products_takes_about_two_hundred_calls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "PRODUCT_IDS_PAGE", 250)
    monkeypatch.setattr("tests.unit.products.test_product_list.PAGE", 250)
    shop = MovingShop(50_000)
    complete_list(shop)  # type: ignore[arg-type]
    assert len(shop.asked) == 201


def test_list__that_stays_incomplete_stops_the_run() -> None:
    class Short(MovingShop):
        def product_ids(self, first: int, last: int) -> tuple[dict[str, list[int]], int]:
            products, total = super().product_ids(first, last)
            return products, total + 3

    with pytest.raises(TemporaryError, match=r"got 25 of 28 products.* 3 times\. Nothing was sent"):
        complete_list(Short(25))  # type: ignore[arg-type]


def test_list__with_an_incomplete_page_is_repeated() -> None:
    shop = MovingShop(35)
    product_ids = shop.product_ids

    def incomplete_once(first: int, last: int) -> tuple[dict[str, list[int]], int]:
        products, total = product_ids(first, last)
        return (dict(list(products.items())[:4]) if len(shop.asked) == 2 else products), total

    shop.product_ids = incomplete_once  # type: ignore[method-assign]
    assert set(complete_list(shop)) == set(shop.ids)  # type: ignore[arg-type]


def test_list__is_complete_if_products_are_added_before_each_page() -> None:
    arriving = iter(range(1_000, 2_000))
    shop = MovingShop(95, lambda shop: shop.ids.insert(0, str(next(arriving))))
    assert set(complete_list(shop)) >= {str(number) for number in range(95)}  # type: ignore[arg-type]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 80), st.lists(st.tuples(st.sampled_from("+-"), st.integers(0, 80)), max_size=12))
def test_list__has_all_products_that_existed_all_the_time(count: int, changes: list[tuple[str, int]]) -> None:
    """Products are added and removed anywhere. Those that stay are on the list, or the run stops."""
    pending = list(changes)

    def meanwhile(shop: MovingShop) -> None:
        if not pending:
            return
        kind, place = pending.pop()
        if kind == "+":
            shop.ids.insert(min(place, len(shop.ids)), str(1_000 + len(pending)))
        elif shop.ids:
            shop.ids.pop(place % len(shop.ids))

    shop = MovingShop(count, meanwhile)
    before = set(shop.ids)
    try:
        listed = complete_list(shop)  # type: ignore[arg-type]
    except TemporaryError:
        return
    assert before & set(shop.ids) <= set(listed)


class EndlessShop:
    """Announces endless products; `page` gives those at a position."""

    def __init__(self, page: Callable[[int], dict[str, list[int]]]) -> None:
        self.page = page
        self.calls = 0

    def product_ids(self, first: int, last: int) -> tuple[dict[str, list[int]], int]:
        self.calls += 1
        return self.page(first), 10**15


@pytest.mark.parametrize("page", [lambda _first: {}, lambda _first: {"1": [1]}], ids=["empty", "the same"])
def test_list__without_progress_is_not_read_to_its_announced_end(
    page: Callable[[int], dict[str, list[int]]],
) -> None:
    shop = EndlessShop(page)
    with pytest.raises(TemporaryError, match=r"got (0|1) of"):
        complete_list(shop)  # type: ignore[arg-type]
    assert shop.calls < 100


def test_list__without_an_end_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.products.listing._MOST_PRODUCTS", 500)
    shop = EndlessShop(lambda first: {str(first + number): [1] for number in range(PAGE)})
    with pytest.raises(ContractError, match="announces 1,000,000,000,000,000 products, and the list"):
        complete_list(shop)  # type: ignore[arg-type]
