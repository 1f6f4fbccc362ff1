"""The checks before every handler: key, rate limit, right and body.

Key and rate limit are middleware outside the faults: unknown paths and the answers of faults cost a call and
have the three headers, too. Files have no such checks, as at a storage service.
"""

from collections.abc import Sequence
from typing import Any

import orjson
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.connectif.errors import http_error
from sandbox.connectif.knobs import ConnectifKnobs
from sandbox.connectif.rate_limit import Allowance, ConnectifRateLimit
from sandbox.core.endpoints import Call, Endpoint
from sandbox.core.middleware import is_control, path_of
from sandbox.core.vendor import Key

FILES = "/files/"
KEY = "connectif.key"


class ConnectifGate:
    """ASGI middleware: 401, then 429, then the call. Only a call with a valid key takes a slot."""

    def __init__(
        self, app: ASGIApp, *, keys: Sequence[Key], limit: ConnectifRateLimit, knobs: ConnectifKnobs
    ) -> None:
        self._app, self._keys, self._limit, self._knobs = app, keys, limit, knobs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if is_control(scope) or path_of(scope).startswith(FILES):
            await self._app(scope, receive, send)
            return
        key = self._find_key(Request(scope))
        allowance = self._limit.take(1 if key else 0)
        app: Any = self._app
        if key is None:
            app = Response("Unauthorized", 401, media_type="text/plain")
        elif not allowance.allowed:
            app = self._too_many(allowance)
        scope[KEY] = key
        await app(scope, receive, _add_headers(send, allowance))

    def _find_key(self, request: Request) -> Key | None:
        """The header must be exactly `apiKey id:secret`."""
        header = request.headers.get("Authorization")
        return next((key for key in self._keys if header == f"apiKey {key.id}:{key.secret}"), None)

    def _too_many(self, allowance: Allowance) -> Response:
        """Connectif documents no body. Retry-After depends on a knob."""
        response = Response(status_code=429)
        if self._knobs.retry_after == "seconds":
            response.headers["Retry-After"] = str(allowance.seconds_left)
        return response


def key_id_of(scope: Scope) -> str:
    """The id in the header `apiKey id:secret`."""
    header = Headers(scope=scope).get("Authorization", "")
    return header.removeprefix("apiKey ").partition(":")[0]


async def admit(request: Request, endpoint: Endpoint) -> Call:
    """403 without the right, 415 for a body of another type, 400 for invalid JSON."""
    key = check_right(request, *(endpoint.rights or ()))
    if not endpoint.takes_json:
        return Call(request, key)
    if media_type(request) != "application/json":
        raise http_error(415, "Content-Type must be application/json.")
    return Call(request, key, content=parse_json(await request.body()))


def check_right(request: Request, *rights: str) -> Key:
    key: Key = request.scope[KEY]
    if not key.may(*rights):
        raise http_error(403, "Permission not granted to the API Key.")
    return key


def parse_json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise http_error(400, "Invalid JSON.") from None


def media_type(request: Request) -> str:
    """The Content-Type without its parameters."""
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _add_headers(send: Send, allowance: Allowance) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": list(message.get("headers", []))}
            MutableHeaders(raw=message["headers"]).update(allowance.headers())
        await send(message)

    return send_with_headers
