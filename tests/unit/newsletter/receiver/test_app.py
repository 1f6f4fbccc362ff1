"""The routes over HTTP, in this process: the answers, and that no log holds secrets or addresses."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import threading
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from include.errors import ConfigurationError, TemporaryError
from include.newsletter.receiver.access import Keys, WrongSecretLimit
from include.newsletter.receiver.app import WRONG_SECRETS_A_MINUTE, Event, Receiver
from include.web import HEADERS

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECRET = "a made-up secret for tests"
PATH = f"/newsletter/{SECRET}"
UNSUBSCRIBE = f"{PATH}/unsubscribe?email=ana%40example.com&ip=203.0.113.7"


@dataclass
class FakeAirflow:
    """Simulates Airflow's side of the receiver."""

    keys: Keys = field(default_factory=lambda: Keys((SECRET,)))
    events: list[Event] = field(default_factory=list)
    error: Exception | None = None
    oldest: datetime | None = None
    now: datetime = NOW

    def commit(self, events: Sequence[Event]) -> None:
        self.oldest_waiting()
        self.events += events

    def oldest_waiting(self) -> datetime | None:
        if self.error:
            raise self.error
        return self.oldest

    def receiver(self) -> Receiver:
        return Receiver(
            keys=lambda: self.keys,
            commit=self.commit,
            oldest_waiting=self.oldest_waiting,
            now=lambda: self.now,
            wrong_secrets=WrongSecretLimit(WRONG_SECRETS_A_MINUTE, lambda: 0.0),
        )

    def call(self, method: str, *urls: str, **request: Any) -> list[httpx.Response]:
        async def main() -> list[httpx.Response]:
            transport = httpx.ASGITransport(self.receiver().app())
            async with httpx.AsyncClient(transport=transport, base_url="http://airflow") as client:
                return [await client.request(method, url, **request) for url in urls]

        return asyncio.run(main())

    def call_once(self, method: str, url: str, **request: Any) -> httpx.Response:
        return self.call(method, url, **request)[0]


@pytest.fixture
def airflow() -> FakeAirflow:
    return FakeAirflow()


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(("kind", "subscribed"), [("subscribe", True), ("unsubscribe", False)])
@pytest.mark.parametrize("slash", ["", "/"])
def test_callback__becomes_an_event(
    airflow: FakeAirflow, method: str, kind: str, subscribed: bool, slash: str
) -> None:
    answer = airflow.call_once(method, f"{PATH}/{kind}{slash}?email=Ana%2Bx%40Example.com&ip=")
    assert answer.status_code == 202
    event = {"email": "ana+x@example.com", "subscribed": subscribed}
    assert airflow.events == [event | {"occurred_at": "2026-11-23T12:00:00.000000+00:00"}]


def test_callbacks__get_rising_instants_even_if_the_clock_is_set_back(airflow: FakeAirflow) -> None:
    receiver = airflow.receiver()
    instants = [receiver._next_instant()]
    for step in (timedelta(), timedelta(minutes=-1), timedelta(seconds=1)):
        airflow.now = NOW + step
        instants.append(receiver._next_instant())
    assert instants == sorted(set(instants))
    assert instants[-1] == NOW + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("method", "url", "status"),
    [
        ("GET", "/newsletter/wrong secret/unsubscribe?email=ana@example.com", 401),
        ("GET", "/newsletter/%00%ff/unsubscribe?email=ana@example.com", 401),
        ("POST", f"/newsletter/{SECRET}x/bounce", 401),
        ("GET", f"{PATH}/unsubscribe", 400),
        ("GET", f"{PATH}/unsubscribe?email=ana", 400),
        ("GET", f"{PATH}/unsubscribe?email={'a' * 3000}@example.com", 414),
        ("GET", f"{PATH}/delete?email=ana@example.com", 404),
        ("GET", f"{PATH}?email=ana@example.com", 404),
        ("GET", f"{PATH}/unsubscribe/x?email=ana@example.com", 404),
        ("GET", "/newsletter//unsubscribe?email=ana@example.com", 404),
        ("GET", "/docs", 404),
        ("GET", "/openapi.json", 404),
        ("GET", f"{PATH}/bounce", 405),
        ("HEAD", UNSUBSCRIBE, 405),
        ("PUT", UNSUBSCRIBE, 405),
        ("DELETE", UNSUBSCRIBE, 405),
        ("OPTIONS", UNSUBSCRIBE, 405),
        ("HACK", UNSUBSCRIBE, 405),
    ],
)
def test_refused__gets_4xx_and_no_quote(airflow: FakeAirflow, method: str, url: str, status: int) -> None:
    answer = airflow.call_once(method, url)
    assert answer.status_code == status
    assert "ana" not in answer.text
    assert SECRET not in answer.text
    assert airflow.events == []


