"""2,000 hostile requests against the receiver and the pages: no run, no bug, no content of them in a log.

A seeded generator makes the requests, so a failure names its number and can be repeated.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from starlette.types import ASGIApp, Message, Scope

from include.newsletter.receiver.access import Keys
from include.newsletter.receiver.app import Event, Receiver
from include.newsletter.receiver.paths import CallbackPaths
from include.outcomes import Kind
from include.pipeline.explanation import Explanation
from include.state import upgrade
from include.web_headers import HEADERS
from tests.api_server import allowed, auth_manager

REQUESTS = 2_000
SEED = 20_261_128
SECRET = "canary-secret-of-the-webhook"
CANARY = "canary-address"
EMAIL = f"{CANARY}@example.com"
TEXTS = [
    "",
    ".",
    "..",
    "../..",
    "%2e%2e",
    "%252e%252e%252f",
    "..\\..",
    "\x00",
    "a\x00b",
    "\r\nX-Injected: 1",
    "💌",
    "\u202e",
    "<script>alert(1)</script>",
    "' OR 1=1 --",
    "{{7*7}}",
    "${jndi:ldap://x}",
    "-1",
    "1e999",
    "NaN",
    "null",
    "a" * 5_000,
    "%",
    "%zz",
    "%ff%fe",
    "\xff\xfe",
    "_" * 300,
    f"{CANARY}@",
    f"@{CANARY}",
    f"{CANARY} @x.y",
    f"{CANARY}@a..b",
    f"*@{CANARY}",
    f"{EMAIL},b@example.com",
    f"{EMAIL}\nBcc: b@example.com",
    f"a@b)OR({CANARY}=1",
]
METHODS = [
    *["GET"] * 10,
    *["POST"] * 20,
    "PUT",
    "DELETE",
    "PATCH",
    "HEAD",
    "OPTIONS",
    "TRACE",
    "HACK",
    "get",
    "P\u00d6ST",
]
TYPES = [
    b"",
    b"application/json",
    b"application/x-www-form-urlencoded",
    b"text/plain",
    b"multipart/form-data",
    b"application/json; charset=utf-16",
    b"application/x-www-form-urlencoded; charset=latin-1",
    b"\xff\xfe",
    b"a" * 900,
]
BODIES = [
    b"",
    b"\xff\xfe\x00",
    b"{",
    b"[" * 9_000,
    b'{"email": 5}',
    b"x" * 70_000,
    b"\x00" * 500,
    b"email",
    b"=&=&&",
    "💌".encode(),
    b"\x1f\x8b\x08\x00",
    b'{"email": null}',
    b'"\\ud800"',
    b"record=..&kind=order",
    b"record=%00",
]


KEPT_HEADERS = {name.lower(): value for name, value in HEADERS.items() if name != "Cache-Control"}


@dataclass(frozen=True)
class HostileRequest:
    """One request, as bytes and as the scope that a server passes to an application."""

    method: str
    raw_path: bytes
    query: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def scope(self) -> Scope:
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": self.method,
            "scheme": "http",
            "path": unquote(self.raw_path.decode("latin-1")),
            "raw_path": self.raw_path,
            "root_path": "",
            "query_string": self.query,
            "headers": self.headers,
            "client": ("203.0.113.7", 1),
            "server": ("airflow.example", 80),
        }


@dataclass(frozen=True)
class RawAnswer:
    """Status, headers and body of an answer."""

    status: int
    headers: dict[str, str]
    body: bytes


async def send_request(app: ASGIApp, request: HostileRequest) -> RawAnswer:
    sent: list[Message] = []
    middle = len(request.body) // 2
    halves = [request.body[:middle], request.body[middle:]]

    async def receive() -> Message:
        if halves:
            return {"type": "http.request", "body": halves.pop(0), "more_body": bool(halves)}
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(request.scope(), receive, send)
    headers = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    return RawAnswer(sent[0]["status"], headers, b"".join(one.get("body", b"") for one in sent[1:]))


class Fuzzer:
    """Makes random requests, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a repeatable choice, no secret

    def text(self) -> str:
        return self._random.choice(TEXTS)

    def encoded(self) -> str:
        """A text, percent-encoded or as raw as HTTP allows."""
        text = self.text()
        return quote(text, safe="") if self._random.random() < 0.6 else quote(text, safe="%/\\.@{}<>'$:*")

    def request(self, paths: Sequence[str], names: Sequence[str], auth: dict[str, str]) -> HostileRequest:
        pick = self._random.choice
        path = pick(paths).replace("{}", self.encoded(), 1).replace("{}", self.encoded())
        pairs = [f"{pick(names)}={self.encoded()}" for _ in range(self._random.randrange(4))]
        headers = [(b"content-type", pick(TYPES)), (b"host", b"airflow.example")]
        headers += [(name.lower().encode(), value.encode()) for name, value in auth.items()]
        if self._random.random() < 0.2:
            headers.append(
                (pick([b"x-odd", b"cookie", b"content-encoding", b"x-forwarded-for"]), pick(BODIES)[:9_000])
            )
        body = pick(BODIES)
        if self._random.random() < 0.4:
            body = f"{pick(names)}={self.encoded()}".encode("utf-8", "surrogatepass")
        if body:
            headers.append((b"content-length", str(len(body)).encode()))
        return HostileRequest(pick(METHODS), path.encode(), "&".join(pairs).encode(), headers, body)


