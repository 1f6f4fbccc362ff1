"""All orders of the window are read once, and every checkout is complete, also at the borders."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from include.errors import ConfigurationError, ContractError
from include.outcomes import Outcome, PipelineName, Reason
from include.plan import RunPlan
from include.purchases.late_parts import LATE
from include.purchases.order_selection import select_orders
from include.report import Report
from include.window import Window
from tests.builders import NOON, SimulatedShop, SyncRunner
from tests.orders import (
    LINE,
    MORNING,
    calls,
    connectif_calls,
    day_of,
    purchases,
    put_buyer,
    put_order,
    put_orders,
    put_product,
    put_purchase,
    vtex_instant,
    without_baskets,
)

PURCHASES = PipelineName.PURCHASES
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture(autouse=True)
def undisturbed_shop(shop: SimulatedShop) -> None:
    """Only the orders of the test; Connectif knows their buyers and products."""
    without_baskets(shop)
    put_buyer(shop)
    put_product(shop)


def listed_in(runner: SyncRunner, window: Window) -> set[str]:
    run = runner.run(PURCHASES, RunPlan("window", window, (), "test"), "run")
    return set(select_orders(run, window).listed)


# --- the busiest day


@pytest.mark.parametrize(("number", "length"), [(10_000, HOUR), (3_500, MINUTE), (3_000, SECOND)])
def test_listing__of_a_busy_hour_is_complete(
    number: int, length: timedelta, runner: SyncRunner, shop: SimulatedShop
) -> None:
    groups = put_orders(shop, number, MORNING, length)
    found = listed_in(runner, Window(MORNING - HOUR, MORNING + 2 * HOUR))
    assert found == {f"{group}-01" for group in groups}


def test_listing__stops_if_one_second_has_more_orders_than_the_list_shows(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    put_orders(shop, 3_001, MORNING, SECOND / 2)
    with pytest.raises(ContractError, match="3,001 orders within one second, 2026-11-23T08:00:00Z"):
        runner.sync(PURCHASES, day_of(MORNING, hours=1), "run")
    assert calls(shop, "order detail") == connectif_calls(shop) == 0
    assert purchases(shop) == {}


def test_listing__waits_after_the_end_of_the_window(runner: SyncRunner, shop: SimulatedShop) -> None:
    """The list shows an order four minutes late."""
    put_order(shop, "1-01", NOON - MINUTE)
    runner.sync(PURCHASES, day_of(NOON - HOUR, hours=1), "run")
    assert set(purchases(shop)) == {"1"}
    assert shop.clock.now() >= NOON + 10 * MINUTE


def test_listing__the_next_run_finds_orders_that_were_indexed_late(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    put_order(shop, "1-01", MORNING)
    runner.sync(PURCHASES, day_of(MORNING, hours=1), "first")
    put_order(shop, "2-01", MORNING + 30 * MINUTE)
    shop.on_connectif("DELETE", "journal")
    report = runner.sync(PURCHASES, day_of(MORNING + HOUR, hours=1), "second")
    assert set(purchases(shop)) == {"1", "2"}
    assert (report.counts.read, calls(shop, "create purchase")) == (1, 1), "a sent order is not repeated"


def test_listing__leaves_out_time_that_no_run_has_covered(runner: SyncRunner, shop: SimulatedShop) -> None:
    put_order(shop, "1-01", MORNING - MINUTE)
    put_order(shop, "2-01", MORNING)
    put_order(shop, "3-01", MORNING + HOUR)
    report = runner.sync(PURCHASES, day_of(MORNING, hours=1), "run")
    assert set(purchases(shop)) == {"2"}, "a window is [start, end)"
    assert report.counts.read == 1


# --- split checkouts


def split(shop: SimulatedShop, first: timedelta, second: timedelta, *, flipped: bool = False) -> None:
    ids = ("5-02", "5-01") if flipped else ("5-01", "5-02")
    put_order(shop, ids[0], MORNING + first)
    put_order(shop, ids[1], MORNING + second, lines=[LINE | {"selling_price": 500, "price": 500}])


def assert_one_complete_purchase(shop: SimulatedShop) -> None:
    (purchase,) = purchases(shop).values()
    assert (purchase["purchase_id"], purchase["total_quantity"]) == ("5", 2)
    assert purchase["total_price"] == pytest.approx(24.9)


@pytest.mark.parametrize("which", ["together", "first day first", "second day first"])
@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("backfill", [False, True])
def test_split__across_the_border_of_two_windows_is_one_purchase(
    which: str, flipped: bool, backfill: bool, runner: SyncRunner, shop: SimulatedShop
) -> None:
    """One part is in the last millisecond of a window, the other in the first of the next window."""
    split(shop, timedelta(milliseconds=-1), timedelta(0), flipped=flipped)
    days = [day_of(MORNING - HOUR, hours=1), day_of(MORNING, hours=1)]
    if which == "together":
        days = [day_of(MORNING - HOUR, hours=2)]
    elif which == "second day first":
        days.reverse()
    for number, day in enumerate(days):
        report = runner.sync(PURCHASES, day, f"run {number}", backfill=backfill)
        assert report.missing == 0
    assert_one_complete_purchase(shop)
    assert shop.counts()["create purchase"].get("409") is None


def test_split__a_part_without_its_predecessor_reads_the_group(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    """The first part is older than the list, so the purchase belongs to another run."""
    split(shop, -3 * HOUR, MINUTE)
    report = runner.sync(PURCHASES, day_of(MORNING, hours=1), "run")
    assert (purchases(shop), report.counts.read) == ({}, 0)
    assert calls(shop, "order group") == 1
    runner.sync(PURCHASES, day_of(MORNING - 4 * HOUR, hours=2), "earlier")
    assert set(purchases(shop)) == {"5"}


@pytest.mark.parametrize("answer", ["full", "brief", "empty", "404"])
def test_split__is_complete_whatever_the_order_group_answers(
    answer: str, runner: SyncRunner, shop: SimulatedShop
) -> None:
    """Its parts are hours apart."""
    shop.on_vtex("POST", "knobs", {"oms_group_answer": answer})
    split(shop, timedelta(0), 3 * HOUR)
    report = runner.sync(PURCHASES, day_of(MORNING, hours=4), "run")
    assert report.counts.outcomes == {Outcome.SENT: 2}
    assert_one_complete_purchase(shop)


@pytest.mark.parametrize("answer", ["full", "brief", "empty", "404"])
def test_split__is_complete_if_the_list_shows_only_a_later_part(
    answer: str, runner: SyncRunner, shop: SimulatedShop
) -> None:
    """The number of the listed part shows that a lower part exists.

    It belongs to an earlier run, so both do.
    """
    shop.on_vtex("POST", "knobs", {"oms_group_answer": answer})
    split(shop, -3 * HOUR, MINUTE)
    report = runner.sync(PURCHASES, day_of(MORNING, hours=1), "run")
    assert (purchases(shop), report.counts.read) == ({}, 0)
    runner.sync(PURCHASES, day_of(MORNING - 4 * HOUR, hours=2), "earlier")
    assert set(purchases(shop)) == {"5"}


@pytest.mark.parametrize("answer", ["brief", "empty", "404"])
def test_only__reads_all_parts_whatever_the_order_group_answers(
    answer: str, runner: SyncRunner, shop: SimulatedShop
) -> None:
    shop.on_vtex("POST", "knobs", {"oms_group_answer": answer})
    split(shop, timedelta(0), MINUTE)
    report = runner.sync(PURCHASES, RunPlan("only", None, (), "one", only="5-02"), "only")
    assert report.counts.outcomes == {Outcome.SENT: 2}
    assert_one_complete_purchase(shop)


def test_currency__of_another_country_is_excluded_and_the_setting_overrides_the_channel(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    put_order(shop, "1-01", MORNING, currency="USD")
    put_order(shop, "2-01", MORNING, currency="BRL")
    report = runner.sync(PURCHASES, day_of(MORNING, hours=1), "run")
    assert report.counts.reasons == {Reason.ORDER_EXCLUDED: 1}
    assert set(purchases(shop)) == {"2"}
    runner.change("purchases", currency="usd")
    runner.sync(PURCHASES, day_of(MORNING, hours=1), "again")
    assert set(purchases(shop)) == {"1", "2"}


def test_currency__several_currencies_stop_the_run_without_the_permission(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    shop.fault_at_vtex("sales channels", status=403, calls=9, body={"Message": "Unauthorized"})
    put_order(shop, "1-01", MORNING, currency="BRL")
    assert runner.sync(PURCHASES, day_of(MORNING, hours=1), "one").counts.outcomes == {Outcome.SENT: 1}
    put_order(shop, "2-01", MORNING, currency="USD")
    with pytest.raises(ConfigurationError, match=r"in BRL, USD.*Set purchases\.currency"):
        runner.sync(PURCHASES, day_of(MORNING, hours=1), "two")


def test_split__canceled_parts_are_left_out(runner: SyncRunner, shop: SimulatedShop) -> None:
    put_order(shop, "5-01", MORNING)
    put_order(shop, "5-02", MORNING, fixed_status="canceled")
    report = runner.sync(PURCHASES, day_of(MORNING, hours=1), "run")
    assert report.counts.outcomes == {Outcome.SENT: 1, Outcome.EXCLUDED: 1}
    assert purchases(shop)["5"]["total_quantity"] == 1


def test_split__by_order_id_each_part_is_a_purchase(runner: SyncRunner, shop: SimulatedShop) -> None:
    split(shop, timedelta(0), MINUTE)
    runner.change("purchases", purchase_id_source="order_id")
    runner.sync(PURCHASES, day_of(MORNING, hours=1), "run")
    assert set(purchases(shop)) == {"5-01", "5-02"}


def test_split__orders_without_a_group_are_separate_purchases(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    put_order(shop, "v77abc", MORNING, order_group="")
    put_order(shop, "78-01", MORNING, order_group="")
    runner.sync(PURCHASES, day_of(MORNING, hours=1), "run")
    assert set(purchases(shop)) == {"v77abc", "78-01"}


@pytest.mark.parametrize("order_id", ["v77abc", "78-01"])
def test_only__reads_an_order_without_a_group(order_id: str, runner: SyncRunner, shop: SimulatedShop) -> None:
    put_order(shop, order_id, MORNING, order_group="")
    report = runner.sync(PURCHASES, RunPlan("only", None, (), "one", only=order_id), "only")
    assert report.counts.outcomes == {Outcome.SENT: 1}
    assert set(purchases(shop)) == {order_id}


# --- a part that VTEX lists late


def put_late_part(shop: SimulatedShop, **fields: object) -> None:
    put_order(
        shop, "5-02", MORNING + 30 * MINUTE, lines=[LINE | {"selling_price": 500, "price": 500}], **fields
    )


@pytest.fixture
def without_a_part(runner: SyncRunner, shop: SimulatedShop) -> None:
    """Send a purchase before VTEX lists its second part."""
    put_order(shop, "5-01", MORNING + 30 * MINUTE)
    assert first_hour(runner).counts.outcomes == {Outcome.SENT: 1}


def first_hour(runner: SyncRunner, key: str = "first") -> Report:
    return runner.sync(PURCHASES, day_of(MORNING, hours=1), key)


def second_hour(runner: SyncRunner, key: str = "second") -> Report:
    return runner.sync(PURCHASES, day_of(MORNING + HOUR, hours=1), key)


@pytest.mark.usefixtures("without_a_part")
@pytest.mark.parametrize("run_of", [first_hour, second_hour], ids=["same hour", "next hour"])
def test_late_part__of_a_sent_purchase_is_reported_with_advice(
    run_of: Callable[[SyncRunner, str], Report], runner: SyncRunner, shop: SimulatedShop
) -> None:
    put_late_part(shop)
    for again in ("once", "and again"):
        report = run_of(runner, again)
        assert report.counts.reasons == {Reason.ALREADY_TRACKED: 2}
        (note,) = report.counts.notes
        assert "5 (5-02)" in note
        assert "only" in note
        details = {row.key: row.detail for row in runner.state.records.outcomes(PURCHASES)}
        assert details == {"5-01": "", "5-02": LATE}
    assert purchases(shop)["5"]["total_quantity"] == 1


@pytest.mark.usefixtures("without_a_part")
def test_late_part__is_in_the_purchase_after_it_was_deleted_and_sent_alone(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    put_late_part(shop)
    second_hour(runner)
    shop.on_connectif("DELETE", "purchases/5")
    runner.sync(PURCHASES, RunPlan("only", None, (), "one", only="5-02"), "only")
    assert_one_complete_purchase(shop)
    report = second_hour(runner, "after that")
    assert (report.counts.read, report.counts.notes) == (0, [])


@pytest.mark.usefixtures("without_a_part")
def test_late_part__that_is_canceled_is_not_reported_and_read_once(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    put_late_part(shop, fixed_status="canceled")
    report = second_hour(runner)
    assert report.counts.reasons == {Reason.ORDER_CANCELED: 1, Reason.ALREADY_TRACKED: 1}
    assert report.counts.notes == []
    assert second_hour(runner, "again").counts.read == 0


def test_late_part__of_a_purchase_from_the_tag_is_not_reported(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    """The tag reports the whole cart."""
    put_purchase(shop, "5", MORNING + 30 * MINUTE)
    put_order(shop, "5-01", MORNING + 30 * MINUTE)
    first_hour(runner)
    put_late_part(shop)
    report = second_hour(runner)
    assert (report.counts.reasons, report.counts.notes) == ({Reason.ALREADY_TRACKED: 2}, [])


# --- the day that counts


def test_paid__the_day_of_the_payment_counts(runner: SyncRunner, shop: SimulatedShop) -> None:
    put_order(shop, "1-01", MORNING - 26 * HOUR, authorized=None)
    put_order(shop, "2-01", MORNING - 26 * HOUR, authorized=f"{MORNING + MINUTE:%Y-%m-%dT%H:%M:%S}.0000000")
    put_order(shop, "3-01", MORNING, authorized=None)
    runner.change("purchases", purchase_when="paid")
    report = runner.sync(PURCHASES, day_of(MORNING, hours=1), "run")
    assert report.counts.read == 1
    (purchase,) = purchases(shop).values()
    assert purchase["purchase_id"] == "2"
    assert purchase["purchase_date"].startswith("2026-11-22T06:00:00"), "the purchase keeps its own date"


def put_part(shop: SimulatedShop, part: str, *, paid: timedelta | None, **fields: object) -> None:
    """Put a part that was placed some hours ago and `paid` that long after the start of the first hour."""
    authorized = None if paid is None else vtex_instant(MORNING + paid)
    put_order(shop, part, MORNING - 5 * HOUR, authorized=authorized, **fields)


@pytest.fixture
def paid_counts(runner: SyncRunner) -> None:
    runner.change("purchases", purchase_when="paid")


@pytest.mark.usefixtures("paid_counts")
@pytest.mark.parametrize("first", ["5-01", "5-02"])
def test_paid__a_checkout_waits_for_its_unpaid_part(
    first: str, runner: SyncRunner, shop: SimulatedShop
) -> None:
    """The list shows only the paid part, and a purchase at Connectif cannot be changed."""
    other = {"5-01": "5-02", "5-02": "5-01"}[first]
    put_part(shop, first, paid=MINUTE)
    put_part(shop, other, paid=None)
    report = first_hour(runner)
    assert report.counts.reasons == {Reason.PART_UNPAID: 1, Reason.ORDER_EXCLUDED: 1}
    assert report.counts.outcomes == {Outcome.HELD: 1, Outcome.EXCLUDED: 1}
    assert purchases(shop) == {}
    put_part(shop, other, paid=HOUR + 30 * MINUTE)
    assert second_hour(runner).counts.outcomes == {Outcome.SENT: 2}
    assert purchases(shop)["5"]["total_quantity"] == 2


@pytest.mark.usefixtures("paid_counts")
def test_paid__parts_in_two_windows_are_one_purchase(runner: SyncRunner, shop: SimulatedShop) -> None:
    put_part(shop, "5-01", paid=30 * MINUTE)
    put_part(shop, "5-02", paid=HOUR + 30 * MINUTE)
    assert first_hour(runner).counts.outcomes == {Outcome.SENT: 2}, "both are paid when it is read"
    assert second_hour(runner).counts.read == 0
    assert purchases(shop)["5"]["total_quantity"] == 2


@pytest.mark.usefixtures("paid_counts")
def test_paid__a_checkout_is_sent_without_its_canceled_part(runner: SyncRunner, shop: SimulatedShop) -> None:
    put_part(shop, "5-01", paid=MINUTE)
    put_part(shop, "5-02", paid=None)
    first_hour(runner)
    put_part(shop, "5-02", paid=None, fixed_status="canceled")
    assert second_hour(runner).counts.outcomes == {Outcome.SENT: 1, Outcome.EXCLUDED: 1}
    assert purchases(shop)["5"]["total_quantity"] == 1


@pytest.mark.usefixtures("paid_counts")
def test_paid__a_checkout_does_not_wait_for_an_excluded_part(runner: SyncRunner, shop: SimulatedShop) -> None:
    runner.change("purchases", sales_channels=("1",))
    put_part(shop, "5-01", paid=MINUTE)
    put_part(shop, "5-02", paid=None, channel=2)
    assert first_hour(runner).counts.outcomes == {Outcome.SENT: 1, Outcome.EXCLUDED: 1}


@pytest.mark.usefixtures("paid_counts")
def test_paid__a_checkout_held_for_too_long_is_sent_when_its_last_part_is_paid(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    put_part(shop, "5-01", paid=MINUTE)
    put_part(shop, "5-02", paid=None)
    first_hour(runner)
    shop.clock.advance(5 * 86_400)
    report = runner.sync(PURCHASES, day_of(MORNING + 120 * HOUR, hours=1), "given up")
    assert report.counts.read == 0
    put_part(shop, "5-02", paid=121 * HOUR + MINUTE)
    report = runner.sync(PURCHASES, day_of(MORNING + 121 * HOUR, hours=1), "paid at last")
    assert report.counts.outcomes == {Outcome.SENT: 2}
    assert purchases(shop)["5"]["total_quantity"] == 2


@pytest.mark.usefixtures("paid_counts")
def test_paid__by_order_id_no_order_waits_for_another(runner: SyncRunner, shop: SimulatedShop) -> None:
    runner.change("purchases", purchase_id_source="order_id")
    put_part(shop, "5-01", paid=MINUTE)
    put_part(shop, "5-02", paid=None)
    assert first_hour(runner).counts.outcomes == {Outcome.SENT: 1}
    assert calls(shop, "order group") == 0


# --- orders that cannot be read


def test_order__that_is_listed_and_missing_is_held_and_sent_later(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    put_order(shop, "1-01", MORNING)
    put_order(shop, "2-01", MORNING)
    shop.on_vtex("POST", "faults", {"script": [{"route": "order detail", "status": 404}]})
    report = runner.sync(PURCHASES, day_of(MORNING, hours=1), "run")
    assert report.counts.reasons == {Reason.TARGET_BUSY: 1}
    assert report.counts.outcomes[Outcome.SENT] == 1
    next_day = runner.sync(PURCHASES, day_of(MORNING + timedelta(days=1), hours=1), "next")
    assert next_day.counts.outcomes == {Outcome.SENT: 1}
    assert set(purchases(shop)) == {"1", "2"}


# --- settings that exclude orders


@pytest.mark.parametrize(
    ("setting", "value", "sent"),
    [("sales_channels", ("2",), {"2"}), ("statuses", ("invoiced",), {"3"}), ("sellers", ("other",), {"4"})],
)
def test_settings__exclude_orders(
    setting: str, value: tuple[str, ...], sent: set[str], runner: SyncRunner, shop: SimulatedShop
) -> None:
    put_order(shop, "1-01", MORNING)
    put_order(shop, "2-01", MORNING, channel=2)
    put_order(shop, "3-01", MORNING, fixed_status="invoiced")
    put_order(shop, "4-01", MORNING, seller="other")
    runner.change("purchases", **{setting: value})
    report = runner.sync(PURCHASES, day_of(MORNING, hours=1), "run")
    assert set(purchases(shop)) == sent
    assert report.counts.reasons == {Reason.ORDER_EXCLUDED: 3}
