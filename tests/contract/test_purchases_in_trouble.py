"""A vendor that never answers for one record affects only that record; an outage stops the task."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import requests
from urllib3 import HTTPResponse

from include.errors import TemporaryError
from include.http.transport import Transport
from include.outcomes import Outcome, PipelineName, Reason
from include.pipeline.outage import OUTAGE_AFTER
from include.report import Report
from tests.builders import SimulatedShop, SyncRunner
from tests.orders import (
    EMAIL,
    LINE,
    MORNING,
    calls,
    day_of,
    purchases,
    put_buyer,
    put_order,
    put_product,
    without_baskets,
)

PURCHASES = PipelineName.PURCHASES
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
Trouble = Callable[[str, dict[str, Any]], bool]


@pytest.fixture(autouse=True)
def undisturbed_shop(shop: SimulatedShop) -> None:
    """Only the orders of the test; Connectif knows their buyers and products."""
    without_baskets(shop)
    put_buyer(shop)
    put_product(shop)


def in_trouble(transport: Transport, where: Trouble) -> Callable[[], None]:
    """Answer 503 to each call for which `where` (method and URL, JSON) is true; returns a function that ends
    it."""
    session = transport.session
    send = session.request

    def request(method: str, url: str, **options: Any) -> requests.Response:
        if not where(f"{method} {url}", options.get("json") or {}):
            return send(method, url, **options)
        answer = requests.Response()
        answer.status_code, answer.raw = 503, HTTPResponse(io.BytesIO(), preload_content=False)
        return answer

    session.request = request  # type: ignore[method-assign,assignment]

    def end() -> None:
        session.request = send  # type: ignore[method-assign]

    return end


def posting(*purchase_ids: str) -> Trouble:
    return lambda call, body: "POST" in call and "/purchases/" in call and body["purchaseId"] in purchase_ids


def reading(*ends: str) -> Trouble:
    return lambda call, _body: call.endswith(ends)


def put_some(shop: SimulatedShop, number: int, *, after: timedelta = timedelta(0)) -> list[str]:
    ids = [f"{n:04}" for n in range(number)]
    for n, group in enumerate(ids):
        put_order(shop, f"{group}-01", MORNING + after + n * SECOND)
    return ids


def first_run(runner: SyncRunner) -> Report:
    return runner.sync(PURCHASES, day_of(MORNING, hours=1), "first")


def next_run(runner: SyncRunner, shop: SimulatedShop, *, days: float = 1) -> Report:
    """A run of an hour without new orders, that many days later."""
    shop.clock.advance(days * 86_400)
    return runner.sync(PURCHASES, day_of(MORNING + timedelta(days=days), hours=1), f"after {days}")


# --- a purchase that Connectif never takes


def test_post__without_an_answer_holds_only_that_purchase(runner: SyncRunner, shop: SimulatedShop) -> None:
    ids = put_some(shop, 30)
    end = in_trouble(runner.connectif.transport, posting("0005"))
    report = first_run(runner)
    assert report.counts.outcomes == {Outcome.SENT: 29, Outcome.HELD: 1}
    assert report.counts.reasons == {Reason.TARGET_BUSY: 1}
    assert set(purchases(shop)) == {*ids} - {"0005"}
    assert runner.state.progress.covered(PURCHASES)
    end()
    assert next_run(runner, shop).counts.outcomes == {Outcome.SENT: 1}
    assert set(purchases(shop)) == {*ids}


def test_post__without_an_answer_may_be_the_last_one(runner: SyncRunner, shop: SimulatedShop) -> None:
    """No later record shows whether it is an outage, so one call checks Connectif."""
    put_some(shop, 3)
    in_trouble(runner.connectif.transport, posting("0002"))
    assert first_run(runner).counts.outcomes == {Outcome.SENT: 2, Outcome.HELD: 1}
    assert next_run(runner, shop).counts.outcomes == {Outcome.HELD: 1}, "also if it is the only purchase"


def test_post__is_not_retried_after_held_days(runner: SyncRunner, shop: SimulatedShop) -> None:
    put_some(shop, 3)
    in_trouble(runner.connectif.transport, posting("0002"))
    first_run(runner)
    assert next_run(runner, shop, days=3.5).counts.outcomes == {}


def test_post__holds_only_the_purchase_whose_contact_cannot_be_created(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    put_order(shop, "1-01", MORNING)
    put_order(shop, "2-01", MORNING, email="stranger@example.com")
    put_order(shop, "3-01", MORNING)
    in_trouble(runner.connectif.transport, lambda call, _body: "PATCH" in call)
    report = first_run(runner)
    assert report.counts.outcomes == {Outcome.SENT: 2, Outcome.HELD: 1}


@pytest.mark.parametrize("number", [2, 30])
def test_post__an_outage_stops_the_task_and_a_retry_sends_everything(
    number: int, runner: SyncRunner, shop: SimulatedShop
) -> None:
    ids = put_some(shop, number)
    end = in_trouble(runner.connectif.transport, posting(*ids))
    run = runner.run(PURCHASES, day_of(MORNING, hours=1), "first")
    with pytest.raises(TemporaryError, match="post purchase"):
        first_run(runner)
    assert runner.state.purchases.of_run(run.run_key) == {}
    end()
    assert first_run(runner).counts.outcomes == {Outcome.SENT: number}, "Airflow's next try"


def test_post__an_outage_at_the_end_stops_the_task(runner: SyncRunner, shop: SimulatedShop) -> None:
    put_some(shop, 3)
    in_trouble(
        runner.connectif.transport, lambda call, body: posting("0002")(call, body) or "imports" in call
    )
    with pytest.raises(TemporaryError, match="list imports"):
        first_run(runner)
    assert set(runner.state.purchases.of_run("first")) == {"0000", "0001"}


# --- an order that VTEX never answers for


def test_detail__without_an_answer_holds_only_that_order(runner: SyncRunner, shop: SimulatedShop) -> None:
    ids = put_some(shop, 30)
    end = in_trouble(runner.vtex.transport, reading("/orders/0005-01"))
    report = first_run(runner)
    assert report.counts.outcomes == {Outcome.SENT: 29, Outcome.HELD: 1}
    assert report.counts.reasons == {Reason.TARGET_BUSY: 1}
    assert next_run(runner, shop, days=0.5).counts.outcomes == {Outcome.HELD: 1}
    end()
    assert next_run(runner, shop).counts.outcomes == {Outcome.SENT: 1}
    assert set(purchases(shop)) == {*ids}
    assert next_run(runner, shop, days=1.2).counts.outcomes == {}, "and never again"


def test_detail__without_an_answer_holds_the_other_parts_of_the_checkout(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    """A purchase at Connectif cannot be changed, so half a purchase would stay half."""
    put_some(shop, 3)
    put_order(shop, "5-01", MORNING)
    put_order(shop, "5-02", MORNING, lines=[LINE | {"selling_price": 500, "price": 500}])
    end = in_trouble(runner.vtex.transport, reading("/orders/5-02"))
    assert first_run(runner).counts.outcomes == {Outcome.SENT: 3, Outcome.HELD: 2}
    end()
    assert next_run(runner, shop).counts.outcomes == {Outcome.SENT: 2}
    assert purchases(shop)["5"]["total_quantity"] == 2


def test_order_group__without_an_answer_is_held_completely(runner: SyncRunner, shop: SimulatedShop) -> None:
    """Order 5-01 must exist, and its state is not known until VTEX answers."""
    put_some(shop, 3)
    put_order(shop, "5-01", MORNING - timedelta(hours=2), fixed_status="canceled")
    put_order(shop, "5-02", MORNING)
    end = in_trouble(runner.vtex.transport, reading("/order-group/5"))
    assert first_run(runner).counts.outcomes == {Outcome.SENT: 3, Outcome.HELD: 1}
    end()
    assert next_run(runner, shop).counts.outcomes == {Outcome.SENT: 1, Outcome.EXCLUDED: 1}
    assert set(purchases(shop)) >= {"5"}


def test_detail__of_a_missing_part_holds_the_other_parts(runner: SyncRunner, shop: SimulatedShop) -> None:
    put_some(shop, 3)
    put_order(shop, "5-02", MORNING)
    assert first_run(runner).counts.reasons == {Reason.TARGET_BUSY: 1}
    put_order(shop, "5-01", MORNING, fixed_status="canceled")
    assert next_run(runner, shop).counts.outcomes == {Outcome.SENT: 1, Outcome.EXCLUDED: 1}
    assert set(purchases(shop)) >= {"5"}


def test_detail__of_an_order_without_a_group_is_retried_under_its_own_id(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    put_some(shop, 3)
    put_order(shop, "78-01", MORNING, order_group="")
    end = in_trouble(runner.vtex.transport, reading("/orders/78-01"))
    assert first_run(runner).counts.reasons == {Reason.TARGET_BUSY: 1}
    end()
    assert next_run(runner, shop).counts.outcomes == {Outcome.SENT: 1}
    assert "78-01" in purchases(shop)


@pytest.mark.parametrize("number", [2, 30])
def test_detail__an_outage_stops_the_task_and_a_retry_sends_everything(
    number: int, runner: SyncRunner, shop: SimulatedShop
) -> None:
    put_some(shop, number)
    end = in_trouble(runner.vtex.transport, lambda call, _body: "/orders/" in call)
    with pytest.raises(TemporaryError, match="order"):
        first_run(runner)
    end()
    assert first_run(runner).counts.outcomes == {Outcome.SENT: number}, "Airflow's next try"


def test_outage__is_assumed_after_many_failures_in_a_row(runner: SyncRunner, shop: SimulatedShop) -> None:
    """With answers between them, any number of failing records is no outage."""
    ids = put_some(shop, 4 * OUTAGE_AFTER)
    in_trouble(runner.connectif.transport, posting(*ids[::2]))
    assert first_run(runner).counts.outcomes == {
        Outcome.SENT: 2 * OUTAGE_AFTER,
        Outcome.HELD: 2 * OUTAGE_AFTER,
    }


@pytest.mark.parametrize("number", [2, OUTAGE_AFTER])
@pytest.mark.parametrize("side", ["connectif", "vtex"])
def test_outage__is_not_assumed_for_records_that_failed_in_the_run_before(
    side: str, number: int, runner: SyncRunner, shop: SimulatedShop
) -> None:
    ids = put_some(shop, 2 * number)[::2]
    if side == "connectif":
        in_trouble(runner.connectif.transport, posting(*ids))
    else:
        in_trouble(runner.vtex.transport, reading(*(f"/orders/{group}-01" for group in ids)))
    assert first_run(runner).counts.outcomes[Outcome.HELD] == number
    assert next_run(runner, shop).counts.outcomes == {Outcome.HELD: number}


def test_failing_record__is_logged_with_its_id_only(
    runner: SyncRunner, shop: SimulatedShop, caplog: pytest.LogCaptureFixture
) -> None:
    put_some(shop, 4)
    in_trouble(runner.connectif.transport, posting("0001"))
    in_trouble(runner.vtex.transport, reading("/orders/0002-01"))
    with caplog.at_level(logging.DEBUG):
        first_run(runner)
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert [one for one in warnings if "purchase 0001" in one]
    assert [one for one in warnings if "order 0002-01" in one]
    assert EMAIL not in caplog.text
    assert calls(shop, "create purchase") == 2
