"""The way of a call: Date header, journal, the vendor's own middleware, latency and faults."""

import asyncio
import time
from collections.abc import Callable, MutableMapping, Sequence
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import orjson
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.core.clock import Clock
from sandbox.core.faults import Fault, Faults
from sandbox.core.journal import KEPT_BODY_BYTES, RESET, Call, Journal
from sandbox.core.latency import Latency
from sandbox.core.vendor import Knobs

CONTROL = "/_sandbox"
ABORT, ROUTE = "sandbox.abort", "sandbox.route"


def is_control(scope: Scope) -> bool:
    return scope["type"] != "http" or f"{scope['path']}/".startswith(f"{CONTROL}/")


class DateByClock:
    """Outermost. Every answer's `Date` follows the sandbox's clock (uvicorn's own is switched off)."""

    def __init__(self, app: ASGIApp, clock: Clock) -> None:
        self._app, self._clock = app, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                stamp = format_datetime(self._clock.now(), usegmt=True).encode()
                message = {**message, "headers": [*message.get("headers", []), (b"date", stamp)]}
            await send(message)

        if scope["type"] == "http":
            scope[ABORT] = aborter(receive)
        await self._app(scope, receive, dated)


def aborter(receive: Receive) -> Callable[[], None]:
    """A way to cut the connection without an answer: uvicorn has none, so take `receive`'s transport.

    In an in-process test client there is no connection: the call fails with ConnectionResetError.
    """
    transport = getattr(getattr(receive, "__self__", None), "transport", None)

    def abort() -> None:
        if transport is None:
            raise ConnectionResetError("The sandbox cut the connection, as it was told to.")
        transport.abort()

    return abort


class Journaling:
    """Writes down every call to the vendor's API, control plane apart."""

    def __init__(
        self, app: ASGIApp, *, journal: Journal, clock: Clock, knobs: Knobs, routes: Sequence[BaseRoute]
    ) -> None:
        self._app, self._journal, self._clock, self._knobs, self._routes = app, journal, clock, knobs, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if is_control(scope):
            await self._app(scope, receive, send)
            return
        scope[ROUTE] = self._name_of(scope)
        tally = Tally(keep=self._knobs.journal_bodies)
        began, instant = time.perf_counter(), self._clock.now()
        try:
            await self._app(scope, tally.receiving(receive), tally.sending(send))
        finally:
            self._journal.add(
                Call(
                    time=instant.isoformat(timespec="milliseconds"),
                    method=scope["method"],
                    route=scope[ROUTE],
                    path=scope["path"],
                    query=scope["query_string"].decode("latin-1"),
                    status=tally.status,
                    bytes_in=tally.bytes_in,
                    bytes_out=tally.bytes_out,
                    seconds=round(time.perf_counter() - began, 6),
                    request_body=tally.text(tally.request),
                    answer_body=tally.text(tally.answer),
                )
            )

    def _name_of(self, scope: Scope) -> str:
        for route in self._routes:
            if route.matches(scope)[0] is Match.FULL:
                return str(getattr(route, "name", "unnamed"))
        return "unknown"


class Tally:
    """Counts what one call brings and takes, and keeps the beginnings when asked."""

    def __init__(self, *, keep: bool) -> None:
        self.status: int | str = RESET
        self.bytes_in = self.bytes_out = 0
        self.request, self.answer = bytearray(), bytearray()
        self._keep = keep

    def receiving(self, receive: Receive) -> Receive:
        async def counted() -> Message:
            message = await receive()
            body = message.get("body", b"")
            self.bytes_in += len(body)
            self._remember(self.request, body)
            return message

        return counted

    def sending(self, send: Send) -> Send:
        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
            body = message.get("body", b"")
            self.bytes_out += len(body)
            self._remember(self.answer, body)
            await send(message)

        return counted

    def text(self, body: bytearray) -> str | None:
        return body.decode("utf-8", "replace") if self._keep else None

    def _remember(self, kept: bytearray, body: bytes) -> None:
        if self._keep and len(kept) < KEPT_BODY_BYTES:
            kept += body[: KEPT_BODY_BYTES - len(kept)]


class Troubling:
    """Innermost: waits as latency says, then answers as a fault says or lets the vendor answer."""

    def __init__(self, app: ASGIApp, *, faults: Faults, latency: Callable[[], Latency], clock: Clock) -> None:
        self._app, self._faults, self._latency, self._clock = app, faults, latency, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if is_control(scope):
            await self._app(scope, receive, send)
            return
        if pause := self._latency().wait_for(scope[ROUTE]):
            await asyncio.sleep(pause)
        fault = self._faults.next_for(scope[ROUTE])
        if fault is None:
            await self._app(scope, receive, send)
            return
        await self._read_or_do(fault, scope, receive)
        if fault.kind == "answer":
            await answer_to(fault, self._clock)(scope, receive, send)
        else:
            await cut(scope, receive)

    async def _read_or_do(self, fault: Fault, scope: Scope, receive: Receive) -> None:
        """Let the call have its effect unseen, or read its body so that the client can finish writing."""
        if fault.has_effect:
            await self._app(scope, receive, swallow)
            return
        if fault.kind == "answer":
            while (await receive()).get("more_body"):
                pass


async def swallow(_message: MutableMapping[str, Any]) -> None:
    """Where the answer of a call goes whose client must not see it."""


async def cut(scope: Scope, receive: Receive) -> None:
    """Cut the connection, and wait until the server has noticed: it would answer 500 by itself otherwise."""
    scope[ABORT]()
    while (await receive())["type"] != "http.disconnect":
        pass


def answer_to(fault: Fault, clock: Clock) -> Response:
    if fault.body is None:
        response = Response(status_code=fault.status)
    elif isinstance(fault.body, str):
        response = Response(fault.body, fault.status, media_type="text/html")
    else:
        response = Response(orjson.dumps(fault.body), fault.status, media_type="application/json")
    response.headers.update(fault.headers)
    if fault.retry_after_seconds is not None:
        response.headers["Retry-After"] = retry_after(
            fault.retry_after_seconds, fault.retry_after_form, clock
        )
    return response


def retry_after(seconds: float, form: str, clock: Clock) -> str:
    """The header's value in either form that RFC 9110 allows."""
    if form == "date":
        return format_datetime(clock.now() + timedelta(seconds=seconds), usegmt=True)
    return str(round(seconds))
