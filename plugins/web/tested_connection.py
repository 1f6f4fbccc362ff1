"""Tells our hooks the id of the connection that Airflow's Test button tests.

Airflow tests a copy with a random id (`test_connection` of the connections API, 3.3.2), so our messages could
not name the connection.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from plugins.hooks.connection_fields import TESTED_ID
from plugins.web.request_body import path_of_post, read_body

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_TEST = re.compile(r"/api/v2/connections/test/?")
_ID = re.compile(r"[\w.-]{1,250}")


class TestedConnection:
    """ASGI middleware for the whole api-server. It reads only the calls of the Test button."""

    __test__ = False  # pytest collects classes with this prefix

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _TEST.fullmatch(path_of_post(scope)):
            if (read := await read_body(receive, send)) is None:
                return
            body, receive = read
            TESTED_ID.set(_id_in(body))
        await self._app(scope, receive, send)


def _id_in(body: bytes) -> str:
    try:
        conn_id = json.loads(body)["connection_id"]
    except (ValueError, RecursionError, TypeError, KeyError):
        return ""
    return conn_id if isinstance(conn_id, str) and _ID.fullmatch(conn_id) else ""