@pytest.mark.parametrize(
    "url", [UNSUBSCRIBE, "/newsletter/x/subscribe", "/health", "/docs", f"{PATH}/bounce"]
)
def test_headers__are_on_every_answer(airflow: FakeAirflow, url: str) -> None:
    answer = airflow.call_once("GET", url)
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


def test_wrong_secrets__are_limited_and_the_right_one_is_not(airflow: FakeAirflow) -> None:
    wrong = ["/newsletter/wrong/unsubscribe?email=ana@example.com"] * (WRONG_SECRETS_A_MINUTE + 5)
    *answers, last = airflow.call("GET", *wrong, UNSUBSCRIBE)
    assert [a.status_code for a in answers] == [401] * WRONG_SECRETS_A_MINUTE + [429] * 5
    assert answers[-1].headers["Retry-After"] == "60"
    assert last.status_code == 202


def test_checksum__is_required_if_a_key_is_configured(airflow: FakeAirflow) -> None:
    airflow.keys = Keys((SECRET,), "a checksum key")
    good = hmac.new(b"a checksum key", b"ana@example.com", hashlib.sha1).hexdigest()
    urls = [UNSUBSCRIBE, f"{UNSUBSCRIBE}&checksum=0", f"{UNSUBSCRIBE}&checksum={good}"]
    assert [answer.status_code for answer in airflow.call("GET", *urls)] == [403, 403, 202]
    assert len(airflow.events) == 1


BOUNCE = {
    "bounceErrorMessage": "mailbox full",
    "bouncestatus": "5.2.2",
    "bounceTypeId": "soft",
    "workflowId": "w1",
    "contentId": "c1",
    "entityId": "e1",
    "entityEmail": "ana@example.com",
}


def test_bounces__change_nothing_on_any_route(airflow: FakeAirflow) -> None:
    for bounce in (BOUNCE, {"bounceTypeId": "hard", "entityEmail": "ana@example.com"}):
        for kind in ("bounce", "unsubscribe", "subscribe"):
            answer = airflow.call_once("POST", f"{PATH}/{kind}", json=bounce)
            assert (answer.status_code, answer.json()) == (
                200,
                {"status": "a bounce changes no subscription"},
            )
    assert airflow.events == []


@pytest.mark.parametrize(
    ("method", "url", "request_"),
    [
        ("POST", f"{PATH}/bounce", {"json": {"email": "ana@example.com"}}),
        ("POST", f"{PATH}/bounce", {"json": {"entityEmail": "ana@example.com"}}),
        ("POST", f"{PATH}/bounce", {"data": {"email": "ana@example.com"}}),
        ("POST", f"{PATH}/bounce", {"data": BOUNCE}),
        ("POST", f"{PATH}/bounce", {}),
        ("POST", f"{PATH}/bounce?email=ana@example.com", {}),
        ("POST", f"{PATH}/bounce?email=ana@example.com", {"json": BOUNCE}),
        ("POST", UNSUBSCRIBE, {"json": BOUNCE}),
        ("POST", f"{PATH}/unsubscribe", {"data": BOUNCE}),
        ("GET", f"{PATH}/unsubscribe?entityEmail=ana@example.com&bounceTypeId=soft", {}),
    ],
)
def test_bounce__in_another_form_is_refused_as_a_possible_opt_out(
    airflow: FakeAirflow, method: str, url: str, request_: dict[str, Any]
) -> None:
    assert airflow.call_once(method, url, **request_).status_code == 400
    assert airflow.events == []


def test_body__above_the_limit_is_refused(airflow: FakeAirflow) -> None:
    assert airflow.call_once("POST", f"{PATH}/bounce", content=b"x" * 70_000).status_code == 413
    filler = {"email": "ana@example.com", "note": "n" * 70_000}
    assert airflow.call_once("POST", f"{PATH}/unsubscribe", json=filler).status_code == 413
    assert airflow.events == []


def test_body__of_an_unsupported_type_is_ignored_if_the_query_has_the_address(airflow: FakeAirflow) -> None:
    assert airflow.call_once("POST", UNSUBSCRIBE, content=b"\x00\xff").status_code == 202
    assert len(airflow.events) == 1


