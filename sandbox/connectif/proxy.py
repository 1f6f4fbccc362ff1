"""A reverse proxy in front of Connectif, with a lower limit for files than Connectif's own."""

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.connectif.knobs import ConnectifKnobs

# nginx's own page; the proxy does not know the vendor's JSON.
_PAGE = (
    "<html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n<body>\r\n"
    "<center><h1>413 Request Entity Too Large</h1></center>\r\n<hr><center>nginx</center>\r\n"
    "</body>\r\n</html>\r\n"
)


class Proxy:
    """ASGI middleware outside the gate: a refused call needs no key and takes no slot of the rate limit.

    The limit applies to the whole body, including the form around the file. Like nginx (`lingering_close`),
    the proxy reads the rest of the body, so that the client gets the answer and no broken connection.
    """

    def __init__(self, app: ASGIApp, *, knobs: ConnectifKnobs) -> None:
        self._app, self._knobs = app, knobs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        limit = self._knobs.import_proxy_bytes
        if not limit or not _is_upload(scope):
            await self._app(scope, receive, send)
            return
        messages, size = await _read_body(receive, limit)
        if size > limit:
            await self._refusal()(scope, receive, send)
        else:
            await self._app(scope, _replay(messages, receive), send)

    def _refusal(self) -> Response:
        page = _PAGE if self._knobs.import_proxy_body == "html" else ""
        return Response(page, 413, {"Connection": "close"}, "text/html" if page else None)


def _is_upload(scope: Scope) -> bool:
    path = str(scope.get("path", "")).rstrip("/")
    return path == "/imports" and scope.get("method") == "POST"


async def _read_body(receive: Receive, limit: int) -> tuple[list[Message], int]:
    """The messages of the body up to the limit, and the size of the whole body."""
    messages: list[Message] = []
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
        if size <= limit:
            messages.append(message)
    return messages, size


def _replay(messages: list[Message], receive: Receive) -> Receive:
    async def receive_replayed() -> Message:
        return messages.pop(0) if messages else await receive()

    return receive_replayed
