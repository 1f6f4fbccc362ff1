"""A process ends between Connectif's answer and our record: the retry still finds who sent the purchase."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib import import_module

import pytest

from include.connectif.client import ConnectifClient, FoundPurchase, PostResult
from include.outcomes import Drop, Outcome, PipelineName, Reason
from include.purchases.posting import Body
from include.report import Report
from tests.builders import Killed, SimulatedShop, SyncRunner
from tests.orders import (
    LINE,
    MORNING,
    calls,
    day_of,
    purchases,
    put_buyer,
    put_order,
    put_product,
    put_purchase,
    without_baskets,
)

PURCHASES = PipelineName.PURCHASES
DAY = day_of(MORNING, hours=1)


@pytest.fixture(autouse=True)
def one_order(shop: SimulatedShop) -> None:
    without_baskets(shop)
    put_buyer(shop)
    put_product(shop)
    put_order(shop, "1-01", MORNING)


@contextmanager
def killed_after_the_post(*, arrives: bool = True) -> Iterator[None]:
    """End the process after Connectif has answered a post, or before the post is sent."""
    post = ConnectifClient.post_purchase

    def ends(client: ConnectifClient, body: Body, *, fire_workflows: bool) -> PostResult:
        if arrives:
            post(client, body, fire_workflows=fire_workflows)
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ConnectifClient, "post_purchase", ends)
        yield


def interrupted(runner: SyncRunner, key: str = "run", *, arrives: bool = True) -> None:
    with killed_after_the_post(arrives=arrives), pytest.raises(Killed):
        runner.sync(PURCHASES, DAY, key)
    runner.restart()


def outcomes(report: Report) -> dict[Outcome, int]:
    return dict(report.counts.outcomes)


def tracking(report: Report) -> tuple[int, int]:
    """The numbers of purchases from the tag and from the sync."""
    (day,) = report.counts.tracking.values()
    return day.tracked, day.added


def test_interrupted__a_purchase_that_arrived_counts_as_sent_after_one_look_up(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    interrupted(runner)
    assert [one.purchase_id for one in runner.state.post_marks.marks()] == ["1"]
    report = runner.sync(PURCHASES, DAY, "run")
    assert (outcomes(report), report.counts.written, tracking(report)) == ({Outcome.SENT: 1}, 1, (0, 1))
    assert (calls(shop, "get purchase by purchase id"), calls(shop, "create purchase")) == (1, 1)
    assert runner.state.post_marks.marks() == []


def test_interrupted__a_purchase_that_did_not_arrive_is_posted_again(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    interrupted(runner, arrives=False)
    report = runner.sync(PURCHASES, DAY, "run")
    assert (outcomes(report), tracking(report)) == ({Outcome.SENT: 1}, (0, 1))
    assert calls(shop, "create purchase") == 1
    assert set(purchases(shop)) == {"1"}


def test_interrupted__a_cleared_run_records_the_purchase_for_the_run_before(runner: SyncRunner) -> None:
    interrupted(runner, "first")
    report = runner.sync(PURCHASES, DAY, "cleared")
    assert (outcomes(report), tracking(report)) == ({Outcome.ALREADY_THERE: 1}, (0, 1))
    assert runner.state.purchases.recorded(["1"])["1"].outcome is Outcome.SENT
    assert runner.state.post_marks.marks() == []


@pytest.mark.parametrize("age", [timedelta(hours=1), timedelta(minutes=6)])
def test_interrupted__a_purchase_from_the_tag_does_not_count_as_sent(
    age: timedelta, runner: SyncRunner, shop: SimulatedShop
) -> None:
    """Without an export no look-up came before the mark, so the 409 is the first sign of the purchase."""
    now = shop.clock.now()
    shop.clock.set(now - age)
    put_purchase(shop, "1")
    shop.clock.set(now)
    shop.fault_at_connectif("create export", calls=100, status=403)
    interrupted(runner)
    report = runner.sync(PURCHASES, DAY, "run")
    assert (report.counts.reasons, tracking(report)) == ({Reason.ALREADY_TRACKED: 1}, (1, 0))


def test_interrupted__a_purchase_from_the_tag_after_the_mark_counts_as_sent(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    """Decision 0032: Connectif does not say who created a purchase."""
    interrupted(runner, arrives=False)
    put_purchase(shop, "1")
    report = runner.sync(PURCHASES, DAY, "run")
    assert outcomes(report) == {Outcome.SENT: 1}


def test_interrupted__a_post_that_arrives_after_the_look_up_counts_as_sent(
    runner: SyncRunner, shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request of the killed process was on its way: Connectif has the purchase only after the look-up."""
    interrupted(runner, arrives=False)
    look_up = ConnectifClient.find_purchase

    def then_it_arrives(client: ConnectifClient, purchase_id: str) -> FoundPurchase | None:
        found = look_up(client, purchase_id)
        put_purchase(shop, purchase_id)
        return found

    monkeypatch.setattr(ConnectifClient, "find_purchase", then_it_arrives)
    report = runner.sync(PURCHASES, DAY, "run")
    assert (outcomes(report), tracking(report)) == ({Outcome.SENT: 1}, (0, 1))
    assert shop.counts()["create purchase"]["409"] == 1


