"""The body of a request, read within bounds of bytes and seconds: no caller can hold the server by it."""

from __future__ import annotations

import asyncio

from starlette.requests import ClientDisconnect, Request

WITHIN_SECONDS = 10.0


class BodyRefused(ValueError):
    """Too long (413), too slow (408) or broken off (400); `status` is the answer's."""

    def __init__(self, reason: str, status: int) -> None:
        super().__init__(reason)
        self.status = status


async def body_of(request: Request, most_bytes: int, within_seconds: float = WITHIN_SECONDS) -> bytes:
    """All of the body. The time is in total: a byte now and then does not prolong it.

    A request that announces no body is not waited for: a server in a flood would take it for a slow one.
    """
    if _announces_none(request):
        return b""
    received = bytearray()
    try:
        async with asyncio.timeout(within_seconds):
            async for chunk in request.stream():
                received += chunk
                if len(received) > most_bytes:
                    raise BodyRefused(f"the body is longer than {most_bytes} bytes", 413)
    except ClientDisconnect:
        raise BodyRefused("the body broke off", 400) from None
    except TimeoutError:
        raise BodyRefused(f"the body did not arrive within {within_seconds:g} s", 408) from None
    return bytes(received)


def _announces_none(request: Request) -> bool:
    """In HTTP/1 a body is announced by its length or its encoding (RFC 9112, 6.3)."""
    version = str(request.scope.get("http_version", ""))
    length, encoding = (request.headers.get(name) for name in ("content-length", "transfer-encoding"))
    return version.startswith("1") and length in {None, "0"} and encoding is None
