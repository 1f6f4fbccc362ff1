"""Subscription changes between both vendors: outages and missing callbacks lose none, and no loop occurs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from include.errors import TemporaryError
from include.newsletter import NewsletterRules, NewsletterSync
from include.newsletter.safety_net import missed_changes
from include.outcomes import PipelineName
from include.plan import RunPlan
from include.report import StageCounts
from include.staging import Staging
from include.window import Window
from tests.builders import NOON, SimulatedShop, SyncRunner, window_ending

RULES = NewsletterRules(timedelta(minutes=5), timedelta(minutes=10))
TODAY = RunPlan("window", Window(NOON - timedelta(hours=1), NOON + timedelta(hours=6)), (), "today")


@pytest.fixture
def people(shop: SimulatedShop) -> dict[str, str]:
    """Twelve customers who are subscribed in the shop and at Connectif: e-mail by document id."""
    found = {f"person-{number}": f"Person.{number}@example.com" for number in range(12)}
    for document_id, email in found.items():
        shop.on_vtex("PUT", f"documents/{document_id}", {"email": email, "isNewsletterOptIn": True})
        status = {"_newsletterSubscriptionStatus": "subscribed"}
        shop.on_connectif("PUT", f"contacts/{email.lower()}", status)
    shop.clock.advance(60)
    return found


@pytest.fixture
def net_runner(runner: SyncRunner, people: dict[str, str]) -> SyncRunner:
    """The safety net is on, and has applied all earlier changes of the simulated shop."""
    runner.change("newsletter", safety_net=True)
    resolve(runner, "before")
    return runner


def event(runner: SyncRunner, email: str, subscribed: bool) -> dict[str, Any]:
    return {"email": email, "subscribed": subscribed, "occurred_at": runner.shop.clock.now().isoformat()}


def apply(runner: SyncRunner, events: Iterable[dict[str, Any]]) -> StageCounts:
    sync = NewsletterSync(runner.vtex, runner.state, RULES, "run")
    sync.apply(list(events), runner.shop.clock.now)
    return sync.counts


def resolve(runner: SyncRunner, key: str, plan: RunPlan = TODAY) -> StageCounts:
    """Run the newsletter task of the daily contact run."""
    run = runner.run(PipelineName.CONTACTS, plan, key)
    sync = NewsletterSync(runner.vtex, runner.state, RULES, "run")
    sync.resolve(missed_changes(run, Staging(runner.folder / key / "newsletter")), run.now())
    return sync.counts


def read_opt_ins(shop: SimulatedShop, people: Iterable[str]) -> list[bool]:
    return [shop.on_vtex("GET", f"documents/{one}")["isNewsletterOptIn"] for one in people]


# --- the safety net


def test_safety_net__finds_changes_without_a_callback(
    net_runner: SyncRunner, shop: SimulatedShop, people: dict[str, str]
) -> None:
    """No callback is set up: only Connectif's export of activities has these changes."""
    emails = list(people.values())
    for email in emails[:4]:
        shop.on_connectif("POST", "unsubscribe", {"email": email.lower()})
    shop.clock.advance(60)
    shop.on_connectif("POST", "subscribe", {"email": emails[0].lower()})
    shop.clock.advance(3_600)
    counts = resolve(net_runner, "net")
    assert read_opt_ins(shop, people) == [True, False, False, False, *[True] * 8]
    assert counts.written == 3
    again = resolve(net_runner, "again")
    assert (again.written, again.read) == (0, counts.read)


def test_safety_net__is_off_by_default(
    runner: SyncRunner, shop: SimulatedShop, people: dict[str, str]
) -> None:
    shop.on_connectif("POST", "unsubscribe", {"email": "person.1@example.com"})
    assert resolve(runner, "net").read == 0
    assert "create export" not in shop.counts()


def test_safety_net__does_not_repeat_a_change_of_a_callback(
    net_runner: SyncRunner, shop: SimulatedShop, people: dict[str, str]
) -> None:
    shop.on_connectif("POST", "unsubscribe", {"email": "person.1@example.com"})
    shop.clock.advance(2)
    apply(net_runner, [event(net_runner, "person.1@example.com", subscribed=False)])
    shop.on_vtex(
        "PUT",
        "documents/person-1",
        {"email": "Person.1@example.com", "isNewsletterOptIn": True},
    )
    shop.clock.advance(3_600)
    assert resolve(net_runner, "net").written == 0, "the customer's later yes in the shop stays"
    assert read_opt_ins(shop, ["person-1"]) == [True]


# --- spellings of an address


