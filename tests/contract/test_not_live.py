"""A dry run, and each run of a shop that is not live: it writes nothing, and reports what it would send."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from include.errors import TooManyRejected
from include.http.transport import WriteInDryRun
from include.live import Live, is_live
from include.newsletter.dry_run import keep_until_live, preview
from include.outcomes import Outcome, PipelineName, Reason
from include.pipeline.refusals import find_common_refusal
from include.pipeline.run import run_stage
from include.pipelines import DAILY_PIPELINES
from include.plan import RunPlan
from include.purchases.reconcile import repair
from include.report import StageCounts
from include.staging import Staging
from include.state import RecordOutcome
from include.state.tables import metadata
from include.state.tables import run as run_table
from tests.builders import NOON, SimulatedShop, SyncRunner, replay_of, window_ending
from tests.contract.each_pipeline import EACH_PIPELINE
from tests.contract.test_newsletter import RULES, apply, event, read_opt_ins, resolve
from tests.orders import MORNING, day_of, put_buyer, put_order, put_product, without_baskets

PRODUCTS, PURCHASES = PipelineName.PRODUCTS, PipelineName.PURCHASES
DAY = timedelta(days=1)


def tables(runner: SyncRunner) -> dict[str, Counter[str]]:
    """Every row of the state store, except the reports of runs."""
    engine = sa.create_engine(f"sqlite:///{runner.folder / 'state.db'}")
    with engine.connect() as connection:
        found = {
            table.name: Counter(str(tuple(row)) for row in connection.execute(sa.select(table)))
            for table in metadata.sorted_tables
            if table is not run_table
        }
    engine.dispose()
    return found


@EACH_PIPELINE
def test_dry_run__changes_neither_vendor_nor_the_state_store(
    pipeline: PipelineName, plan: RunPlan, runner: SyncRunner, shop: SimulatedShop
) -> None:
    before, target = tables(runner), shop.target()
    first = runner.sync(pipeline, plan, "first", dry_run=True)
    runner.sync(pipeline, plan, "second", dry_run=True)
    assert tables(runner) == before
    assert shop.target() == target
    assert shop.writes() == {}
    assert first.counts.outcomes[Outcome.SENT] > 0


@EACH_PIPELINE
def test_dry_run__names_records_that_would_be_sent(
    pipeline: PipelineName, plan: RunPlan, runner: SyncRunner
) -> None:
    report = runner.sync(pipeline, plan, "dry", dry_run=True)
    line = report.summary_line()
    assert f"{report.counts.outcomes[Outcome.SENT]} would be sent" in line
    assert " sent (" not in line
    assert 0 < len(report.counts.would_send) <= 10
    sent = runner.sync(pipeline, plan, "real")
    assert sent.counts.would_send == []
    for key in report.counts.would_send:
        assert key in line
        assert is_known(runner, pipeline, key)


def is_known(runner: SyncRunner, pipeline: PipelineName, key: str) -> bool:
    """Whether an operator who looks the key up finds the record that the real run sent."""
    if pipeline is PipelineName.CONTACTS:
        document = runner.vtex.client(key, ["id", "email"])
        return document is not None and bool(document["email"])
    if pipeline is PipelineName.PRODUCTS:
        return key in runner.shop.table("products", by="product_id")
    return runner.connectif.has_purchase(key)


def test_not_live__the_summary_says_why_and_what_to_do(runner: SyncRunner) -> None:
    report = runner.sync(PRODUCTS, RunPlan("full", None, (), "all"), "dry", dry_run=True, live=False)
    assert "products, full, dry run: " in report.summary_line()
    assert report.summary_line().endswith("set run.live in include/settings.toml, or SYNC_RUN__LIVE=true")
    asked = runner.sync(PRODUCTS, RunPlan("full", None, (), "all"), "asked", dry_run=True)
    assert "not live" not in asked.summary_line()


def test_dry_run__a_stage_that_would_write_is_stopped_before_the_call(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    def faulty(run: Any, _target: Staging) -> StageCounts:
        run.connectif.patch_product("1", {"name": "never"})
        return StageCounts()

    dry = runner.run(PRODUCTS, RunPlan("full", None, (), "all"), "dry", dry_run=True)
    with pytest.raises(WriteInDryRun, match="patch product: not called, because a dry run writes nothing"):
        run_stage(dry, "faulty", faulty)
    assert shop.writes() == {}
    real = runner.run(PRODUCTS, RunPlan("full", None, (), "all"), "real")
    run_stage(real, "faulty", faulty)
    assert shop.writes() == {"patch product": 1}


def test_not_live__the_repair_of_a_comparison_sends_nothing(runner: SyncRunner, shop: SimulatedShop) -> None:
    folder = run_stage(
        runner.run(PURCHASES, window_ending(NOON), "compare", dry_run=True),
        "compare_purchases",
        DAILY_PIPELINES[PURCHASES].code().compare,
    )
    exports = shop.writes()
    target = shop.target()
    run_stage(
        runner.run(PURCHASES, window_ending(NOON), "compare", dry_run=True), "repair", repair, source=folder
    )
    assert shop.target() == target
    assert shop.writes() == exports


@pytest.mark.parametrize(
    ("live", "urls", "writes"),
    [
        (True, ("https://shop.vtex.test",), True),
        (False, ("http://127.0.0.1:8101",), False),
        ("sandbox", ("http://127.0.0.1:8101", "http://localhost:8102"), True),
        ("sandbox", ("http://sandbox:8101", "http://sandbox:8102"), True),
        ("sandbox", ("http://sandbox.test:8101", "http://sandbox:8102"), False),
        ("sandbox", ("http://127.0.0.1:8101", "https://api.connectif.test"), False),
        ("sandbox", ("https://127.0.0.1.vtex.test", "http://127.0.0.1:8102"), False),
        ("sandbox", ("", "http://127.0.0.1:8102"), False),
    ],
)
def test_live__sandbox_means_both_vendors_on_this_machine(
    live: Live, urls: tuple[str, ...], writes: bool
) -> None:
    assert is_live(live, *urls) is writes


# --- subscription changes


@pytest.fixture
def people(shop: SimulatedShop) -> dict[str, str]:
    """Three customers who are subscribed in the shop: e-mail by document id."""
    found = {f"person-{number}": f"person.{number}@example.com" for number in range(3)}
    for document_id, email in found.items():
        shop.on_vtex("PUT", f"documents/{document_id}", {"email": email, "isNewsletterOptIn": True})
    shop.clock.advance(60)
    return found


def test_newsletter__a_dry_run_counts_what_it_would_change(
    runner: SyncRunner, shop: SimulatedShop, people: dict[str, str]
) -> None:
    first, second, third = people.values()
    events = [
        event(runner, first, subscribed=False),
        event(runner, second, subscribed=True),
        event(runner, "unknown@example.com", subscribed=False),
        event(runner, "not an address", subscribed=False),
        event(runner, third, subscribed=True),
        event(runner, third, subscribed=False),
    ]
    before = tables(runner)
    counts = preview(runner.vtex, runner.state, RULES, events, shop.clock.now())
    assert counts.read == counts.outcomes.total() == 6
    assert counts.outcomes == {
        Outcome.SENT: 2,
        Outcome.UNCHANGED: 2,
        Outcome.EXCLUDED: 1,
        Outcome.REJECTED: 1,
    }
    assert sorted(counts.would_send) == ["person-0", "person-2"]
    assert tables(runner) == before
    assert shop.writes() == {}


def test_newsletter__events_before_the_shop_is_live_are_applied_afterwards(
    runner: SyncRunner, shop: SimulatedShop, people: dict[str, str]
) -> None:
    events = [event(runner, email, subscribed=False) for email in people.values()]
    kept = keep_until_live(runner.state, RULES, events, shop.clock.now())
    assert kept.reasons == {Reason.NOT_LIVE: 3}
    assert shop.writes() == {}
    assert read_opt_ins(shop, people) == [True, True, True]
    assert apply(runner, []).outcomes == {Outcome.SENT: 3}
    assert read_opt_ins(shop, people) == [False, False, False]


def test_newsletter__a_contact_run_applies_what_waited(
    runner: SyncRunner, shop: SimulatedShop, people: dict[str, str]
) -> None:
    keep_until_live(
        runner.state, RULES, [event(runner, email, subscribed=False) for email in people.values()], NOON
    )
    assert resolve(runner, "night").outcomes == {Outcome.SENT: 3}


def test_newsletter__the_newest_of_waiting_events_counts(
    runner: SyncRunner, shop: SimulatedShop, people: dict[str, str]
) -> None:
    (email, *_) = people.values()
    older = event(runner, email, subscribed=True)
    shop.clock.advance(60)
    newer = event(runner, email, subscribed=False)
    for given in (newer, older):
        keep_until_live(runner.state, RULES, [given], shop.clock.now())
    apply(runner, [])
    assert read_opt_ins(shop, people)[0] is False


def test_newsletter__a_late_subscription_does_not_undo_a_later_opt_out(
    runner: SyncRunner, shop: SimulatedShop, people: dict[str, str]
) -> None:
    """A change that waited for days subscribes no customer again; an opt-out is always applied."""
    first, second, _ = people
    events = [
        event(runner, people[first], subscribed=True),
        event(runner, people[second], subscribed=False),
    ]
    keep_until_live(runner.state, RULES, events, shop.clock.now())
    shop.clock.advance(3_600)
    runner.vtex.patch_client(first, {"isNewsletterOptIn": False})
    shop.clock.advance(2 * 86_400)
    counts = apply(runner, [])
    assert counts.reasons == {Reason.CHANGED_SINCE: 1}
    assert read_opt_ins(shop, people) == [False, False, True]
    assert runner.state.newsletter.due_pending(shop.clock.now() + timedelta(days=9)) == []


# --- most writes refused for one reason


def put_purchases(shop: SimulatedShop, number: int) -> None:
    without_baskets(shop)
    put_buyer(shop)
    put_product(shop)
    for one in range(number):
        put_order(shop, f"90{one}-01", MORNING + timedelta(minutes=one))


FOREIGN = {"status": 422, "code": "E0103", "title": "A domain is not authorized"}


@pytest.mark.parametrize("number", [1, 13])
def test_refusals__for_one_reason_of_the_setup_fail_the_run(
    number: int, runner: SyncRunner, shop: SimulatedShop
) -> None:
    put_purchases(shop, number)
    shop.fault_at_connectif("create purchase", calls=99, status=422, body=FOREIGN)
    sentence = rf"refused {number} of {number} writes for the same reason: E0103: a link is outside"
    with pytest.raises(TooManyRejected, match=sentence):
        runner.sync(PURCHASES, day_of(MORNING), "night")
    report = runner.state.reports.latest(PURCHASES)[0]
    assert report.state == "failed"
    (tracking,) = report.report.counts.tracking.values()
    assert (tracking.tracked, tracking.added, tracking.unknown) == (0, 0, number)
    assert f"loss of the tag not known, unknown: {number}" in report.report.summary_line()


def test_refusals__a_replay_recomputes_the_tracking_loss(runner: SyncRunner, shop: SimulatedShop) -> None:
    put_purchases(shop, 3)
    shop.fault_at_connectif("create purchase", calls=3, status=422, body=FOREIGN)
    with pytest.raises(TooManyRejected):
        runner.sync(PURCHASES, day_of(MORNING), "night")
    report = runner.sync(PURCHASES, replay_of(), "replay")
    (tracking,) = report.counts.tracking.values()
    assert (tracking.tracked, tracking.added, tracking.unknown) == (0, 3, 0)


@pytest.mark.parametrize(
    ("refused", "sent", "detail", "fails"),
    [
        (1, 0, "E0103: a link is outside", True),
        (1, 0, "422: _birthdate", False),
        (2, 1, "E0201: a link is outside", True),
        (1, 1, "E0103: a link is outside", False),
        (3, 2, "422: _gender", True),
        (3, 3, "422: _gender", False),
        (2, 0, "422: _gender", False),
        (3, 0, "", True),
        (1, 0, "missing columns", True),
    ],
)
def test_common_refusal__more_than_half_for_the_same_reason(
    refused: int, sent: int, detail: str, fails: bool
) -> None:
    rows = [
        RecordOutcome(f"{number}", Outcome.REJECTED, Reason.TARGET_REJECTED, detail)
        for number in range(refused)
    ]
    other = [RecordOutcome("x", Outcome.REJECTED, Reason.EMAIL_INVALID, detail)]
    assert (find_common_refusal([*rows, *other], sent) is not None) is fails
