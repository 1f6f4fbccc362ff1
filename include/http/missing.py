"""Reads of records that may not exist."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from include.http.route import Route
from include.http.transport import Parsed, RequestRefused, Transport


def read_or_none(
    transport: Transport, route: Route, parse: Callable[[Any, Mapping[str, str]], Parsed], **request: Any
) -> Parsed | None:
    """Return the result of `Transport.read`; None if the vendor answers 404."""
    try:
        return transport.read(route, parse, **request)
    except RequestRefused as refused:
        if refused.status == 404:
            return None
        raise