def problems_of(number: int, request: HostileRequest, answer: RawAnswer) -> Iterator[str]:
    """Yield the problems of an answer."""
    url = f"{request.raw_path[:80]!r}?{request.query[:80]!r}"
    where = f"request {number}: {request.method} {url} {request.body[:60]!r}"
    if answer.status >= 500 or answer.status < 200:
        yield f"{where}: {answer.status}"
    if not (KEPT_HEADERS.items() <= answer.headers.items()):
        yield f"{where}: no security headers"
    if CANARY.encode() in answer.body or SECRET.encode() in answer.body or b"<script>alert" in answer.body:
        yield f"{where}: repeated in the answer"


RECEIVER_PATHS = [
    f"/connectif/newsletter/{SECRET}/subscribe",
    f"/connectif/newsletter/{SECRET}/unsubscribe",
    f"/connectif/newsletter/{SECRET}/bounce",
    *[f"/connectif/newsletter/{SECRET}/unsubscribe"] * 8,
    f"/connectif/newsletter/{SECRET}/{{}}",
    "/connectif/newsletter/{}/subscribe",
    "/connectif/newsletter/{}/{}",
    "/connectif/{}",
    f"/connectif/newsletter/{SECRET}/subscribe/{{}}",
    f"/connectif/newsletter/{SECRET}/../{{}}",
    "/connectif/newsletter//unsubscribe",
]


def test_receiver__accepts_none_of_1000_fuzzed_requests(caplog: pytest.LogCaptureFixture) -> None:
    runs: list[Sequence[Event]] = []
    receiver = Receiver(lambda: Keys((SECRET,)), runs.append, lambda: None)
    inner, fuzzer = receiver.app(), Fuzzer(SEED)

    async def mounted_app(scope: Scope, receive: Any, send: Any) -> None:
        await inner({**scope, "root_path": "/connectif"}, receive, send)

    app = CallbackPaths(mounted_app)
    names = ["email", "Email", "mail", "checksum", "ip", "subscribed", "__proto__", "email[]"]

    async def main() -> list[str]:
        found, statuses = [], Counter[int]()
        for number in range(REQUESTS // 2):
            request = fuzzer.request(RECEIVER_PATHS, names, {})
            answer = await send_request(app, request)
            statuses[answer.status] += 1
            found += problems_of(number, request, answer)
        assert {400, 401, 404, 405, 413, 414, 415} <= statuses.keys()
        assert 202 not in statuses
        assert statuses[200] < 100  # bounces and health
        return found

    with caplog.at_level(logging.DEBUG):
        assert asyncio.run(main()) == []
    assert runs == []
    assert SECRET not in caplog.text
    assert CANARY not in caplog.text


@pytest.fixture
def connections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set valid connections whose hosts for VTEX and Connectif refuse every call."""
    file = tmp_path / "state.db"
    upgrade(f"sqlite:///{file}")
    unreachable = {"host": "http://127.0.0.1:9", "password": SECRET}
    for name, fields in {
        "vtex_default": {"conn_type": "vtex", "login": "key", "extra": {"account": "shop"}, **unreachable},
        "connectif_default": {"conn_type": "connectif", "login": "id", **unreachable},
        "sync_state": {"conn_type": "sqlite", "host": str(file), "extra": {"hash_key": "k" * 32}},
    }.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(fields))


def test_pages__answer_1000_fuzzed_requests_with_4xx(
    airflow_db: None, connections: None, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from plugins.web.explain_page import build as explain_app  # noqa: PLC0415
    from plugins.web.status_page import build as status_app  # noqa: PLC0415

    def explain_nothing(kind: Kind, *_: object) -> Explanation:
        return Explanation(kind, "", (), (), is_known=False)

    monkeypatch.setattr("include.explain._explain_as", explain_nothing)
    fuzzer = Fuzzer(SEED + 1)
    paths = [*["/"] * 6, *["/records"] * 4, "/static/{}", "/static/../{}", "/{}", "/records/{}", "//{}"]
    names = ["record", "kind", "pipeline", "code", "page", "RECORD"]

    async def main() -> list[str]:
        found, statuses = [], Counter[int]()
        apps = [explain_app(), status_app()]
        for number in range(REQUESTS // 2):
            request = fuzzer.request(paths, names, {} if number % 4 == 0 else allowed())
            answer = await send_request(apps[number % 2], request)
            statuses[answer.status] += 1
            found += problems_of(number, request, answer)
            if answer.status == 200 and request.method not in {"GET", "HEAD", "POST"}:
                found.append(f"request {number}: {request.method} was answered")
        assert {400, 401, 404, 405, 413} <= statuses.keys()
        return found

    with auth_manager(), caplog.at_level(logging.DEBUG):
        assert asyncio.run(main()) == []
    assert SECRET not in caplog.text
    assert CANARY not in caplog.text
