"""The receiver behind a real server; the simulated Connectif calls it in every form."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from include.newsletter.receiver.access import Keys
from include.newsletter.receiver.app import Event, Receiver
from sandbox.core.server import Server
from tests.builders import SimulatedShop

SECRET = "a-made-up-secret-for-tests"
CHECKSUM_KEY = "a made-up checksum key"
FORMS = ("query", "plain_query", "form", "json")
ANA = "ana+x@example.com"


class RecordingReceiver:
    """A receiver that records its events in memory."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.keys = Keys((SECRET,))

    def commit(self, events: Sequence[Event]) -> None:
        self.events += events

    def build(self) -> Receiver:
        return Receiver(keys=lambda: self.keys, commit=self.commit, oldest_waiting=lambda: None)


@pytest.fixture
def receiver(shop: SimulatedShop) -> Iterator[RecordingReceiver]:
    made = RecordingReceiver()
    with Server(made.build().app()) as server:
        base = f"{server.url}/newsletter/{SECRET}"
        urls = {
            "subscribe": f"{base}/subscribe",
            "cancellation": f"{base}/unsubscribe",
            "bounce": f"{base}/bounce",
        }
        shop.on_connectif("POST", "callbacks", urls)
        yield made


def wait_for_callbacks(shop: SimulatedShop, number: int) -> list[dict[str, Any]]:
    """Return the callbacks once Connectif has made `number` of them."""
    deadline = time.monotonic() + 10
    made: list[dict[str, Any]] = []
    while len(made) < number and time.monotonic() < deadline:
        made = shop.on_connectif("GET", "callbacks")["made"]
        time.sleep(0.01)
    return made


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("checksum_key", ["", CHECKSUM_KEY])
def test_callback__in_every_form_is_recorded(
    shop: SimulatedShop, receiver: RecordingReceiver, form: str, checksum_key: str
) -> None:
    shop.on_connectif("POST", "knobs", {"callback_form": form, "callback_checksum_key": checksum_key})
    receiver.keys = Keys((SECRET,), checksum_key)
    shop.on_connectif("POST", "subscribe", {"email": ANA, "ip": "203.0.113.9"})
    wait_for_callbacks(shop, 1)
    shop.on_connectif("POST", "unsubscribe", {"email": ANA})
    assert [call["status"] for call in wait_for_callbacks(shop, 2)] == [202, 202]
    assert [(event["email"], event["subscribed"]) for event in receiver.events] == [
        (ANA, True),
        (ANA, False),
    ]
    assert all(datetime.fromisoformat(event["occurred_at"]) <= datetime.now(UTC) for event in receiver.events)


def test_bounce__gets_200_and_changes_nothing(shop: SimulatedShop, receiver: RecordingReceiver) -> None:
    shop.on_connectif("PUT", f"contacts/{ANA}", {})
    for number, kind in enumerate(("hard", "soft"), start=1):
        shop.on_connectif("POST", "bounce", {"email": ANA, "type": kind})
        assert wait_for_callbacks(shop, number)[-1]["status"] == 200
    assert receiver.events == []


def test_bounce__at_the_url_of_cancellations_records_no_opt_out(
    shop: SimulatedShop, receiver: RecordingReceiver
) -> None:
    urls = shop.on_connectif("GET", "callbacks")["urls"]
    shop.on_connectif("POST", "callbacks", urls | {"bounce": urls["cancellation"]})
    shop.on_connectif("PUT", f"contacts/{ANA}", {})
    shop.on_connectif("POST", "bounce", {"email": ANA, "type": "soft"})
    assert [call["status"] for call in wait_for_callbacks(shop, 1)] == [200]
    assert receiver.events == []


def test_opt_out__at_the_url_of_bounces_is_an_error_at_connectif(
    shop: SimulatedShop, receiver: RecordingReceiver
) -> None:
    urls = shop.on_connectif("GET", "callbacks")["urls"]
    shop.on_connectif("POST", "callbacks", urls | {"cancellation": urls["bounce"]})
    shop.on_connectif("PUT", f"contacts/{ANA}", {})
    for number, form in enumerate(FORMS, start=1):
        shop.on_connectif("POST", "knobs", {"callback_form": form})
        shop.on_connectif("POST", "subscribe", {"email": ANA})
        wait_for_callbacks(shop, 2 * number - 1)
        shop.on_connectif("POST", "unsubscribe", {"email": ANA})
        assert 400 <= wait_for_callbacks(shop, 2 * number)[-1]["status"] < 500
    assert all(event["subscribed"] for event in receiver.events)
