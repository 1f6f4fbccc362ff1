"""Newsletter events and their callbacks."""

from __future__ import annotations

import hashlib
import hmac
from http.server import ThreadingHTTPServer
from typing import Any

import pytest
import requests

from sandbox.tests.callback_receiver import Handler, Receiver
from sandbox.tests.connectif_api import ConnectifCaller, wait_until


@pytest.fixture
def shop(api: ConnectifCaller, receiver: Receiver) -> Receiver:
    """The receiver, with its URLs set in the account."""
    urls = {name: f"{receiver.url}/{name}?t=1" for name in ("subscribe", "cancellation", "bounce")}
    api.control("POST", "/callbacks", json=urls)
    return receiver


def wait_for_calls(api: ConnectifCaller, number: int) -> list[dict[str, Any]]:
    """Waits for `number` callbacks and returns them."""
    found: list[dict[str, Any]] = wait_until(
        lambda: api.control("GET", "/callbacks")["made"], lambda calls: len(calls) >= number
    )
    assert len(found) == number
    return found


def status(api: ConnectifCaller) -> str:
    found: str = api.get("/contacts/ana@example.com")["_newsletterSubscriptionStatus"]
    return found


def test_subscribe__creates_the_contact_and_calls_once(api: ConnectifCaller, shop: Receiver) -> None:
    api.control("POST", "/subscribe", json={"email": "ana+x@example.com", "ip": "203.0.113.9"})
    (call,) = wait_for_calls(api, 1)
    assert (call["kind"], call["status"], call["error"]) == ("subscribe", 204, None)
    assert shop.calls == [("GET", "/subscribe?t=1&email=ana%2Bx%40example.com&ip=203.0.113.9", None)]
    assert api.get("/contacts/ana+x@example.com")["_newsletterSubscriptionStatus"] == "subscribed"


def test_unsubscribe__by_a_contact_sends_the_ip(api: ConnectifCaller, shop: Receiver) -> None:
    api.put_contact()
    api.control("POST", "/unsubscribe", json={"email": "ana@example.com", "ip": "203.0.113.9"})
    wait_for_calls(api, 1)
    assert shop.calls[0][1] == "/cancellation?t=1&email=ana%40example.com&ip=203.0.113.9"
    found = api.get("/contacts/ana@example.com")
    assert (found["_newsletterSubscriptionStatus"], found["_emailLastUnsubscribedIp"]) == (
        "unsubscribed",
        "203.0.113.9",
    )
    assert found["_emailLastUnsubscribedDate"] == "2026-11-23T12:00:00.000Z"


@pytest.mark.parametrize(
    ("form", "call"),
    [
        ("plain_query", ("GET", "/subscribe?t=1&email=ana+x%40example.com&ip=203.0.113.9", None)),
        ("form", ("POST", "/subscribe?t=1", "email=ana%2Bx%40example.com&ip=203.0.113.9")),
        (
            "json",
            (
                "POST",
                "/subscribe?t=1",
                {"event": "subscribe", "contact": {"email": "ana+x@example.com", "ip": "203.0.113.9"}},
            ),
        ),
    ],
)
def test_subscribe__callback_has_other_forms(
    api: ConnectifCaller, shop: Receiver, form: str, call: tuple[str, str, Any]
) -> None:
    api.control("POST", "/knobs", json={"callback_form": form})
    api.control("POST", "/subscribe", json={"email": "ana+x@example.com", "ip": "203.0.113.9"})
    wait_for_calls(api, 1)
    assert shop.calls == [call]


def test_unsubscribe__an_unknown_contact_is_404(api: ConnectifCaller) -> None:
    answer = requests.post(f"{api.url}/_sandbox/unsubscribe", json={"email": "no@example.com"}, timeout=5)
    assert answer.status_code == 404


def test_import__each_unsubscription_is_called_back_without_ip(api: ConnectifCaller, shop: Receiver) -> None:
    api.put_contact("ana@example.com")
    api.put_contact("cy@example.com", _newsletterSubscriptionStatus="unsubscribed")
    api.run_import(
        "_email,_newsletterSubscriptionStatus\nana@example.com,unsubscribed\nbo@example.com,unsubscribed\n"
        "cy@example.com,unsubscribed\ndi@example.com,none\n"
    )
    wait_for_calls(api, 2)
    assert sorted(path for _, path, _ in shop.calls) == [
        "/cancellation?t=1&email=ana%40example.com&ip=", "/cancellation?t=1&email=bo%40example.com&ip=",
    ]  # fmt: skip


def test_import__skipped_rows_send_no_callback(api: ConnectifCaller, shop: Receiver) -> None:
    api.put_contact()
    text = "_email,_newsletterSubscriptionStatus\nana@example.com,unsubscribed\nbo@example.com,unsubscribed\n"
    api.run_import(text, overrideExisting="false")
    assert [call["email"] for call in wait_for_calls(api, 1)] == ["bo@example.com"]


def test_patch__sends_callbacks_only_with_the_knob(api: ConnectifCaller, shop: Receiver) -> None:
    api.put_contact(_newsletterSubscriptionStatus="unsubscribed")
    api.knobs(callback_on_api_unsubscribe=True)
    api.put_contact("bo@example.com", _newsletterSubscriptionStatus="unsubscribed")
    assert [call["email"] for call in wait_for_calls(api, 1)] == ["bo@example.com"]


def test_callback__redirects_are_recorded_and_not_followed(api: ConnectifCaller, shop: Receiver) -> None:
    shop.status = 302
    api.put_contact()
    api.control("POST", "/unsubscribe", json={"email": "ana@example.com"})
    assert wait_for_calls(api, 1)[0]["status"] == 302
    assert len(shop.calls) == 1


def test_callback__a_shop_without_answer_is_recorded(api: ConnectifCaller) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as closed:
        url = f"http://127.0.0.1:{closed.server_port}/"
    api.control("POST", "/callbacks", json={"subscribe": url})
    api.control("POST", "/subscribe", json={"email": "ana@example.com"})
    call = wait_for_calls(api, 1)[0]
    assert (call["status"], call["error"]) == (None, "ConnectionRefusedError")


def test_callback__has_a_checksum_with_the_knob(api: ConnectifCaller, shop: Receiver) -> None:
    api.knobs(callback_checksum_key="k")
    api.control("POST", "/subscribe", json={"email": "ana@example.com"})
    wait_for_calls(api, 1)
    expected = hmac.new(b"k", b"ana@example.com", hashlib.sha1).hexdigest()
    assert shop.calls[0][1].endswith(f"&checksum={expected}")


def test_bounce__posts_json_and_marks_the_contact(api: ConnectifCaller, shop: Receiver) -> None:
    api.put_contact()
    api.control("POST", "/bounce", json={"email": "ana@example.com", "type": "hard"})
    wait_for_calls(api, 1)
    method, path, body = shop.calls[0]
    assert (method, path) == ("POST", "/bounce?t=1")
    assert (body["bounceTypeId"], body["entityEmail"]) == ("hard", "ana@example.com")
    assert body["entityId"] == api.get("/contacts/ana@example.com")["id"]
    assert api.get("/contacts/ana@example.com")["_emailStatus"] == "bounced"


@pytest.mark.parametrize(
    "url", ["http://192.0.2.1/x", "http://shop.example.com/", "https://127.0.0.1/", "ftp://localhost/"]
)
def test_callback__urls_stay_on_this_machine(api: ConnectifCaller, url: str) -> None:
    assert requests.post(f"{api.url}/_sandbox/callbacks", json={"bounce": url}, timeout=5).status_code == 422