@pytest.mark.parametrize(
    ("error", "retry_after"),
    [
        (TemporaryError("the DAG is paused", retry_after_seconds=300), "300"),
        (TemporaryError("locked"), "30"),
        (ConfigurationError("no secret"), "30"),
    ],
)
def test_error__gives_503_with_retry_after_and_fails_health(
    airflow: FakeAirflow, error: Exception, retry_after: str
) -> None:
    airflow.error = error
    answer = airflow.call_once("GET", UNSUBSCRIBE)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, retry_after)
    assert airflow.call_once("GET", "/health").status_code == 503


def test_error__without_secrets_gives_503(airflow: FakeAirflow) -> None:
    def no_keys() -> Keys:
        raise ConfigurationError("no secret")

    receiver = airflow.receiver()
    receiver.keys = no_keys
    app = receiver.app()

    async def main() -> list[int]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://airflow") as client:
            return [(await client.get(url)).status_code for url in (UNSUBSCRIBE, "/health")]

    assert asyncio.run(main()) == [503, 503]


def test_health__gives_the_age_of_the_oldest_waiting_event(airflow: FakeAirflow) -> None:
    assert airflow.call_once("GET", "/health").json() == {"status": "up", "oldest_waiting_seconds": None}
    airflow.oldest = NOW - timedelta(seconds=90)
    assert airflow.call_once("GET", "/health").json() == {"status": "up", "oldest_waiting_seconds": 90.0}


def test_log__has_neither_secret_nor_address(airflow: FakeAirflow, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="include")
    airflow.error = TemporaryError("locked")
    airflow.call(
        "GET", UNSUBSCRIBE, f"{PATH}/unsubscribe?email=ana", "/newsletter/wrong/unsubscribe?email=ana"
    )
    assert "503" in caplog.text
    assert "ana" not in caplog.text
    assert SECRET not in caplog.text


def test_flood__is_limited_and_fails_health(airflow: FakeAirflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.newsletter.receiver.app.MAX_WAITING", 40)
    runs: list[int] = []
    go = threading.Event()

    def commit(events: Sequence[Event]) -> None:
        assert go.wait(30)
        runs.append(len(events))

    async def main() -> tuple[list[httpx.Response], httpx.Response, httpx.Response]:
        receiver = Receiver(lambda: airflow.keys, commit, airflow.oldest_waiting, answer_within_seconds=60)
        transport = httpx.ASGITransport(receiver.app())
        async with httpx.AsyncClient(transport=transport, base_url="http://airflow") as client:
            first = asyncio.create_task(client.get(UNSUBSCRIBE))
            while not receiver._group._committing:
                await asyncio.sleep(0.01)
            flood = [asyncio.create_task(client.get(UNSUBSCRIBE)) for _ in range(60)]
            while sum(task.done() for task in flood) < 20:
                await asyncio.sleep(0.01)
            full = await client.get("/health")
            go.set()
            return await asyncio.gather(first, *flood), full, await client.get("/health")

    answers, full, later = asyncio.run(main())
    assert Counter(answer.status_code for answer in answers) == {202: 41, 503: 20}
    assert {a.headers["Retry-After"] for a in answers if a.status_code == 503} == {"10"}
    assert (full.status_code, full.json()["status"]) == (503, "too many events are waiting")
    assert later.status_code == 200
    assert runs == [1, 40]


def test_body__that_is_not_announced_is_not_waited_for(airflow: FakeAirflow) -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        raise AssertionError("a server that is busy would be taken for a slow caller")

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": f"{PATH}/unsubscribe",
        "query_string": b"email=ana@example.com",
        "headers": [(b"content-length", b"0")],
    }
    asyncio.run(airflow.receiver().app()(scope, receive, send))
    assert sent[0]["status"] == 202
    assert [event["email"] for event in airflow.events] == ["ana@example.com"]


def test_body__that_arrives_too_slowly_is_refused(airflow: FakeAirflow) -> None:
    sent = 0

    async def drip() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100:
            await asyncio.sleep(0.02)
            sent += 1
            yield b"e"

    async def main() -> httpx.Response:
        receiver = airflow.receiver()
        receiver.body_within_seconds = 0.1
        transport = httpx.ASGITransport(receiver.app())
        async with httpx.AsyncClient(transport=transport, base_url="http://airflow") as client:
            return await client.post(f"{PATH}/unsubscribe", content=drip())

    answer = asyncio.run(main())
    assert (answer.status_code, "within 0.1 s" in answer.text) == (408, True)
    assert sent < 50
    assert airflow.events == []
