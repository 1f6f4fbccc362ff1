"""The order list: halved windows, incomplete lists, and one second with too many orders."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.errors import TemporaryError
from include.purchases import order_selection
from include.purchases.order_selection import TooManyOrdersAtOnce, list_window
from include.vtex.client import OrderPage, VtexClient
from include.window import Window

START = datetime(2026, 11, 22, 3, tzinfo=UTC)
DAY = Window(START, START + timedelta(days=1))


@dataclass
class FakeVtex:
    """A list of orders by instant that shows at most 30 pages, as VTEX does."""

    instants: list[datetime]
    calls: int = 0
    hidden_readings: int = 0
    arriving: list[datetime] = field(default_factory=list)

    def list_orders(self, date_field: str, start: datetime, end: datetime, *, page: int) -> OrderPage:
        assert date_field == "creationDate"
        assert 1 <= page <= 30, "VTEX refuses page 31"
        self.calls += 1
        if page == 1:
            self.instants += self.arriving
            self.arriving = []
        found = sorted((at, n) for n, at in enumerate(self.instants) if start <= at < end)
        shown = found[(page - 1) * 100 : page * 100]
        if self.hidden_readings and page == -(-len(found) // 100):
            self.hidden_readings -= 1
            shown = shown[:-1]
        return OrderPage([entry(at, number) for at, number in shown], len(found))


def entry(at: datetime, number: int) -> dict[str, Any]:
    return {"orderId": f"{number}-01", "creationDate": at.isoformat()}


def read(vtex: FakeVtex, window: Window = DAY) -> list[str]:
    return [order["orderId"] for order in list_window(cast("VtexClient", vtex), "creationDate", window)]


def spread(count: int, over: timedelta = timedelta(days=1)) -> list[datetime]:
    return [START + over * number / max(count, 1) for number in range(count)]


@pytest.mark.parametrize(("count", "calls"), [(0, 1), (1, 1), (100, 1), (101, 2), (3_000, 30)])
def test_listing__reads_a_small_window_page_by_page(count: int, calls: int) -> None:
    vtex = FakeVtex(spread(count))
    assert read(vtex) == [f"{number}-01" for number in range(count)]
    assert vtex.calls == calls


def test_listing__halves_a_window_with_one_order_too_many() -> None:
    vtex = FakeVtex(spread(3_001))
    assert read(vtex) == [f"{number}-01" for number in range(3_001)]
    assert vtex.calls == 1 + 16 + 15


def test_listing__halves_a_busy_window_down_to_the_second() -> None:
    rush = [START + timedelta(hours=7, milliseconds=number / 2) for number in range(5_000)]
    vtex = FakeVtex(rush + spread(50))
    assert len(set(read(vtex))) == 5_050
    assert vtex.calls < 150


def test_listing__shows_three_thousand_orders_in_one_second() -> None:
    assert len(read(FakeVtex([START + timedelta(hours=7)] * 3_000))) == 3_000


def test_listing__stops_at_three_thousand_and_one_orders_in_one_second() -> None:
    vtex = FakeVtex([START + timedelta(hours=7)] * 3_001)
    with pytest.raises(TooManyOrdersAtOnce, match="3,001 orders within one second"):
        read(vtex)


@settings(max_examples=40, deadline=None)
@given(
    bursts=st.lists(st.tuples(st.integers(0, 86_399_999), st.integers(1, 900)), max_size=14),
    length=st.integers(1, 86_400_000),
)
def test_listing__yields_every_order_of_the_window_once(bursts: list[tuple[int, int]], length: int) -> None:
    instants = [START + timedelta(milliseconds=at) for at, count in bursts for _ in range(count)]
    window = Window(START, START + timedelta(milliseconds=length))
    expected = sorted(f"{number}-01" for number, at in enumerate(instants) if at in window)
    try:
        assert sorted(read(FakeVtex(instants), window)) == expected
    except TooManyOrdersAtOnce:
        assert len(expected) > 3_000


def test_listing__repeats_an_incomplete_list() -> None:
    vtex = FakeVtex(spread(250), hidden_readings=2)
    assert len(read(vtex)) == 250
    assert vtex.calls == 9


def test_listing__leaves_a_list_that_stays_incomplete_to_a_retry() -> None:
    with pytest.raises(TemporaryError, match=r"VTEX listed 249 of 250 orders of .*, in 3 attempts"):
        read(FakeVtex(spread(250), hidden_readings=99))


def test_listing__accepts_orders_that_arrive_meanwhile() -> None:
    vtex = FakeVtex(spread(150), hidden_readings=1, arriving=[])
    vtex.arriving = [DAY.end - timedelta(minutes=1)] * 60
    assert len(set(read(vtex))) == 210


def test_listing__does_not_halve_a_second() -> None:
    assert timedelta(seconds=1) == order_selection._SHORTEST
