"""Sends hostile requests to the receiver and the pages: no run starts, no error, and no text in the log.

A seeded generator makes the requests, so a failure names its number and can be repeated. `tried` yields a row
for each request, and one for the log.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import quote, unquote
from zoneinfo import ZoneInfo

from starlette.types import ASGIApp, Message, Scope

from include.newsletter.receiver.access import Keys
from include.newsletter.receiver.app import Event, Receiver
from include.newsletter.receiver.paths import CallbackPaths
from include.outcomes import Kind
from include.pipeline.explanation import Comparison, Conclusion, Explanation, Presence
from include.state import upgrade
from include.web import HEADERS
from tests.api_server import allowed, auth_manager
from tests.torture.canaries import LogCapture
from tests.torture.tried import Tried

KIND = "fuzzed requests"
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
class FuzzedRequest:
    """A request in bytes, and as the scope that a server gives to an application."""

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
class FuzzedAnswer:
    """The answer to a request."""

    status: int
    headers: dict[str, str]
    body: bytes


async def send_request(app: ASGIApp, request: FuzzedRequest) -> FuzzedAnswer:
    got: list[Message] = []
    half = len(request.body) // 2
    halves = [request.body[:half], request.body[half:]]

    async def receive() -> Message:
        if halves:
            return {"type": "http.request", "body": halves.pop(0), "more_body": bool(halves)}
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        got.append(message)

    await app(request.scope(), receive, send)
    headers = {name.decode().lower(): value.decode() for name, value in got[0]["headers"]}
    return FuzzedAnswer(got[0]["status"], headers, b"".join(one.get("body", b"") for one in got[1:]))


class Fuzzer:
    """Makes random requests, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable, not a secret

    def text(self) -> str:
        return self._random.choice(TEXTS)

    def encoded(self) -> str:
        """Return a text, percent-encoded or as raw as HTTP allows."""
        text = self.text()
        return quote(text, safe="") if self._random.random() < 0.6 else quote(text, safe="%/\\.@{}<>'$:*")

    def request(self, paths: Sequence[str], names: Sequence[str], auth: dict[str, str]) -> FuzzedRequest:
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
        return FuzzedRequest(pick(METHODS), path.encode(), "&".join(pairs).encode(), headers, body)


def name_of(number: int, request: FuzzedRequest) -> str:
    """Describe the request in one line."""
    url = f"{request.raw_path[:80]!r}?{request.query[:80]!r}"
    return f"request {number}: {request.method} {url} {request.body[:60]!r}"


def problems_of(answer: FuzzedAnswer) -> Iterator[str]:
    """Yield the problems of an answer."""
    if answer.status >= 500 or answer.status < 200:
        yield f"HTTP {answer.status}"
    if not (KEPT_HEADERS.items() <= answer.headers.items()):
        yield "no security headers"
    if CANARY.encode() in answer.body or SECRET.encode() in answer.body or b"<script>alert" in answer.body:
        yield "the answer repeats the request"


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


def tried(requests: int, folder: Path) -> Iterator[Tried]:
    """Send half of the requests to the receiver, and half to the pages, which need an Airflow database."""
    yield from fuzz_receiver(requests // 2)
    yield from fuzz_pages(requests // 2, folder)


def fuzz_receiver(requests: int) -> Iterator[Tried]:
    """Send requests to the receiver. None may start a run."""
    runs: list[Sequence[Event]] = []
    receiver = Receiver(lambda: Keys((SECRET,)), runs.append, lambda: None)
    inner, fuzzer = receiver.app(), Fuzzer(SEED)

    async def mounted(scope: Scope, receive: Any, send: Any) -> None:
        await inner({**scope, "root_path": "/connectif"}, receive, send)

    app = CallbackPaths(mounted)
    names = ["email", "Email", "mail", "checksum", "ip", "subscribed", "__proto__", "email[]"]
    requests_made = [fuzzer.request(RECEIVER_PATHS, names, {}) for _ in range(requests)]
    yield from _fuzz("receiver", [app], requests_made, {202: "it was accepted"})
    yield Tried(KIND, "receiver", "runs started", f"{len(runs)} runs" if runs else "")


def fuzz_pages(requests: int, folder: Path) -> Iterator[Tried]:
    """Send requests to the pages, with and without a user. A page accepts only GET, HEAD and POST."""
    with _connections(folder), auth_manager(), patch("include.explain._explain_as", _explain_unknown):
        from plugins.web.explain_page import build as explain_app  # noqa: PLC0415 - importing Airflow takes seconds
        from plugins.web.status_page import build as status_app  # noqa: PLC0415

        fuzzer = Fuzzer(SEED + 1)
        paths = [*["/"] * 6, *["/records"] * 4, "/static/{}", "/static/../{}", "/{}", "/records/{}", "//{}"]
        paths += ["/records.csv", "/differences.csv", *["/replay"] * 4]
        names = [
            "record",
            "kind",
            "pipeline",
            "code",
            "page",
            "RECORD",
            "text",
            "run",
            "seen_from",
            "key",
            "do",
            "shop",
        ]
        requests_made = [
            fuzzer.request(paths, names, {} if n % 4 == 0 else allowed()) for n in range(requests)
        ]
        yield from _fuzz("pages", [explain_app(), status_app()], requests_made, {})


def _fuzz(
    group: str, apps: Sequence[ASGIApp], requests: Sequence[FuzzedRequest], wrong_statuses: dict[int, str]
) -> Iterator[Tried]:
    with LogCapture() as log:
        answers = asyncio.run(_send_all(apps, requests))
    for number, (request, answer) in enumerate(zip(requests, answers, strict=True)):
        found = [*problems_of(answer), wrong_statuses.get(answer.status, "")]
        if group == "pages" and answer.status == 200 and request.method not in {"GET", "HEAD", "POST"}:
            found.append("the page accepted it")
        case = f"{answer.status}, {name_of(number, request)}"
        yield Tried(KIND, group, case, "; ".join(filter(None, found)))
    repeated = [text for text in (SECRET, CANARY) if text in "\n".join(log.lines)]
    yield Tried(KIND, group, "the log", f"it holds {repeated}" if repeated else "")


async def _send_all(apps: Sequence[ASGIApp], requests: Sequence[FuzzedRequest]) -> list[FuzzedAnswer]:
    return [await send_request(apps[number % len(apps)], one) for number, one in enumerate(requests)]


def _explain_unknown(kind: Kind, *_: object) -> Explanation:
    conclusion = Conclusion(Presence.UNKNOWN, "Not in VTEX and not in Connectif")
    return Explanation(
        kind, "", False, ZoneInfo("UTC"), conclusion, Comparison((), False, "nothing was sent")
    )


@contextmanager
def _connections(folder: Path) -> Iterator[None]:
    """Set complete connections. Nothing listens at the addresses of VTEX and Connectif."""
    file = folder / "state.db"
    upgrade(f"sqlite:///{file}")
    nowhere = {"host": "http://127.0.0.1:9", "password": SECRET}
    found = {
        "vtex_default": {"conn_type": "vtex", "login": "key", "extra": {"account": "shop"}, **nowhere},
        "connectif_default": {"conn_type": "connectif", "login": "id", **nowhere},
        "sync_state": {"conn_type": "sqlite", "host": str(file), "extra": {"hash_key": "k" * 32}},
    }
    variables = {f"AIRFLOW_CONN_{name.upper()}": json.dumps(fields) for name, fields in found.items()}
    with patch.dict(os.environ, variables):
        yield
