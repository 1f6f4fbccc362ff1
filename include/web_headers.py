"""The headers that every answer of our pages and of the receiver carries, whoever makes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

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
"""Nothing is loaded from or sent to another host, no inline code runs, nothing is kept. The pages are shown
in Airflow's own frame, and in no other."""

STATIC_HEADERS = {"Cache-Control": "public, max-age=3600"}


def with_headers(app: ASGIApp, headers: Mapping[str, str] = HEADERS) -> ASGIApp:
    """The application, with these headers on every answer that does not have them: also on a 401 of
    Airflow's, a 404 of the router's and the 500 of a bug."""
    added = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def secured(scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                more = [(name, value) for name, value in added if name not in given]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        await app(scope, receive, sending)

    return secured
