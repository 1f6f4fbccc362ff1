"""Only purchases that the tag missed are posted, and to find them needs few calls."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from include.connectif.client import ConnectifClient
from include.outcomes import Outcome, PipelineName, Reason
from include.plan import RunPlan
from include.report import Report
from tests.builders import EVERYTHING, SimulatedShop, SyncRunner, connectif_client, window_ending
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
    without_baskets,
)

PURCHASES = PipelineName.PURCHASES
DAY = window_ending()


def fallback_notes(report: Report) -> list[str]:
    return [note for note in report.counts.notes if "posted one by one" in note]


def test_post__sends_exactly_the_purchases_that_the_tag_missed(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    before = set(purchases(shop))
    report = runner.sync(PURCHASES, DAY, "first")
    added = set(purchases(shop)) - before
    assert report.counts.written == len(added) > 5
    assert shop.counts()["create purchase"].get("409") is None
    assert report.counts.reasons[Reason.ALREADY_TRACKED] > 5
    assert fallback_notes(report) == []


def test_post__needs_little_more_calls_than_missing_purchases(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    runner.sync(PipelineName.CONTACTS, EVERYTHING, "contacts")
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "products")
    shop.on_connectif("DELETE", "journal")
    report = runner.sync(PURCHASES, window_ending(hours=72), "first")
    assert report.counts.written > 40
    assert connectif_calls(shop) <= report.counts.written * 1.02 + 20


def test_post__needs_no_more_calls_without_a_sync_of_contacts(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "products")
    shop.on_connectif("DELETE", "journal")
    report = runner.sync(PURCHASES, window_ending(hours=72), "first")
    assert connectif_calls(shop) <= report.counts.written * 1.02 + 20


def test_post__sends_the_half_of_a_day_that_the_tag_missed(runner: SyncRunner, shop: SimulatedShop) -> None:
    """So many purchases that the twenty other calls cannot hide one more call for each."""
    without_baskets(shop)
    put_buyer(shop)
    put_product(shop)
    groups = put_orders(shop, 400, MORNING, timedelta(hours=1))
    tracked, missed = groups[::2], groups[1::2]
    for group in tracked:
        put_purchase(shop, group)
    shop.on_connectif("DELETE", "journal")
    report = runner.sync(PURCHASES, day_of(MORNING, hours=1), "first")
    assert report.counts.written == calls(shop, "create purchase") == len(missed)
    assert {key for key, row in purchases(shop).items() if row["origin"] == "api"} == set(missed)
    assert connectif_calls(shop) <= len(missed) * 1.02 + 20


def test_export__finds_purchases_if_the_tags_clock_differs_by_a_day(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    without_baskets(shop)
    put_buyer(shop)
    put_product(shop)
    for number, hours in enumerate((-20, 20)):
        put_order(shop, f"{number}-01", MORNING - timedelta(days=2))
        put_purchase(shop, f"{number}", MORNING - timedelta(days=2) + timedelta(hours=hours))
    report = runner.sync(PURCHASES, day_of(MORNING - timedelta(days=2), hours=1), "first")
    assert report.counts.outcomes == {Outcome.ALREADY_THERE: 2}
    assert calls(shop, "create purchase") == 0


@pytest.mark.parametrize(("days", "exports"), [(29, 1), (30, 2), (70, 3)])
def test_export__of_more_than_31_days_is_several_exports(
    days: int, exports: int, runner: SyncRunner, shop: SimulatedShop
) -> None:
    """An export has at most 31 days, and two of them are the margins of the window."""
    without_baskets(shop)
    put_buyer(shop)
    put_product(shop)
    start = MORNING - timedelta(days=days + 2)
    for number in range(days + 1):
        put_order(shop, f"{number}-01", start + timedelta(days=number, seconds=1))
        put_purchase(shop, f"{number}", start + timedelta(days=number, seconds=1))
    report = runner.sync(PURCHASES, day_of(start, hours=24 * days + 1), "first")
    assert report.counts.outcomes == {Outcome.ALREADY_THERE: days + 1}
    assert fallback_notes(report) == []
    assert calls(shop, "create export") == exports
    assert calls(shop, "create purchase") == 0


def test_post__of_a_second_run_sends_nothing(runner: SyncRunner, shop: SimulatedShop) -> None:
    first = runner.sync(PURCHASES, DAY, "first")
    state, posted = shop.target(), calls(shop, "create purchase")
    second = runner.sync(PURCHASES, DAY, "second")
    assert calls(shop, "create purchase") == posted
    assert shop.target() == state
    assert second.counts.outcomes[Outcome.SENT] == second.counts.written == 0
    assert second.missing == 0
    assert second.counts.tracking == first.counts.tracking, "what we added is not the tag's merit"


def test_export__may_have_several_files_and_other_column_names(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    shop.connectif.knobs.export_rows_per_file = 3
    shop.connectif.knobs.export_columns = {"purchaseId": "ID de compra", "activityType": "Tipo"}
    report = runner.sync(PURCHASES, DAY, "first")
    assert fallback_notes(report) == []
    assert shop.counts()["create purchase"].get("409") is None
    assert report.counts.reasons[Reason.ALREADY_TRACKED] > 5


def unknown_column(shop: SimulatedShop, _office: SyncRunner) -> None:
    shop.connectif.knobs.export_columns = {"purchaseId": "what else"}


def never_done(shop: SimulatedShop, _office: SyncRunner) -> None:
    shop.connectif.knobs.exports_paused = True


def refused(shop: SimulatedShop, _office: SyncRunner) -> None:
    shop.on_connectif("POST", "faults", {"script": [{"route": "create export", "calls": 9, "status": 400,
                                                      "body": {"status": 400, "title": "no"}}]})  # fmt: skip


def no_permission(shop: SimulatedShop, runner: SyncRunner) -> None:
    rights = ["purchases:read", "purchases:write", "contacts:write", "products:write", "imports:read",
              "imports:write"]  # fmt: skip
    shop.on_connectif("POST", "keys", {"id": "few", "secret": "s", "rights": rights})
    runner.connectif.transport.session.close()
    runner.connectif = connectif_client(shop, key_id="few", secret="s")


def file_gone(shop: SimulatedShop, _office: SyncRunner) -> None:
    shop.on_connectif("POST", "faults", {"script": [{"route": "download export", "calls": 9, "status": 404}]})


@pytest.mark.parametrize("spoil", [unknown_column, never_done, refused, no_permission, file_gone])
def test_export__that_fails_makes_the_run_post_all_purchases(
    spoil: Any, runner: SyncRunner, shop: SimulatedShop
) -> None:
    before = set(purchases(shop))
    spoil(shop, runner)
    runner.change("connectif", export_timeout_minutes=0)
    report = runner.sync(PURCHASES, DAY, "first")
    assert len(fallback_notes(report)) == 1
    assert shop.counts()["create purchase"]["409"] == report.counts.reasons[Reason.ALREADY_TRACKED] > 5
    assert report.counts.written == len(set(purchases(shop)) - before) > 5
    assert report.missing == 0


def test_export__waits_while_the_queue_is_full(
    runner: SyncRunner, shop: SimulatedShop, connectif: ConnectifClient
) -> None:
    shop.connectif.knobs.exports_paused = True
    window = DAY.window
    assert window
    for _ in range(5):
        connectif.create_activities_export(["purchase"], window)
    runner.connectif.transport.session.hooks["response"].append(lambda *_, **__: resume_after_refusal(shop))
    report = runner.sync(PURCHASES, DAY, "first")
    assert shop.counts()["create export"]["400"] >= 1
    assert fallback_notes(report) == []


def resume_after_refusal(shop: SimulatedShop) -> None:
    if shop.counts().get("create export", {}).get("400"):
        shop.connectif.knobs.exports_paused = False


def test_post__without_purchases_makes_no_call(runner: SyncRunner, shop: SimulatedShop) -> None:
    without_baskets(shop)
    report = runner.sync(PURCHASES, DAY, "first")
    assert (report.counts.read, connectif_calls(shop)) == (0, 0)


def test_dry_run__forecasts_without_calls_to_connectif(
    runner: SyncRunner, shop: SimulatedShop, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        runner.sync(PURCHASES, DAY, "dry", dry_run=True)
    assert connectif_calls(shop) == 0
    assert re.search(r"dry run: \d+ purchases, \d+ of them to be posted: about \d+ calls?", caplog.text)


def test_forecast__is_logged_before_the_first_write(
    runner: SyncRunner, shop: SimulatedShop, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[bool] = []

    def watch(response: Any, *_: Any, **__: Any) -> None:
        if "/purchases/" in response.request.url or "/imports/" in response.request.url:
            seen.append("calls to Connectif in" in caplog.text)

    runner.connectif.transport.session.hooks["response"].append(watch)
    with caplog.at_level("INFO"):
        runner.sync(PURCHASES, DAY, "first")
    assert seen
    assert all(seen)
    assert re.search(r"reading \d+ orders, in about \d+ minutes", caplog.text)


# --- the form of the tag's ids


@pytest.mark.parametrize(
    ("configured", "reported", "hint"),
    [("order_group", "888-01", "order_id"), ("order_id", "888", "order_group")],
)
def test_tag__with_another_form_of_id_causes_a_warning_and_no_double_purchase(
    configured: str, reported: str, hint: str, runner: SyncRunner, shop: SimulatedShop
) -> None:
    without_baskets(shop)
    put_buyer(shop)
    put_product(shop)
    put_order(shop, "888-01", MORNING)
    put_purchase(shop, reported, MORNING)
    runner.change("purchases", purchase_id_source=configured)
    report = runner.sync(PURCHASES, day_of(MORNING, hours=2), "first")
    assert set(purchases(shop)) == {reported}
    assert report.counts.outcomes == {Outcome.ALREADY_THERE: 1}
    assert [note for note in report.counts.notes if f"SYNC_PURCHASES__PURCHASE_ID_SOURCE) to {hint}" in note]


def test_tag__with_the_configured_form_of_id_causes_no_warning(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    report = runner.sync(PURCHASES, DAY, "first")
    assert report.counts.notes == []


# --- contacts of missing purchases


def test_buyers__are_created_by_one_import_with_an_explicit_status(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    without_baskets(shop)
    put_buyer(shop, "guest0@example.com")
    put_product(shop)
    for number in range(12):
        put_order(shop, f"{number}-01", MORNING, email=f"guest{number}@example.com")
    report = runner.sync(PURCHASES, day_of(MORNING, hours=2), "first")
    contacts = shop.table("contacts", by="email")
    assert report.counts.written == 12
    assert contacts["guest0@example.com"]["newsletter_status"] == "subscribed", (
        "an existing contact is not changed"
    )
    assert {contacts[f"guest{n}@example.com"]["newsletter_status"] for n in range(1, 12)} == {"none"}
    assert calls(shop, "create import") == 2, "the other is of the product, which no run has sent"
    assert calls(shop, "create purchase") == 12
    assert calls(shop, "patch contact") == 0


def test_buyers__are_created_one_by_one_if_the_import_fails(runner: SyncRunner, shop: SimulatedShop) -> None:
    without_baskets(shop)
    put_product(shop)
    put_orders(shop, 12, MORNING, timedelta(minutes=10), lines=[LINE])
    for number in range(12):
        put_order(shop, f"{number}-01", MORNING, email=f"guest{number}@example.com")
    shop.on_connectif("POST", "faults", {"script": [{"route": "create import", "calls": 99, "status": 413}]})
    report = runner.sync(PURCHASES, day_of(MORNING, hours=2), "first")
    assert report.counts.written == 24
    assert calls(shop, "patch contact") >= 13


# --- another form of the id, without an export


def split_ids(shop: SimulatedShop, number: int) -> list[str]:
    """Put purchases that the tag reported under the id of their order instead of their group."""
    without_baskets(shop)
    put_buyer(shop)
    put_product(shop)
    groups = put_orders(shop, number, MORNING, timedelta(hours=1))
    for group in groups:
        put_purchase(shop, f"{group}-01")
    return groups


@pytest.mark.parametrize("spoil", [unknown_column, refused])
def test_other_ids__are_looked_up_one_by_one_without_an_export(
    spoil: Callable[[SimulatedShop, SyncRunner], None], runner: SyncRunner, shop: SimulatedShop
) -> None:
    split_ids(shop, 6)
    put_order(shop, "777-01", MORNING)
    spoil(shop, runner)
    report = runner.sync(PURCHASES, day_of(MORNING, hours=2), "first")
    assert report.counts.outcomes == {Outcome.ALREADY_THERE: 6, Outcome.SENT: 1}
    assert calls(shop, "create purchase") == 1
    assert any("under their order_id, not under the order_group" in note for note in report.counts.notes)


def test_other_ids__are_looked_up_for_only(runner: SyncRunner, shop: SimulatedShop) -> None:
    (group,) = split_ids(shop, 1)
    plan = RunPlan("only", None, (), "one", only=f"{group}-01")
    assert runner.sync(PURCHASES, plan, "only").counts.outcomes == {Outcome.ALREADY_THERE: 1}
    assert calls(shop, "create purchase") == 0


def test_other_ids__look_ups_end_after_many_misses(
    runner: SyncRunner, shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("include.purchases.tracked._MOST_MISSES", 10)
    without_baskets(shop)
    put_buyer(shop)
    put_product(shop)
    put_orders(shop, 40, MORNING, timedelta(hours=1))
    refused(shop, runner)
    report = runner.sync(PURCHASES, day_of(MORNING, hours=1), "first")
    assert report.counts.outcomes == {Outcome.SENT: 40}
    assert 10 <= calls(shop, "get purchase by purchase id") <= 10 + 8, "the calls in flight"
    assert caplog.text.count("no more purchases are looked up") == 1