def test_interrupted__without_the_permission_to_look_up_the_second_post_decides(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    interrupted(runner)
    shop.fault_at_connectif("get purchase by purchase id", calls=100, status=403)
    report = runner.sync(PURCHASES, DAY, "run")
    assert (outcomes(report), tracking(report)) == ({Outcome.SENT: 1}, (0, 1))
    assert shop.counts()["create purchase"]["409"] == 1


def test_interrupted__without_export_and_look_up_nothing_counts_as_sent(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    put_purchase(shop, "1")
    for route in ("create export", "get purchase by purchase id"):
        shop.fault_at_connectif(route, calls=100, status=403)
    interrupted(runner)
    report = runner.sync(PURCHASES, DAY, "run")
    assert (report.counts.reasons, tracking(report)) == ({Reason.ALREADY_TRACKED: 1}, (1, 0))


def test_interrupted__a_purchase_without_a_line_is_counted_as_such(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    priceless = LINE | {"product": 901, "sku": 9010, "price": 0, "selling_price": 0, "list_price": 0}
    put_order(shop, "2-01", MORNING, lines=[LINE, priceless])
    calm = runner.sync(PURCHASES, DAY, "calm").counts.drops
    shop.on_connectif("DELETE", "purchases/2")
    assert calm[Drop.LINE_WITHOUT_PRICE] == 1
    with pytest.raises(Killed), killed_when_recorded(runner, "2"):
        runner.sync(PURCHASES, DAY, "run")
    runner.restart()
    assert runner.sync(PURCHASES, DAY, "run").counts.drops == calm


@contextmanager
def killed_when_recorded(runner: SyncRunner, purchase_id: str) -> Iterator[None]:
    """End the process before it records the result of this purchase."""
    record = type(runner.state.purchases).record

    def ends(state, run_key, answers) -> None:
        rows = list(answers)
        if purchase_id in {one.purchase_id for one in rows}:
            raise Killed
        record(state, run_key, rows)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(runner.state.purchases), "record", ends)
        yield


def test_interrupted__a_retry_keeps_the_notes_of_a_run_without_an_export(
    runner: SyncRunner, shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_purchase(shop, "1-01")
    shop.fault_at_connectif("create export", calls=100, status=403)
    with monkeypatch.context() as patch:
        patch.setattr(import_module("include.purchases.load"), "summarize_load", _killed)
        with pytest.raises(Killed):
            runner.sync(PURCHASES, DAY, "run")
    runner.restart()
    without_export, under_another_id = runner.sync(PURCHASES, DAY, "run").counts.notes
    assert "all were posted one by one" in without_export
    assert under_another_id.startswith("1 purchase is at Connectif under their order_id")


def _killed(*_arguments: object) -> None:
    raise Killed


def test_find_purchase__returns_the_time_of_creation(runner: SyncRunner, shop: SimulatedShop) -> None:
    put_purchase(shop, "1")
    found = runner.connectif.find_purchase("1")
    assert found
    assert found.created_at == shop.clock.now()
    assert runner.connectif.find_purchase("2") is None
