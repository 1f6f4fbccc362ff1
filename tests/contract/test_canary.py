"""Canaries in the data: no address, name or phone of a customer, and no key, in any log, error or report."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from include.outcomes import Area
from include.plan import RunPlan
from include.sync.newsletter import NewsletterRules, NewsletterSync
from tests.builders import APP_TOKEN, EVERYTHING, KEY_SECRET, Office, World, window_ending

CANARIES = ("piepmatz", "zwitscher", "98765")
EMAIL = "Piepmatz.Zwitscher+{}@example.com"
DAILY: list[tuple[Area, RunPlan]] = [
    (Area.CONTACTS, EVERYTHING),
    (Area.PRODUCTS, EVERYTHING),
    (Area.PURCHASES, window_ending()),
]
AREAS = pytest.mark.parametrize(("area", "plan"), DAILY, ids=[area.value for area, _ in DAILY])
PERSON = {"firstName": "Piepmatz", "lastName": "Zwitscher", "homePhone": "+55 11 98765-4321"}
ROUTES: dict[Area, list[str]] = {
    Area.CONTACTS: ["md scroll", "create import", "get import"],
    Area.PRODUCTS: ["product search", "create import"],
    Area.PURCHASES: ["order list", "order detail", "md search", "create purchase", "patch product"],
}


VTEX_ROUTES = {"md scroll", "product search", "order list", "order detail", "md search"}


@pytest.fixture
def birds(world: World) -> World:
    """People and orders that must not sing; among them some that cannot be sent."""
    for number, email in enumerate(
        [EMAIL.format(n) for n in range(4)] + ["piepmatz zwitscher", "piepmatz@ct.vtex.com.br"]
    ):
        fields = {**PERSON, "email": email, "userId": f"bird-{number}", "birthDate": "piepmatz"}
        world.on_vtex("PUT", f"documents/bird-id-{number}", fields)
    for number in range(6):
        order = {
            "order_group": f"90{number}", "profile_id": f"bird-{number}",
            "created": "2026-11-23T10:00:00.0000000", "authorized": "2026-11-23T10:01:00.0000000",
            "first_name": "Piepmatz", "last_name": "Zwitscher", "phone": "+5511987654321",
            "email": "piepmatz@ct.vtex.com.br",
        }  # fmt: skip
        world.on_vtex("PUT", f"orders/90{number}-01", order)
    return world


class Ear(logging.Handler):
    """Hears every record of every logger, its arguments and tracebacks too."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(f"{self.format(record)} {record.args!r}")


@pytest.fixture
def heard(office: Office, caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """Everything that was said aloud, to be added to; checked at the end."""
    caplog.set_level(logging.DEBUG)  # on the root logger, until the test ends
    ear = Ear()
    logging.getLogger().addHandler(ear)
    yield ear.said
    logging.getLogger().removeHandler(ear)
    assert any(word in line for line in ear.said for word in ("extract: ", "newsletter: ")), "deaf"
    said = "\n".join([*ear.said, *_stored(office)])
    for secret in (*CANARIES, KEY_SECRET.lower(), APP_TOKEN.lower()):
        assert secret not in said.lower(), _around(said, secret)


def _stored(office: Office) -> list[str]:
    """Reports and outcomes, as the store keeps them."""
    found = [repr(office.store.outcomes(area)) for area in Area]
    return [*found, *(repr(report) for area in Area for report in office.store.reports(area))]


def _around(said: str, secret: str) -> str:
    at = said.lower().find(secret)
    return f"…{said[max(0, at - 200) : at + 100]}…"


def attempt(office: Office, heard: list[str], area: Area, plan: RunPlan, key: str, **options: Any) -> None:
    """A run that may fail: its report, or its error with the whole chain behind it, was said aloud."""
    try:
        heard.append(office.sync(area, plan, key, **options).summary_line())
    except Exception as error:  # noqa: BLE001 - each is looked at
        heard.append("".join(traceback.format_exception(error)) + repr(error))


@AREAS
def test_canary__is_silent_when_all_goes_well(
    area: Area, plan: RunPlan, office: Office, birds: World, heard: list[str]
) -> None:
    attempt(office, heard, area, plan, "run")
    attempt(office, heard, area, plan, "dry", dry_run=True)


def test_canary__is_silent_when_one_record_alone_is_taken(
    office: Office, birds: World, heard: list[str]
) -> None:
    for number in range(6):
        only = f"bird-id-{number}"
        attempt(office, heard, Area.CONTACTS, RunPlan("only", None, (), "only one", only), only)
        only = f"90{number}-01"
        attempt(office, heard, Area.PURCHASES, RunPlan("only", None, (), "only one", only), only)


@pytest.mark.parametrize("area", ROUTES)
@pytest.mark.parametrize(
    "trouble",
    [
        {"status": 400, "body": {"detail": f"Contact {EMAIL}", "Message": f"bad {EMAIL}"}},
        {"status": 403, "body": {"detail": EMAIL, "Message": EMAIL}},
        {"status": 418, "body": EMAIL},
        {"status": 200, "body": f"<html>{EMAIL}</html>"},
        {"status": 503, "body": EMAIL},
        {"kind": "reset_after"},
    ],
    ids=lambda trouble: str(trouble.get("status", "cut")),
)
def test_canary__is_silent_when_something_fails(
    area: Area, trouble: dict[str, Any], office: Office, birds: World, heard: list[str]
) -> None:
    for route in ROUTES[area]:
        control = birds.on_vtex if route in VTEX_ROUTES else birds.on_connectif
        control("POST", "faults", {"script": [{"route": route, "calls": 30, **trouble}]})
        attempt(office, heard, area, dict(DAILY)[area], f"trouble with {route}")
        control("DELETE", "faults")


def test_canary__is_silent_in_the_newsletter(office: Office, birds: World, heard: list[str]) -> None:
    rules = NewsletterRules(timedelta(minutes=5), timedelta(minutes=10))
    events = [
        {"email": EMAIL.format(n), "subscribed": n % 2 == 0, "occurred_at": f"2026-11-23T10:00:0{n}Z"}
        for n in range(6)
    ]
    for fault in ({}, {"status": 404}, {"status": 503}, {"kind": "reset_before"}, {"status": 418}):
        if fault:
            birds.fault_at_vtex("md patch", calls=30, **fault)
            birds.fault_at_vtex("md search", skip=1, calls=30, **fault)
        sync = NewsletterSync(office.vtex, office.store, rules, "run")
        try:
            sync.apply(events, birds.clock.now())
        except Exception as error:  # noqa: BLE001 - each is looked at
            heard.append("newsletter: " + "".join(traceback.format_exception(error)))
        heard.append(f"newsletter: {sync.counts!r} {sync.outcomes!r} {vars(sync)!r}")
        birds.on_vtex("DELETE", "faults")
        birds.clock.advance(3600)
