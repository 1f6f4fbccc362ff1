"""VTEX's refusals. There is no common body: each API has its own."""

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response


class VtexError(Exception):
    """`body` None is an empty one; a str is sent as JSON string unless `plain`."""

    def __init__(
        self, status: int, body: Any = None, *, plain: bool = False, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(status, body)
        self.status, self.body, self.plain, self.headers = status, body, plain, headers or {}


def message(status: int, text: str, **headers: str) -> VtexError:
    """Master Data's and the gateway's form."""
    return VtexError(status, {"Message": text}, headers=headers)


def oms(status: int, text: str, code: str = "1") -> VtexError:
    return VtexError(status, {"error": {"code": code, "message": text, "exception": None}})


def bare(status: int, text: str) -> VtexError:
    """The legacy search's form: a JSON string."""
    return VtexError(status, text)


async def answer(_request: Request, error: Exception) -> Response:
    assert isinstance(error, VtexError)  # noqa: S101 - Starlette types every handler for any exception
    if error.body is None:
        return Response(status_code=error.status, headers=error.headers)
    if error.plain:
        return Response(str(error.body), error.status, error.headers, "text/plain")
    return Response(orjson.dumps(error.body), error.status, error.headers, "application/json")
