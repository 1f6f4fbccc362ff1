"""Before Airflow's own routes: what must not get into the access log, and what must not get the UI's page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.web import with_headers

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

DOOR = "/connectif/"
HIDDEN = f"{DOOR}newsletter/***"
HEALTH = f"{DOOR}health"
_OF_AN_ADDRESS = (b"mail", b"correo", b"@", b"%40")
_KINDS = ("subscribe", "unsubscribe", "bounce")


class CallbackPaths:
    """ASGI middleware for the whole server.

    Secret and address stand in a callback's request line. Airflow's access log (and the server's, for a web
    socket) is written from the request's scope, after the answer: the application gets a copy, and what
    stays behind for the log only says that there was a callback.

    A mistyped address (`//connectif/…`, `/Connectif/…`, `/newsletter/…`) would get 200 and Airflow's UI,
    Connectif would take that for success, and the subscription change would be lost in silence: it gets 404.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"} or not _is_meant_for_us(scope):
            await self._app(scope, receive, send)
            return
        request, path = dict(scope), _path_of(scope)
        shown = HEALTH if path == HEALTH else HIDDEN
        scope.update(path=shown, raw_path=shown.encode(), query_string=b"")
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        elif path.startswith(DOOR):
            await self._app(request, receive, send)
        else:
            await with_headers(_not_found)(request, receive, send)


async def _not_found(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


def _path_of(scope: Scope) -> str:
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def _is_meant_for_us(scope: Scope) -> bool:
    """Whether whoever called wanted the receiver, however badly. Not a DAG's page that is called like it."""
    path = _path_of(scope).lower()
    words = [word for word in path.split("/") if word]
    if words[:1] == ["connectif"] or f"{DOOR}newsletter" in path:
        return True
    query: bytes = scope["query_string"].lower()
    return words[-1:] != [] and words[-1] in _KINDS and any(sign in query for sign in _OF_AN_ADDRESS)
