"""A reverse proxy in front of Connectif that takes smaller files than Connectif itself does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from sandbox.connectif.knobs import Knobs

# As nginx answers; it knows no JSON of the vendor's.
_PAGE = (
    "<html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n<body>\r\n"
    "<center><h1>413 Request Entity Too Large</h1></center>\r\n<hr><center>nginx</center>\r\n"
    "</body>\r\n</html>\r\n"
)


class Proxy:
    """ASGI middleware, outside of the gate: what it refuses needs no key and takes no slot of the limit.

    Proxies count the whole body, the form around the file included. Like nginx (`lingering_close`) it reads
    what the client still sends, so that the client sees the answer and not a broken connection.
    """

    def __init__(self, app: ASGIApp, *, knobs: Knobs) -> None:
        self._app, self._knobs = app, knobs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        limit = self._knobs.import_proxy_bytes
        if not limit or not _is_upload(scope):
            await self._app(scope, receive, send)
            return
        messages, size = await _body(receive, limit)
        if size > limit:
            await self._refusal()(scope, receive, send)
        else:
            await self._app(scope, _again(messages, receive), send)

    def _refusal(self) -> Response:
        page = _PAGE if self._knobs.import_proxy_body == "html" else ""
        return Response(page, 413, {"Connection": "close"}, "text/html" if page else None)


def _is_upload(scope: Scope) -> bool:
    path = str(scope.get("path", "")).rstrip("/")
    return path == "/imports" and scope.get("method") == "POST"


async def _body(receive: Receive, limit: int) -> tuple[list[Message], int]:
    """The messages of the body as far as the limit allows, and the size of the whole."""
    messages: list[Message] = []
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
        if size <= limit:
            messages.append(message)
    return messages, size


def _again(messages: list[Message], receive: Receive) -> Receive:
    async def replayed() -> Message:
        return messages.pop(0) if messages else await receive()

    return replayed
