"""HTTP answers that both vendors and the control plane send in the same form."""

from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import orjson
from starlette.responses import Response

from sandbox.core.clock import Clock

JSON = "application/json"


def json_answer(
    content: Any, status: int = 200, headers: dict[str, str] | None = None, media_type: str = JSON
) -> Response:
    options = orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z
    return Response(orjson.dumps(content, default=str, option=options), status, headers, media_type)


def to_answer(content: Any) -> Response:
    """204 for None, a response as it is, anything else as JSON."""
    if content is None:
        return Response(status_code=204)
    return content if isinstance(content, Response) else json_answer(content)


def retry_after(seconds: float, form: str, clock: Clock) -> str:
    """The value of `Retry-After` in either form that RFC 9110 allows: seconds or a date."""
    if form == "date":
        return format_datetime(clock.now() + timedelta(seconds=seconds), usegmt=True)
    return str(round(seconds))
