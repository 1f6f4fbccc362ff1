"""Catalogue search: 50 new ids per call, a second request for missing products, resume, few calls."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from include.errors import ContractError, TemporaryError
from include.products.mapping import ProductRules
from include.products.search import PART, CatalogueSearch, products_in, records_without_offer
from include.staging import Staging
from include.vtex.client import VtexClient

RULES = ProductRules(shop_domain="www.sandbox-shop.example")
HIDES_NONE: Callable[[str, int], bool] = lambda _key, _times: False  # noqa: E731 - a rule like the ones below


class FakeSearch:
    """Shows products, except those for which `hides(id, number of requests)` is true."""

    def __init__(
        self, hides: Callable[[str, int], bool] = HIDES_NONE, fails_after: int | None = None
    ) -> None:
        self.hides, self.fails_after = hides, fails_after
        self.pages: list[list[str]] = []
        self.asked: Counter[str] = Counter()
        self.lock = threading.Lock()

    def search_products(self, ids: list[str]) -> list[dict[str, Any]]:
        with self.lock:
            if self.fails_after is not None and len(self.pages) >= self.fails_after:
                raise TemporaryError("VTEX is unreachable")
            self.pages.append(ids)
            self.asked.update(ids)
            shown = [key for key in ids if not self.hides(key, self.asked[key])]
        return [{"productId": key, "items": [{"itemId": f"{key}0"}]} for key in shown[:50]]


@pytest.fixture
def folder(tmp_path: Path) -> Staging:
    return Staging(tmp_path)


def read(vtex: FakeSearch, folder: Staging, ids: list[str]) -> set[str]:
    search = CatalogueSearch(cast(VtexClient, vtex), folder, ids, RULES)
    search.read()
    staged = Counter(p["productId"] for name in folder.names(PART) for p in products_in(folder, name))
    assert set(staged) == search.shown
    assert set(staged.values()) <= {1}, "no product is staged twice"
    return search.shown


def numbers(count: int) -> list[str]:
    return [str(number) for number in range(count)]


def test_search__requests_each_product_once_if_all_are_shown(folder: Staging) -> None:
    vtex = FakeSearch()
    assert read(vtex, folder, numbers(2_345)) == set(numbers(2_345))
    assert max(vtex.asked.values()) == 1
    assert sorted((len(page) for page in vtex.pages), reverse=True) == [50] * 46 + [45]


def test_search__a_product_that_an_answer_omits_is_requested_again(folder: Staging) -> None:
    dice = random.Random(3)  # noqa: S311 - a simulation
    omitted = {key for key in numbers(3_000) if dice.random() < 0.2}
    vtex = FakeSearch(lambda key, times: key in omitted and times == 1)
    assert read(vtex, folder, numbers(3_000)) == set(numbers(3_000))
    assert min(vtex.asked[key] for key in omitted) == 2


@pytest.mark.parametrize("share", [0.0, 0.125, 0.5, 1.0])
def test_search__a_hidden_product_is_requested_at_most_twice(share: float, folder: Staging) -> None:
    dice = random.Random(4)  # noqa: S311 - a simulation
    hidden = {key for key in numbers(1_500) if dice.random() < share}
    vtex = FakeSearch(lambda key, _: key in hidden)
    assert read(vtex, folder, numbers(1_500)) == set(numbers(1_500)) - hidden
    assert {vtex.asked[key] for key in hidden} <= {2}
    assert {vtex.asked[key] for key in set(numbers(1_500)) - hidden} <= {1}
    assert max(map(len, vtex.pages)) <= 75


def test_search__second_requests_take_few_calls(folder: Staging) -> None:
    """One product in eight is hidden, as in the sandbox's shop."""
    vtex = FakeSearch(lambda key, _: int(key) % 8 == 3)
    read(vtex, folder, numbers(10_000))
    assert len(vtex.pages) <= 200 + 6


def test_search__a_full_answer_does_not_count_as_a_miss(folder: Staging) -> None:
    """Some answers have 50 products for 75 ids. The others may be shown or hidden."""
    vtex = FakeSearch(lambda key, times: int(key) % 100 < 50 and times == 1)
    assert read(vtex, folder, numbers(4_000)) == set(numbers(4_000))


def test_search__a_retry_continues_where_the_last_attempt_ended(folder: Staging) -> None:
    hides: Callable[[str, int], bool] = lambda key, _: int(key) % 10 == 0  # noqa: E731
    first = FakeSearch(hides, fails_after=90)
    with pytest.raises(TemporaryError):
        read(first, folder, numbers(6_000))
    second = FakeSearch(hides)
    assert len(read(second, folder, numbers(6_000))) == 5_400
    assert sum(map(len, second.pages)) < 6_000 - 50 * 60 + 1_000, "staged products are not requested again"
    assert max(first.asked.values()) <= 2
    assert max(second.asked.values()) <= 2, "what the first attempt did not stage counts as not requested"
    third = FakeSearch(hides)
    assert len(read(third, folder, numbers(6_000))) == 5_400
    assert third.pages == [], "all products are read"


def test_search__stages_records_without_an_offer(folder: Staging) -> None:
    read(FakeSearch(), folder, numbers(3))
    assert sorted(records_without_offer(folder)) == [("0", ["00"]), ("1", ["10"]), ("2", ["20"])]


def test_search__a_product_without_an_id_stops_the_run(folder: Staging) -> None:
    class Nameless(FakeSearch):
        def search_products(self, ids: list[str]) -> list[dict[str, Any]]:
            return [{"productName": "Shoe"}]

    with pytest.raises(ContractError, match="productId"):
        read(Nameless(), folder, ["1"])
