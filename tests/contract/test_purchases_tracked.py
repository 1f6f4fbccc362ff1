"""Only what the tag missed is posted, and finding that out costs next to nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from include.connectif.client import ConnectifClient
from include.outcomes import Area, Outcome, Reason
from include.plan import RunPlan
from include.report import Report
from tests.builders import EVERYTHING, Office, World, connectif_client, window_ending
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

PURCHASES = Area.PURCHASES
DAY = window_ending()


def fallback_notes(report: Report) -> list[str]:
    return [note for note in report.counts.notes if "offered one by one" in note]


def test_purchases__exactly_those_that_the_tag_missed_are_posted(office: Office, world: World) -> None:
    before = set(purchases(world))
    report = office.sync(PURCHASES, DAY, "first")
    added = set(purchases(world)) - before
    assert report.counts.written == len(added) > 5
    assert world.counts()["create purchase"].get("409") is None
    assert report.counts.reasons[Reason.ALREADY_TRACKED] > 5
    assert fallback_notes(report) == []


def test_purchases__cost_hardly_more_calls_than_there_are_missing(office: Office, world: World) -> None:
    office.sync(Area.CONTACTS, EVERYTHING, "contacts")
    office.sync(Area.PRODUCTS, EVERYTHING, "products")
    world.on_connectif("DELETE", "journal")
    report = office.sync(PURCHASES, window_ending(hours=72), "first")
    assert report.counts.written > 40
    assert connectif_calls(world) <= report.counts.written * 1.02 + 20


def test_purchases__without_a_sync_of_contacts_no_more_either(office: Office, world: World) -> None:
    office.sync(Area.PRODUCTS, EVERYTHING, "products")
    world.on_connectif("DELETE", "journal")
    report = office.sync(PURCHASES, window_ending(hours=72), "first")
    assert connectif_calls(world) <= report.counts.written * 1.02 + 20


def test_purchases__of_a_day_that_the_tag_half_missed_the_other_half_is_posted(
    office: Office, world: World
) -> None:
    """So many that the twenty calls beside the posts do not hide one more for each."""
    without_baskets(world)
    put_buyer(world)
    put_product(world)
    groups = put_orders(world, 400, MORNING, timedelta(hours=1))
    tracked, missed = groups[::2], groups[1::2]
    for group in tracked:
        put_purchase(world, group)
    world.on_connectif("DELETE", "journal")
    report = office.sync(PURCHASES, day_of(MORNING, hours=1), "first")
    assert report.counts.written == calls(world, "create purchase") == len(missed)
    assert {key for key, row in purchases(world).items() if row["origin"] == "api"} == set(missed)
    assert connectif_calls(world) <= len(missed) * 1.02 + 20


def test_purchases__the_tags_clock_may_differ_by_a_day(office: Office, world: World) -> None:
    without_baskets(world)
    put_buyer(world)
    put_product(world)
    for number, hours in enumerate((-20, 20)):
        put_order(world, f"{number}-01", MORNING - timedelta(days=2))
        put_purchase(world, f"{number}", MORNING - timedelta(days=2) + timedelta(hours=hours))
    report = office.sync(PURCHASES, day_of(MORNING - timedelta(days=2), hours=1), "first")
    assert report.counts.outcomes == {Outcome.ALREADY_THERE: 2}
    assert calls(world, "create purchase") == 0


@pytest.mark.parametrize(("days", "exports"), [(29, 1), (30, 2), (70, 3)])
def test_purchases__more_days_than_an_export_may_have_take_several(
    days: int, exports: int, office: Office, world: World
) -> None:
    """An export has at most 31 days, two of which lie around the window."""
    without_baskets(world)
    put_buyer(world)
    put_product(world)
    start = MORNING - timedelta(days=days + 2)
    for number in range(days + 1):
        put_order(world, f"{number}-01", start + timedelta(days=number, seconds=1))
        put_purchase(world, f"{number}", start + timedelta(days=number, seconds=1))
    report = office.sync(PURCHASES, day_of(start, hours=24 * days + 1), "first")
    assert report.counts.outcomes == {Outcome.ALREADY_THERE: days + 1}
    assert fallback_notes(report) == []
    assert calls(world, "create export") == exports
    assert calls(world, "create purchase") == 0


def test_purchases__a_second_run_posts_nothing(office: Office, world: World) -> None:
    first = office.sync(PURCHASES, DAY, "first")
    state, posted = world.target(), calls(world, "create purchase")
    second = office.sync(PURCHASES, DAY, "second")
    assert calls(world, "create purchase") == posted
    assert world.target() == state
    assert second.counts.outcomes[Outcome.SENT] == second.counts.written == 0
    assert second.missing == 0
    assert second.counts.tracking == first.counts.tracking, "what we added is not the tag's merit"


def test_purchases__export_in_several_files_and_other_words(office: Office, world: World) -> None:
    world.connectif.knobs.export_rows_per_file = 3
    world.connectif.knobs.export_columns = {"purchaseId": "ID de compra", "activityType": "Tipo"}
    report = office.sync(PURCHASES, DAY, "first")
    assert fallback_notes(report) == []
    assert world.counts()["create purchase"].get("409") is None
    assert report.counts.reasons[Reason.ALREADY_TRACKED] > 5


def unknown_column(world: World, _office: Office) -> None:
    world.connectif.knobs.export_columns = {"purchaseId": "what else"}


def never_done(world: World, _office: Office) -> None:
    world.connectif.knobs.exports_paused = True


def refused(world: World, _office: Office) -> None:
    world.on_connectif("POST", "faults", {"script": [{"route": "create export", "calls": 9, "status": 400,
                                                      "body": {"status": 400, "title": "no"}}]})  # fmt: skip


def no_right(world: World, office: Office) -> None:
    rights = ["purchases:read", "purchases:write", "contacts:write", "products:write", "imports:read",
              "imports:write"]  # fmt: skip
    world.on_connectif("POST", "keys", {"id": "few", "secret": "s", "rights": rights})
    office.connectif.transport.session.close()
    office.connectif = connectif_client(world, key_id="few", secret="s")


def file_gone(world: World, _office: Office) -> None:
    world.on_connectif(
        "POST", "faults", {"script": [{"route": "download export", "calls": 9, "status": 404}]}
    )


@pytest.mark.parametrize("spoil", [unknown_column, never_done, refused, no_right, file_gone])
def test_purchases__without_the_export_all_are_offered(spoil: Any, office: Office, world: World) -> None:
    before = set(purchases(world))
    spoil(world, office)
    office.change("connectif", export_timeout_minutes=0)
    report = office.sync(PURCHASES, DAY, "first")
    assert len(fallback_notes(report)) == 1
    assert world.counts()["create purchase"]["409"] == report.counts.reasons[Reason.ALREADY_TRACKED] > 5
    assert report.counts.written == len(set(purchases(world)) - before) > 5
    assert report.missing == 0


def test_purchases__a_full_queue_of_exports_is_waited_for(
    office: Office, world: World, connectif: ConnectifClient
) -> None:
    world.connectif.knobs.exports_paused = True
    window = DAY.window
    assert window
    for _ in range(5):
        connectif.create_activities_export(["purchase"], window)
    office.connectif.transport.session.hooks["response"].append(lambda *_, **__: resume_after_refusal(world))
    report = office.sync(PURCHASES, DAY, "first")
    assert world.counts()["create export"]["400"] >= 1
    assert fallback_notes(report) == []


def resume_after_refusal(world: World) -> None:
    if world.counts().get("create export", {}).get("400"):
        world.connectif.knobs.exports_paused = False


def test_purchases__nothing_to_post_asks_connectif_nothing(office: Office, world: World) -> None:
    without_baskets(world)
    report = office.sync(PURCHASES, DAY, "first")
    assert (report.counts.read, connectif_calls(world)) == (0, 0)


def test_purchases__a_dry_run_forecasts_without_asking_connectif(
    office: Office, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        office.sync(PURCHASES, DAY, "dry", dry_run=True)
    assert connectif_calls(world) == 0
    assert re.search(r"dry run: \d+ purchases, \d+ of them to be posted: about \d+ calls", caplog.text)


def test_purchases__the_forecast_comes_before_the_first_write(
    office: Office, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[bool] = []

    def watch(response: Any, *_: Any, **__: Any) -> None:
        if "/purchases/" in response.request.url or "/imports/" in response.request.url:
            seen.append("calls to Connectif in" in caplog.text)

    office.connectif.transport.session.hooks["response"].append(watch)
    with caplog.at_level("INFO"):
        office.sync(PURCHASES, DAY, "first")
    assert seen
    assert all(seen)
    assert re.search(r"\d+ orders to read, in about \d+ minutes", caplog.text)


# --- the form of the tag's ids


@pytest.mark.parametrize(
    ("configured", "reported", "hint"),
    [("order_group", "888-01", "order_id"), ("order_id", "888", "order_group")],
)
def test_tag__reports_another_form_of_id__is_warned_of_and_not_doubled(
    configured: str, reported: str, hint: str, office: Office, world: World
) -> None:
    without_baskets(world)
    put_buyer(world)
    put_product(world)
    put_order(world, "888-01", MORNING)
    put_purchase(world, reported, MORNING)
    office.change("purchases", purchase_id_source=configured)
    report = office.sync(PURCHASES, day_of(MORNING, hours=2), "first")
    assert set(purchases(world)) == {reported}
    assert report.counts.outcomes == {Outcome.ALREADY_THERE: 1}
    assert [note for note in report.counts.notes if f"SYNC_PURCHASES__PURCHASE_ID_SOURCE) to {hint}" in note]


def test_tag__reports_the_configured_form__is_not_warned_of(office: Office, world: World) -> None:
    report = office.sync(PURCHASES, DAY, "first")
    assert report.counts.notes == []


# --- contacts of those that are missing


def test_buyers__are_created_by_one_import_with_an_explicit_status(office: Office, world: World) -> None:
    without_baskets(world)
    put_buyer(world, "guest0@example.com")
    put_product(world)
    for number in range(12):
        put_order(world, f"{number}-01", MORNING, email=f"guest{number}@example.com")
    report = office.sync(PURCHASES, day_of(MORNING, hours=2), "first")
    contacts = world.table("contacts", by="email")
    assert report.counts.written == 12
    assert contacts["guest0@example.com"]["newsletter_status"] == "subscribed", "who exists is left alone"
    assert {contacts[f"guest{n}@example.com"]["newsletter_status"] for n in range(1, 12)} == {"none"}
    assert calls(world, "create import") == 2, "the other is of the product, which no run has sent"
    assert calls(world, "create purchase") == 12
    assert calls(world, "patch contact") == 0


def test_buyers__when_the_import_fails_they_are_created_one_by_one(office: Office, world: World) -> None:
    without_baskets(world)
    put_product(world)
    put_orders(world, 12, MORNING, timedelta(minutes=10), lines=[LINE])
    for number in range(12):
        put_order(world, f"{number}-01", MORNING, email=f"guest{number}@example.com")
    world.on_connectif("POST", "faults", {"script": [{"route": "create import", "calls": 99, "status": 413}]})
    report = office.sync(PURCHASES, day_of(MORNING, hours=2), "first")
    assert report.counts.written == 24
    assert calls(world, "patch contact") >= 13


# --- another form of the id, and no export that tells


def split_ids(world: World, number: int) -> list[str]:
    """Purchases of one order each that the tag reported under the order's id, not its group's."""
    without_baskets(world)
    put_buyer(world)
    put_product(world)
    groups = put_orders(world, number, MORNING, timedelta(hours=1))
    for group in groups:
        put_purchase(world, f"{group}-01")
    return groups


@pytest.mark.parametrize("spoil", [unknown_column, refused])
def test_purchases__without_an_export_those_under_the_other_id_are_found_one_by_one(
    spoil: Callable[[World, Office], None], office: Office, world: World
) -> None:
    split_ids(world, 6)
    put_order(world, "777-01", MORNING)
    spoil(world, office)
    report = office.sync(PURCHASES, day_of(MORNING, hours=2), "first")
    assert report.counts.outcomes == {Outcome.ALREADY_THERE: 6, Outcome.SENT: 1}
    assert calls(world, "create purchase") == 1
    assert any("under their order_id, not under the order_group" in note for note in report.counts.notes)


def test_purchases__only_looks_under_the_other_id_too(office: Office, world: World) -> None:
    (group,) = split_ids(world, 1)
    plan = RunPlan("only", None, (), "one", only=f"{group}-01")
    assert office.sync(PURCHASES, plan, "only").counts.outcomes == {Outcome.ALREADY_THERE: 1}
    assert calls(world, "create purchase") == 0


def test_purchases__look_ups_end_when_they_find_nothing(
    office: Office, world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("include.sync.purchases.tracked._FRUITLESS", 10)
    without_baskets(world)
    put_buyer(world)
    put_product(world)
    put_orders(world, 40, MORNING, timedelta(hours=1))
    refused(world, office)
    report = office.sync(PURCHASES, day_of(MORNING, hours=1), "first")
    assert report.counts.outcomes == {Outcome.SENT: 40}
    assert 10 <= calls(world, "get purchase by purchase id") <= 10 + 8, "those under way at once"
    assert caplog.text.count("the rest are not looked up") == 1
