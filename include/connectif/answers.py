"""Checks the parts of Connectif's answers that the client uses; raises Unexpected or KeyError."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from include.http.transport import Unexpected

Headers = Mapping[str, str]


def parse_record(body: Any, _headers: Headers | None = None) -> dict[str, Any]:
    """Return the body, which must be an object."""
    if not isinstance(body, dict):
        raise Unexpected("it is not a record")
    return body


def read_text(body: Mapping[str, Any], field: str) -> str:
    """Return a required member, which must be a text or a whole number, as text."""
    value = body[field]
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise Unexpected(f"`{field}` is not a text")
    return str(value)


def read_count(body: Mapping[str, Any], field: str) -> int | None:
    """Return a number of rows (`8`, `8.0`, `"8"`); None for other values. A missing number is not 0."""
    value = body.get(field)
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        return int(value[:20])
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if value >= 0 and value == value // 1 else None


def read_instant(body: Mapping[str, Any], field: str) -> datetime | None:
    """Read an instant such as `2026-11-23T12:00:05.000Z`; None if absent, wrong or without offset."""
    value = body.get(field)
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if found and found.utcoffset() is not None else None


def check_write(body: Any, _headers: Headers) -> None:
    """Check that a write is confirmed by a record or by an empty body."""
    if body is not None:
        parse_record(body)


def check_created(body: Any, purchase_id: str) -> None:
    """Check that a purchase is confirmed by its own record or by an empty body."""
    if body is None:
        return
    if not parse_record(body) or body.get("purchaseId", purchase_id) != purchase_id:
        raise Unexpected("it does not confirm the purchase")


def parse_contact_fields(body: Any, _headers: Headers) -> tuple[list[str], str | None]:
    """`{"results": [{"id": …}], "links": {"next": …}}` → the ids, and the URL of the next page."""
    results, links = parse_record(body)["results"], body.get("links")
    if not isinstance(results, list):
        raise Unexpected("`results` is not a list")
    next_url = parse_record(links).get("next") if links is not None else None
    if next_url is not None and not isinstance(next_url, str):
        raise Unexpected("`links.next` is not a URL")
    return [read_text(parse_record(field), "id") for field in results], next_url
