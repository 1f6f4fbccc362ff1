"""Middleware before Airflow's routes: hides callbacks from the access log, answers mistyped URLs with 404."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from include.web import with_headers

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

PREFIX = "/connectif/"
HIDDEN = f"{PREFIX}newsletter/***"
_HEALTH = re.compile(rf"{PREFIX}([a-z0-9_]+/)?health")
"""The health of the only shop, or of a shop by its name."""
_CALLBACK = re.compile(rf"{PREFIX}([a-z0-9_]+/)?newsletter")
_ADDRESS_SIGNS = (b"mail", b"correo", b"@", b"%40")
_KINDS = ("subscribe", "unsubscribe", "bounce")


class CallbackPaths:
    """ASGI middleware for the whole server.

    A callback's request line contains the secret and the address. Airflow writes its access log from the
    request's scope after the answer (for a web socket, the server does). So the application gets a copy of
    the scope, and the scope for the log only says that a callback came.

    A mistyped URL (`//connectif/…`, `/Connectif/…`, `/newsletter/…`) gets 404. Otherwise Airflow would answer
    200 with its UI, Connectif would count this as success, and the change would be lost.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"} or not _is_receiver_call(scope):
            await self._app(scope, receive, send)
            return
        request, path = dict(scope), _relative_path(scope)
        shown = path if _HEALTH.fullmatch(path) else HIDDEN
        scope.update(path=shown, raw_path=shown.encode(), query_string=b"")
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        elif path.startswith(PREFIX):
            await self._app(request, receive, send)
        else:
            await with_headers(_not_found)(request, receive, send)


async def _not_found(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


def _relative_path(scope: Scope) -> str:
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def _is_receiver_call(scope: Scope) -> bool:
    """Whether the call is for the receiver, even with a mistyped URL. Airflow's DAG pages do not match."""
    path = _relative_path(scope).lower()
    words = [word for word in path.split("/") if word]
    if words[:1] == ["connectif"] or _CALLBACK.search(path):
        return True
    query: bytes = scope["query_string"].lower()
    return words[-1:] != [] and words[-1] in _KINDS and any(sign in query for sign in _ADDRESS_SIGNS)
