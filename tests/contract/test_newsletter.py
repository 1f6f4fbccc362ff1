"""Wishes between both vendors: none is lost in an outage or for want of a call, and none goes in circles."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from include.errors import TemporaryError
from include.outcomes import Area
from include.plan import RunPlan
from include.report import StageCounts
from include.staging import Staging
from include.sync.newsletter import NewsletterRules, NewsletterSync
from include.sync.newsletter.safety_net import missed_wishes
from include.window import Window
from tests.builders import NOON, Office, World, window_ending

RULES = NewsletterRules(timedelta(minutes=5), timedelta(minutes=10))
TODAY = RunPlan("window", Window(NOON - timedelta(hours=1), NOON + timedelta(hours=6)), (), "today")


@pytest.fixture
def people(world: World) -> dict[str, str]:
    """Twelve customers who said yes in the shop, and whom Connectif knows: e-mail by document id."""
    found = {f"wish-{number}": f"Wish.{number}@example.com" for number in range(12)}
    for document_id, email in found.items():
        world.on_vtex("PUT", f"documents/{document_id}", {"email": email, "isNewsletterOptIn": True})
        status = {"_newsletterSubscriptionStatus": "subscribed"}
        world.on_connectif("PUT", f"contacts/{email.lower()}", status)
    world.clock.advance(60)
    return found


@pytest.fixture
def with_net(office: Office, people: dict[str, str]) -> Office:
    """The safety net is on, and has taken what the simulated shop's people had done before."""
    office.change("newsletter", safety_net=True)
    settle(office, "before")
    return office


def event(office: Office, email: str, subscribed: bool) -> dict[str, Any]:
    return {"email": email, "subscribed": subscribed, "occurred_at": office.world.clock.now().isoformat()}


def apply(office: Office, events: Iterable[dict[str, Any]]) -> StageCounts:
    sync = NewsletterSync(office.vtex, office.store, RULES, "run")
    sync.apply(list(events), office.world.clock.now())
    return sync.counts


def settle(office: Office, key: str, plan: RunPlan = TODAY) -> StageCounts:
    """What the daily contact run does besides."""
    run = office.run(Area.CONTACTS, plan, key)
    sync = NewsletterSync(office.vtex, office.store, RULES, "run")
    sync.settle(missed_wishes(run, Staging(office.folder / key / "newsletter")), run.now())
    return sync.counts


def opted_in(world: World, people: Iterable[str]) -> list[bool]:
    return [world.on_vtex("GET", f"documents/{one}")["isNewsletterOptIn"] for one in people]


# --- the safety net


def test_safety_net__finds_what_nobody_called_for(
    with_net: Office, world: World, people: dict[str, str]
) -> None:
    """No callback is set up: what these people do at Connectif is only in its export of activities."""
    emails = list(people.values())
    for email in emails[:4]:
        world.on_connectif("POST", "unsubscribe", {"email": email.lower()})
    world.clock.advance(60)
    world.on_connectif("POST", "subscribe", {"email": emails[0].lower()})
    world.clock.advance(3_600)
    counts = settle(with_net, "net")
    assert opted_in(world, people) == [True, False, False, False, *[True] * 8]
    assert counts.written == 3
    again = settle(with_net, "again")
    assert (again.written, again.read) == (0, counts.read)


def test_safety_net__is_off_until_it_is_asked_for(
    office: Office, world: World, people: dict[str, str]
) -> None:
    world.on_connectif("POST", "unsubscribe", {"email": "wish.1@example.com"})
    assert settle(office, "net").read == 0
    assert "create export" not in world.counts()


def test_safety_net__what_the_callback_brought_already_is_not_done_again(
    with_net: Office, world: World, people: dict[str, str]
) -> None:
    world.on_connectif("POST", "unsubscribe", {"email": "wish.1@example.com"})
    world.clock.advance(2)
    apply(with_net, [event(with_net, "wish.1@example.com", subscribed=False)])
    world.on_vtex("PUT", "documents/wish-1", {"email": "Wish.1@example.com", "isNewsletterOptIn": True})
    world.clock.advance(3_600)
    assert settle(with_net, "net").written == 0, "the customer's own yes in the shop, later, stays"
    assert opted_in(world, ["wish-1"]) == [True]


# --- how an address is written


