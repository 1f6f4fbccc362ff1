"""HTTP of the receiver and the pages: the headers of every response, and limits for the body of a request."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect, Request

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'self'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""The browser sends no request to another host, runs no inline code and stores nothing. Only Airflow's own
frame may show the pages."""

STATIC_HEADERS = {"Cache-Control": "public, max-age=3600"}

WITHIN_SECONDS = 10.0


def with_headers(app: ASGIApp, headers: Mapping[str, str] = HEADERS) -> ASGIApp:
    """The application with these headers on every response that lacks them: also on Airflow's 401, the
    router's 404 and the 500 of a bug."""
    added = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def secured(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                more = [(name, value) for name, value in added if name not in given]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        await app(scope, receive, send_with_headers)

    return secured


class BodyRefused(ValueError):
    """The body is too long (413), too slow (408) or incomplete (400); `status` is the status to answer."""

    def __init__(self, reason: str, status: int) -> None:
        super().__init__(reason)
        self.status = status


async def read_body(request: Request, most_bytes: int, within_seconds: float = WITHIN_SECONDS) -> bytes:
    """The whole body. The time limit is for the whole body: slow bytes do not extend it.

    If the request announces no body, this function does not wait: a busy server would report it as too slow.
    """
    if _announces_no_body(request):
        return b""
    received = bytearray()
    try:
        async with asyncio.timeout(within_seconds):
            async for chunk in request.stream():
                received += chunk
                if len(received) > most_bytes:
                    raise BodyRefused(f"the body is longer than {most_bytes} bytes", 413)
    except ClientDisconnect:
        raise BodyRefused("the client disconnected before the end of the body", 400) from None
    except TimeoutError:
        raise BodyRefused(f"the body did not arrive within {within_seconds:g} s", 408) from None
    return bytes(received)


def _announces_no_body(request: Request) -> bool:
    """In HTTP/1 a request announces a body by its length or its encoding (RFC 9112, 6.3)."""
    version = str(request.scope.get("http_version", ""))
    length, encoding = (request.headers.get(name) for name in ("content-length", "transfer-encoding"))
    return version.startswith("1") and length in {None, "0"} and encoding is None
