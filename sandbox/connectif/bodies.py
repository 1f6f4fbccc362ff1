"""Reading the bodies of requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from sandbox.connectif.errors import ApiError

if TYPE_CHECKING:
    from starlette.requests import Request


async def read_json(request: Request) -> Any:
    """The body as JSON, or 400."""
    try:
        return orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        raise ApiError(400, "Invalid JSON.") from None


def media_type(request: Request) -> str:
    """The Content-Type without its parameters."""
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
