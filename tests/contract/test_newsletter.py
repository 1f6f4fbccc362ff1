"""Subscription changes between both vendors: none is lost in an outage or for want of a call, and none goes in circles."""

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
    """Twelve customers who said yes in the shop, and whom Connectif knows: e-mail by document id."""
    found = {f"person-{number}": f"Person.{number}@example.com" for number in range(12)}
    for document_id, email in found.items():
        shop.on_vtex("PUT", f"documents/{document_id}", {"email": email, "isNewsletterOptIn": True})
        status = {"_newsletterSubscriptionStatus": "subscribed"}
        shop.on_connectif("PUT", f"contacts/{email.lower()}", status)
    shop.clock.advance(60)
    return found


@pytest.fixture
def with_net(runner: SyncRunner, people: dict[str, str]) -> SyncRunner:
    """The safety net is on, and has taken what the simulated shop's people had done before."""
    runner.change("newsletter", safety_net=True)
    resolve(runner, "before")
    return runner


def event(runner: SyncRunner, email: str, subscribed: bool) -> dict[str, Any]:
    return {"email": email, "subscribed": subscribed, "occurred_at": runner.shop.clock.now().isoformat()}


def apply(runner: SyncRunner, events: Iterable[dict[str, Any]]) -> StageCounts:
    sync = NewsletterSync(runner.vtex, runner.state, RULES, "run")
    sync.apply(list(events), runner.shop.clock.now())
    return sync.counts


def resolve(runner: SyncRunner, key: str, plan: RunPlan = TODAY) -> StageCounts:
    """What the daily contact run does besides."""
    run = runner.run(PipelineName.CONTACTS, plan, key)
    sync = NewsletterSync(runner.vtex, runner.state, RULES, "run")
    sync.resolve(missed_changes(run, Staging(runner.folder / key / "newsletter")), run.now())
    return sync.counts


def opted_in(shop: SimulatedShop, people: Iterable[str]) -> list[bool]:
    return [shop.on_vtex("GET", f"documents/{one}")["isNewsletterOptIn"] for one in people]


# --- the safety net


def test_safety_net__finds_what_nobody_called_for(
    with_net: SyncRunner, shop: SimulatedShop, people: dict[str, str]
) -> None:
    """No callback is set up: what these people do at Connectif is only in its export of activities."""
    emails = list(people.values())
    for email in emails[:4]:
        shop.on_connectif("POST", "unsubscribe", {"email": email.lower()})
    shop.clock.advance(60)
    shop.on_connectif("POST", "subscribe", {"email": emails[0].lower()})
    shop.clock.advance(3_600)
    counts = resolve(with_net, "net")
    assert opted_in(shop, people) == [True, False, False, False, *[True] * 8]
    assert counts.written == 3
    again = resolve(with_net, "again")
    assert (again.written, again.read) == (0, counts.read)


def test_safety_net__is_off_until_it_is_asked_for(
    runner: SyncRunner, shop: SimulatedShop, people: dict[str, str]
) -> None:
    shop.on_connectif("POST", "unsubscribe", {"email": "person.1@example.com"})
    assert resolve(runner, "net").read == 0
    assert "create export" not in shop.counts()


def test_safety_net__what_the_callback_brought_already_is_not_done_again(
    with_net: SyncRunner, shop: SimulatedShop, people: dict[str, str]
) -> None:
    shop.on_connectif("POST", "unsubscribe", {"email": "person.1@example.com"})
    shop.clock.advance(2)
    apply(with_net, [event(with_net, "person.1@example.com", subscribed=False)])
    shop.on_vtex(
        "PUT",
        "documents/person-1",
        {"email": "Person.1@example.com", "isNewsletterOptIn": True},
    )
    shop.clock.advance(3_600)
    assert resolve(with_net, "net").written == 0, "the customer's own yes in the shop, later, stays"
    assert opted_in(shop, ["person-1"]) == [True]


# --- how an address is written


