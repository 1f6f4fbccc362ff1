"""Before Airflow's own routes: what must not get into the access log, and what must not get the UI's page."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

MARK = "connectif/newsletter"
PREFIX = f"/{MARK}/"
HIDDEN = f"{PREFIX}***"


class CallbackPaths:
    """ASGI middleware for the whole server.

    Secret and address stand in a callback's request line. The access log is written from the request's scope,
    after the answer: the application gets a copy, and what stays behind for the log only says that there was
    a callback.

    A mistyped address (`//connectif/…`, `/Connectif/…`) would get 200 and Airflow's UI, Connectif would take
    that for success, and the wish would be lost in silence: it gets 404.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or MARK not in scope["path"].lower():
            await self._app(scope, receive, send)
            return
        request = dict(scope)
        scope.update(path=HIDDEN, raw_path=HIDDEN.encode(), query_string=b"")
        if request["path"].removeprefix(request.get("root_path", "")).startswith(PREFIX):
            await self._app(request, receive, send)
        else:
            await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})
