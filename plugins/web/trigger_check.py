"""Refuses runs and back-fills of our DAGs with unknown parameters, before Airflow's API creates them.

Airflow checks each declared parameter by its schema, but accepts every other key of conf
(`SerializedParamsDict.deep_merge`, Airflow 3.3.2). Only a middleware in front of the API can answer 400.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_RUN = re.compile(r"/api/v2/dags/(?P<dag_id>[^/]+)/dagRuns/?")
_BACKFILL = re.compile(r"/api/v2/backfills(?:/dry_run)?/?")
_LONGEST_BODY_BYTES = 4_194_304
"""Longer bodies pass unchecked here: the tasks check conf, too."""
_WITHIN_SECONDS = 10.0
"""Anyone can send a body to this middleware, because Airflow authenticates after it has read the body."""


class TriggerCheck:
    """ASGI middleware for the whole api-server. It reads only the POSTs that create runs and back-fills."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = _path_of(scope) if scope["type"] == "http" and scope["method"] == "POST" else ""
        if not (_RUN.fullmatch(path) or _BACKFILL.fullmatch(path)):
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(_WITHIN_SECONDS):
                messages = await _messages(receive)
        except TimeoutError:
            await _answer(
                send, 408, f"the body did not arrive within {_WITHIN_SECONDS:g} s; send the request again"
            )
            return
        body = b"".join(message.get("body", b"") for message in messages)
        if problem := await asyncio.to_thread(_refusal, path, body):
            await _answer(send, 400, problem)
        else:
            await self._app(scope, _replay(messages, receive), send)


def _path_of(scope: Scope) -> str:
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


async def _messages(receive: Receive) -> list[Message]:
    messages, length = [await receive()], 0
    while messages[-1].get("more_body") and length <= _LONGEST_BODY_BYTES:
        messages.append(await receive())
        length += len(messages[-1].get("body", b""))
    return messages


def _replay(messages: list[Message], receive: Receive) -> Receive:
    """Return a `receive` that first returns the messages that were already received."""
    rest = iter(messages)

    async def receive_again() -> Message:
        message = next(rest, None)
        return await receive() if message is None else message

    return receive_again


def _refusal(path: str, body: bytes) -> str | None:
    """Why the run must not be created. If body or conf is not a JSON object, Airflow itself answers."""
    try:
        request = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(request, dict):
        return None
    if run := _RUN.fullmatch(path):
        return _refusal_of_conf(run["dag_id"], request.get("conf"), "manual")
    return _refusal_of_conf(request.get("dag_id"), request.get("dag_run_conf"), "backfill")


def _refusal_of_conf(dag_id: object, conf: object, run_type: str) -> str | None:
    from plugins.runs.params import refusal_of  # noqa: PLC0415 - imports Airflow's SDK, needed only here

    if not isinstance(dag_id, str) or not isinstance(conf, dict):
        return None
    return refusal_of(dag_id, conf, run_type)


async def _answer(send: Send, status: int, problem: str) -> None:
    body = json.dumps({"detail": problem}).encode()
    headers: Any = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
