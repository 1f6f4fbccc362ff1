"""One exception for every refusal of a vendor. Each vendor's `errors` builds it in the vendor's own form."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox.core.answers import JSON, json_answer


class VendorError(Exception):
    """Rules, gates and routes raise it. A `body` of None is an empty body."""

    def __init__(
        self, status: int, body: Any = None, *, headers: dict[str, str] | None = None, media_type: str = JSON
    ) -> None:
        super().__init__(status, body)
        self.status, self.body, self.headers, self.media_type = status, body, headers or {}, media_type


async def answer_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, VendorError)  # noqa: S101 - Starlette types every handler for any exception
    if error.body is None:
        return Response(status_code=error.status, headers=error.headers)
    if error.media_type == JSON:
        return json_answer(error.body, error.status, error.headers)
    return Response(str(error.body), error.status, error.headers, error.media_type)