@pytest.mark.parametrize("written", ["ana@españa.example", "ANA@ESPAÑA.example", "ana@xn--espaa-rta.example"])
def test_international_address__is_found_in_every_spelling(
    runner: SyncRunner, shop: SimulatedShop, written: str
) -> None:
    shop.on_vtex("PUT", "documents/typed", {"email": "Ana@España.example", "isNewsletterOptIn": True})
    shop.on_vtex(
        "PUT", "documents/encoded", {"email": "ana@xn--espaa-rta.example", "isNewsletterOptIn": True}
    )
    shop.clock.advance(60)
    counts = apply(runner, [event(runner, written, subscribed=False)])
    assert read_opt_ins(shop, ["typed", "encoded"]) == [False, False]
    assert counts.written == 2


# --- VTEX is unreachable


def test_outage__of_an_hour_loses_no_change(
    runner: SyncRunner, shop: SimulatedShop, people: dict[str, str]
) -> None:
    """Airflow retries the waiting runs; after the outage, they may run in any order."""
    runs = [[event(runner, email, subscribed=False) for email in people.values()]]
    shop.clock.advance(60)
    runs.append([event(runner, email, subscribed=True) for email in list(people.values())[:3]])
    shop.fault_at_vtex("md search", calls=10_000, status=503)
    end = shop.clock.now() + timedelta(hours=1)
    tries = 0
    while shop.clock.now() < end:
        with pytest.raises(TemporaryError):
            apply(runner, runs[0])
        shop.clock.advance(300)
        tries += 1
    assert tries > 2
    shop.on_vtex("DELETE", "faults")
    for run in reversed(runs):  # the ledger decides, not the order
        apply(runner, run)
    assert read_opt_ins(shop, people) == [True] * 3 + [False] * 9


def test_outage__of_writes_only_delays_no_run(
    runner: SyncRunner, shop: SimulatedShop, people: dict[str, str]
) -> None:
    shop.fault_at_vtex("md patch", calls=10_000, status=500)
    first = apply(runner, [event(runner, email, subscribed=False) for email in people.values()])
    assert (first.written, sum(first.reasons.values())) == (0, 12)
    shop.on_vtex("DELETE", "faults")
    shop.clock.advance(600)
    assert apply(runner, []).written == 12
    assert read_opt_ins(shop, people) == [False] * 12


@pytest.mark.parametrize("status", [400, 414, 431])
def test_refused__a_look_up_of_many_is_repeated_in_halves(
    runner: SyncRunner, shop: SimulatedShop, people: dict[str, str], status: int
) -> None:
    shop.fault_at_vtex("md search", calls=2, status=status)
    counts = apply(runner, [event(runner, email, subscribed=False) for email in people.values()])
    assert counts.written == 12
    assert read_opt_ins(shop, people) == [False] * 12


# --- no loop


def test_loop__an_applied_change_does_not_come_back(
    net_runner: SyncRunner, shop: SimulatedShop, people: dict[str, str]
) -> None:
    """A change goes from Connectif to VTEX and with the next contact run to Connectif, where it ends."""
    runner = net_runner
    for email in people.values():
        shop.on_connectif("POST", "unsubscribe", {"email": email.lower()})
    apply(runner, [event(runner, email, subscribed=False) for email in people.values()])
    shop.clock.advance(3_600)
    statuses = {email: row["newsletter_status"] for email, row in _contacts(shop).items()}
    changes = shop.on_vtex("GET", "changes")
    report = runner.sync(PipelineName.CONTACTS, window_ending(shop.clock.now(), hours=3), "day")
    assert report.counts.written >= 12, "the next run reads our own write as a change"
    assert {email: row["newsletter_status"] for email, row in _contacts(shop).items()} == statuses
    assert resolve(runner, "day").written == 0
    assert shop.on_vtex("GET", "changes") == changes
    assert shop.on_connectif("GET", "callbacks")["made"] == []


def test_loop__the_contact_run_does_not_undo_a_pending_change(
    runner: SyncRunner, shop: SimulatedShop, people: dict[str, str]
) -> None:
    """The contact run still reads yes from VTEX. The no at Connectif stays and reaches VTEX later."""
    shop.on_connectif("POST", "unsubscribe", {"email": "person.1@example.com"})
    waiting = event(runner, "person.1@example.com", subscribed=False)
    shop.clock.advance(3_600)
    runner.sync(PipelineName.CONTACTS, window_ending(shop.clock.now(), hours=3), "day")
    assert _contacts(shop)["person.1@example.com"]["newsletter_status"] == "unsubscribed"
    apply(runner, [waiting])
    assert read_opt_ins(shop, ["person-1"]) == [False]


def _contacts(shop: SimulatedShop) -> dict[str, dict[str, Any]]:
    return shop.table("contacts", by="email")