@pytest.mark.parametrize("written", ["ana@españa.example", "ANA@ESPAÑA.example", "ana@xn--espaa-rta.example"])
def test_international_address__is_found_as_it_was_typed_in_the_shop(
    office: Office, world: World, written: str
) -> None:
    world.on_vtex("PUT", "documents/typed", {"email": "Ana@España.example", "isNewsletterOptIn": True})
    world.on_vtex(
        "PUT", "documents/encoded", {"email": "ana@xn--espaa-rta.example", "isNewsletterOptIn": True}
    )
    world.clock.advance(60)
    counts = apply(office, [event(office, written, subscribed=False)])
    assert opted_in(world, ["typed", "encoded"]) == [False, False]
    assert counts.written == 2


# --- VTEX out of reach


def test_outage__of_an_hour_loses_no_wish_and_the_newest_wins(
    office: Office, world: World, people: dict[str, str]
) -> None:
    """Runs wait in Airflow and are tried again in their order, each as often as it takes."""
    runs = [[event(office, email, subscribed=False) for email in people.values()]]
    world.clock.advance(60)
    runs.append([event(office, email, subscribed=True) for email in list(people.values())[:3]])
    world.fault_at_vtex("md search", calls=10_000, status=503)
    end = world.clock.now() + timedelta(hours=1)
    tries = 0
    while world.clock.now() < end:
        with pytest.raises(TemporaryError):
            apply(office, runs[0])
        world.clock.advance(300)
        tries += 1
    assert tries > 2
    world.on_vtex("DELETE", "faults")
    for run in reversed(runs):  # whatever the order: the ledger decides
        apply(office, run)
    assert opted_in(world, people) == [True] * 3 + [False] * 9


def test_outage__of_the_writes_alone_holds_up_no_run(
    office: Office, world: World, people: dict[str, str]
) -> None:
    world.fault_at_vtex("md patch", calls=10_000, status=500)
    first = apply(office, [event(office, email, subscribed=False) for email in people.values()])
    assert (first.written, sum(first.reasons.values())) == (0, 12)
    world.on_vtex("DELETE", "faults")
    world.clock.advance(600)
    assert apply(office, []).written == 12
    assert opted_in(world, people) == [False] * 12


@pytest.mark.parametrize("status", [400, 414, 431])
def test_refused__look_ups_of_many_are_tried_in_halves(
    office: Office, world: World, people: dict[str, str], status: int
) -> None:
    world.fault_at_vtex("md search", calls=2, status=status)
    counts = apply(office, [event(office, email, subscribed=False) for email in people.values()])
    assert counts.written == 12
    assert opted_in(world, people) == [False] * 12


# --- no loop


def test_loop__a_wish_that_was_applied_comes_back_from_nowhere(
    with_net: Office, world: World, people: dict[str, str]
) -> None:
    """Connectif → VTEX → the next contact run → Connectif: and there it ends."""
    office = with_net
    for email in people.values():
        world.on_connectif("POST", "unsubscribe", {"email": email.lower()})
    apply(office, [event(office, email, subscribed=False) for email in people.values()])
    world.clock.advance(3_600)
    statuses = {email: row["newsletter_status"] for email, row in _contacts(world).items()}
    changes = world.on_vtex("GET", "changes")
    report = office.sync(Area.CONTACTS, window_ending(world.clock.now(), hours=3), "day")
    assert report.counts.written >= 12, "our own write is a change that the next run takes"
    assert {email: row["newsletter_status"] for email, row in _contacts(world).items()} == statuses
    assert settle(office, "day").written == 0
    assert world.on_vtex("GET", "changes") == changes
    assert world.on_connectif("GET", "callbacks")["made"] == []


def test_loop__the_contact_run_does_not_undo_a_wish_that_still_waits(
    office: Office, world: World, people: dict[str, str]
) -> None:
    """VTEX still says yes when the run reads it; the no at Connectif stays, and gets there in the end."""
    world.on_connectif("POST", "unsubscribe", {"email": "wish.1@example.com"})
    waiting = event(office, "wish.1@example.com", subscribed=False)
    world.clock.advance(3_600)
    office.sync(Area.CONTACTS, window_ending(world.clock.now(), hours=3), "day")
    assert _contacts(world)["wish.1@example.com"]["newsletter_status"] == "unsubscribed"
    apply(office, [waiting])
    assert opted_in(world, ["wish-1"]) == [False]


def _contacts(world: World) -> dict[str, dict[str, Any]]:
    return world.table("contacts", by="email")