@pytest.mark.parametrize("written", ["ana@españa.example", "ANA@ESPAÑA.example", "ana@xn--espaa-rta.example"])
def test_international_address__is_found_as_it_was_typed_in_the_shop(
    runner: SyncRunner, shop: SimulatedShop, written: str
) -> None:
    shop.on_vtex("PUT", "documents/typed", {"email": "Ana@España.example", "isNewsletterOptIn": True})
    shop.on_vtex(
        "PUT", "documents/encoded", {"email": "ana@xn--espaa-rta.example", "isNewsletterOptIn": True}
    )
    shop.clock.advance(60)
    counts = apply(runner, [event(runner, written, subscribed=False)])
    assert opted_in(shop, ["typed", "encoded"]) == [False, False]
    assert counts.written == 2


# --- VTEX out of reach


def test_outage__of_an_hour_loses_no_change_and_the_newest_wins(
    runner: SyncRunner, shop: SimulatedShop, people: dict[str, str]
) -> None:
    """Runs wait in Airflow and are tried again in their order, each as often as it takes."""
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
    for run in reversed(runs):  # whatever the order: the ledger decides
        apply(runner, run)
    assert opted_in(shop, people) == [True] * 3 + [False] * 9


def test_outage__of_the_writes_alone_holds_up_no_run(
    runner: SyncRunner, shop: SimulatedShop, people: dict[str, str]
) -> None:
    shop.fault_at_vtex("md patch", calls=10_000, status=500)
    first = apply(runner, [event(runner, email, subscribed=False) for email in people.values()])
    assert (first.written, sum(first.reasons.values())) == (0, 12)
    shop.on_vtex("DELETE", "faults")
    shop.clock.advance(600)
    assert apply(runner, []).written == 12
    assert opted_in(shop, people) == [False] * 12


@pytest.mark.parametrize("status", [400, 414, 431])
def test_refused__look_ups_of_many_are_tried_in_halves(
    runner: SyncRunner, shop: SimulatedShop, people: dict[str, str], status: int
) -> None:
    shop.fault_at_vtex("md search", calls=2, status=status)
    counts = apply(runner, [event(runner, email, subscribed=False) for email in people.values()])
    assert counts.written == 12
    assert opted_in(shop, people) == [False] * 12


# --- no loop


def test_loop__a_change_that_was_applied_comes_back_from_nowhere(
    with_net: SyncRunner, shop: SimulatedShop, people: dict[str, str]
) -> None:
    """Connectif → VTEX → the next contact run → Connectif: and there it ends."""
    runner = with_net
    for email in people.values():
        shop.on_connectif("POST", "unsubscribe", {"email": email.lower()})
    apply(runner, [event(runner, email, subscribed=False) for email in people.values()])
    shop.clock.advance(3_600)
    statuses = {email: row["newsletter_status"] for email, row in _contacts(shop).items()}
    changes = shop.on_vtex("GET", "changes")
    report = runner.sync(PipelineName.CONTACTS, window_ending(shop.clock.now(), hours=3), "day")
    assert report.counts.written >= 12, "our own write is a change that the next run takes"
    assert {email: row["newsletter_status"] for email, row in _contacts(shop).items()} == statuses
    assert resolve(runner, "day").written == 0
    assert shop.on_vtex("GET", "changes") == changes
    assert shop.on_connectif("GET", "callbacks")["made"] == []


def test_loop__the_contact_run_does_not_undo_a_change_that_still_waits(
    runner: SyncRunner, shop: SimulatedShop, people: dict[str, str]
) -> None:
    """VTEX still says yes when the run reads it; the no at Connectif stays, and gets there in the end."""
    shop.on_connectif("POST", "unsubscribe", {"email": "person.1@example.com"})
    waiting = event(runner, "person.1@example.com", subscribed=False)
    shop.clock.advance(3_600)
    runner.sync(PipelineName.CONTACTS, window_ending(shop.clock.now(), hours=3), "day")
    assert _contacts(shop)["person.1@example.com"]["newsletter_status"] == "unsubscribed"
    apply(runner, [waiting])
    assert opted_in(shop, ["person-1"]) == [False]


def _contacts(shop: SimulatedShop) -> dict[str, dict[str, Any]]:
    return shop.table("contacts", by="email")
