"""Reads the body of a request in a middleware, and hands the request on as it came."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

LONGEST_BYTES = 4_194_304
"""Of a longer body only the beginning is read."""
WITHIN_SECONDS = 10.0
"""Anyone can send a body to a middleware, because Airflow authenticates after it has read the body."""


def path_of_post(scope: Scope) -> str:
    """The path below the server's own one; "" if the request is no POST."""
    if scope["type"] != "http" or scope["method"] != "POST":
        return ""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


async def read_body(receive: Receive, send: Send) -> tuple[bytes, Receive] | None:
    """The body, and a `receive` for the application. None if it came too slowly: 408 is already sent."""
    try:
        async with asyncio.timeout(WITHIN_SECONDS):
            messages = await _messages(receive)
    except TimeoutError:
        await refuse(
            send, 408, f"the body did not arrive within {WITHIN_SECONDS:g} s; send the request again"
        )
        return None
    return b"".join(message.get("body", b"") for message in messages), _replay(messages, receive)


async def refuse(send: Send, status: int, problem: str) -> None:
    """Answer in the form of Airflow's API."""
    body = json.dumps({"detail": problem}).encode()
    headers: Any = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _messages(receive: Receive) -> list[Message]:
    messages, length = [await receive()], 0
    while messages[-1].get("more_body") and length <= LONGEST_BYTES:
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
