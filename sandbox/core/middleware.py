"""The middleware of every application: `Date` header, journal, then latency and faults."""

import asyncio
import time
from collections.abc import Callable, MutableMapping, Sequence
from email.utils import format_datetime
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.core.answers import json_answer, retry_after
from sandbox.core.clock import Clock
from sandbox.core.faults import Fault, Faults
from sandbox.core.journal import KEPT_BODY_BYTES, RESET, Journal, JournalEntry
from sandbox.core.latency import Latency
from sandbox.core.vendor import Knobs

CONTROL = "/_sandbox"
ABORT, ROUTE = "sandbox.abort", "sandbox.route"


def path_of(scope: Scope) -> str:
    """The path of a call, without the account's name in front of it."""
    return str(scope["path"]).removeprefix(scope.get("root_path", ""))


def is_control(scope: Scope) -> bool:
    return scope["type"] != "http" or f"{path_of(scope)}/".startswith(f"{CONTROL}/")


class DateHeader:
    """Outermost. Sets `Date` of every answer by the sandbox's clock (uvicorn's own header is off)."""

    def __init__(self, app: ASGIApp, clock: Clock) -> None:
        self._app, self._clock = app, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                stamp = format_datetime(self._clock.now(), usegmt=True).encode()
                message = {**message, "headers": [*message.get("headers", []), (b"date", stamp)]}
            await send(message)

        if scope["type"] == "http":
            scope[ABORT] = make_abort(receive)
        await self._app(scope, receive, send_dated)


def make_abort(receive: Receive) -> Callable[[], None]:
    """Returns a function that cuts the connection without an answer.

    uvicorn offers no such function, so it uses the transport of `receive`. An in-process test client has no
    connection: there the call fails with ConnectionResetError.
    """
    transport = getattr(getattr(receive, "__self__", None), "transport", None)

    def abort() -> None:
        if transport is None:
            raise ConnectionResetError("The sandbox cut the connection because of a fault script.")
        transport.abort()

    return abort


class CallRecorder:
    """Records every call to the vendor's API in the journal, but no call to the control plane."""

    def __init__(
        self, app: ASGIApp, *, journal: Journal, clock: Clock, knobs: Knobs, routes: Sequence[BaseRoute]
    ) -> None:
        self._app, self._journal, self._clock, self._knobs, self._routes = app, journal, clock, knobs, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if is_control(scope):
            await self._app(scope, receive, send)
            return
        scope[ROUTE] = self._name_of(scope)
        meter = CallMeter(keep_bodies=self._knobs.journal_bodies)
        started, instant = time.perf_counter(), self._clock.now()
        try:
            await self._app(scope, meter.wrap_receive(receive), meter.wrap_send(send))
        finally:
            self._journal.add(
                JournalEntry(
                    time=instant.isoformat(timespec="milliseconds"),
                    method=scope["method"],
                    route=scope[ROUTE],
                    path=scope["path"],
                    query=scope["query_string"].decode("latin-1"),
                    status=meter.status,
                    bytes_in=meter.bytes_in,
                    bytes_out=meter.bytes_out,
                    seconds=round(time.perf_counter() - started, 6),
                    request_body=meter.text(meter.request),
                    answer_body=meter.text(meter.answer),
                )
            )

    def _name_of(self, scope: Scope) -> str:
        for route in self._routes:
            if route.matches(scope)[0] is Match.FULL:
                return str(getattr(route, "name", "unnamed"))
        return "unknown"


class CallMeter:
    """Counts the bytes of one call in both directions, and keeps the start of the bodies if asked."""

    def __init__(self, *, keep_bodies: bool) -> None:
        self.status: int | str = RESET
        self.bytes_in = self.bytes_out = 0
        self.request, self.answer = bytearray(), bytearray()
        self._keep_bodies = keep_bodies

    def wrap_receive(self, receive: Receive) -> Receive:
        async def receive_counted() -> Message:
            message = await receive()
            body = message.get("body", b"")
            self.bytes_in += len(body)
            self._keep(self.request, body)
            return message

        return receive_counted

    def wrap_send(self, send: Send) -> Send:
        async def send_counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
            body = message.get("body", b"")
            self.bytes_out += len(body)
            self._keep(self.answer, body)
            await send(message)

        return send_counted

    def text(self, body: bytearray) -> str | None:
        return body.decode("utf-8", "replace") if self._keep_bodies else None

    def _keep(self, kept: bytearray, body: bytes) -> None:
        if self._keep_bodies and len(kept) < KEPT_BODY_BYTES:
            kept += body[: KEPT_BODY_BYTES - len(kept)]


class FaultInjector:
    """Innermost. Waits for the latency that is set, then answers with a fault or lets the vendor answer."""

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
        await self._consume_call(fault, scope, receive)
        if fault.kind == "answer":
            await fault_answer(fault, self._clock)(scope, receive, send)
        else:
            await cut_connection(scope, receive)

    async def _consume_call(self, fault: Fault, scope: Scope, receive: Receive) -> None:
        """Runs the call without its answer, or reads its body so that the client can finish writing."""
        if fault.has_effect:
            await self._app(scope, receive, discard)
            return
        if fault.kind == "answer":
            while (await receive()).get("more_body"):
                pass


async def discard(_message: MutableMapping[str, Any]) -> None:
    """Stands in for `send` if the client must not see the answer."""


async def cut_connection(scope: Scope, receive: Receive) -> None:
    """Cuts the connection and waits until the server notices; otherwise the server would answer 500."""
    scope[ABORT]()
    while (await receive())["type"] != "http.disconnect":
        pass


def fault_answer(fault: Fault, clock: Clock) -> Response:
    if fault.body is None:
        response = Response(status_code=fault.status)
    elif isinstance(fault.body, str):
        response = Response(fault.body, fault.status, media_type="text/html")
    else:
        response = json_answer(fault.body, fault.status)
    response.headers.update(fault.headers)
    if fault.retry_after_seconds is not None:
        response.headers["Retry-After"] = retry_after(
            fault.retry_after_seconds, fault.retry_after_form, clock
        )
    return response
