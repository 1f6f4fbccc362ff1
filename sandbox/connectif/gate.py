"""What every call to the API goes through: the key, the account's rate limit, and its three headers.

The middleware lies outside of the faults, so that their answers carry the headers, too. Files are fetched
from URLs that Connectif hands out, without a key and without a limit, as from a storage service.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response

from sandbox.connectif.errors import ApiError
from sandbox.core.middleware import is_control

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from sandbox.connectif.knobs import Knobs
    from sandbox.connectif.rate_limit import Allowance, RateLimit
    from sandbox.core.vendor import Key

FILES = "/files/"
KEY = "connectif.key"


def require(request: Request, right: str) -> None:
    """403 when the key of the call lacks the scope."""
    key: Key = request.scope[KEY]
    if not key.may(right):
        raise ApiError(403, "Permission not granted to the API Key.")


class Gate:
    """ASGI middleware: 401, then 429, then the call; only calls with a good key take a slot."""

    def __init__(self, app: ASGIApp, *, keys: Sequence[Key], limit: RateLimit, knobs: Knobs) -> None:
        self._app = app
        self._keys = keys
        self._limit = limit
        self._knobs = knobs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if is_control(scope) or scope["path"].startswith(FILES):
            await self._app(scope, receive, send)
            return
        key = self._key_of(Request(scope))
        allowance = self._limit.take(1 if key else 0)
        app: Any = self._app
        if key is None:
            app = Response("Unauthorized", 401, media_type="text/plain")
        elif not allowance.allowed:
            app = self._too_many(allowance)
        scope[KEY] = key
        await app(scope, receive, _with_headers(send, allowance))

    def _key_of(self, request: Request) -> Key | None:
        """The header is exactly `apiKey id:secret`."""
        sent = request.headers.get("Authorization")
        return next((key for key in self._keys if sent == f"apiKey {key.id}:{key.secret}"), None)

    def _too_many(self, allowance: Allowance) -> Response:
        """No body is documented, and Retry-After only comes when the knob says so."""
        response = Response(status_code=429)
        if self._knobs.retry_after == "seconds":
            response.headers["Retry-After"] = str(allowance.seconds_left)
        return response


def _with_headers(send: Send, allowance: Allowance) -> Send:
    async def dressed(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": list(message.get("headers", []))}
            MutableHeaders(raw=message["headers"]).update(allowance.headers())
        await send(message)

    return dressed
