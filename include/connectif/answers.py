"""What the client relies on in Connectif's answers: each raises Unexpected or KeyError for the rest."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from include.http.transport import Unexpected

Headers = Mapping[str, str]


def record(body: Any, _headers: Headers | None = None) -> dict[str, Any]:
    """One object."""
    if not isinstance(body, dict):
        raise Unexpected("it is no record")
    return body


def text(body: Mapping[str, Any], field: str) -> str:
    """A member without which nothing can go on: a text, or a whole number."""
    value = body[field]
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise Unexpected(f"`{field}` is no text")
    return str(value)


def count(body: Mapping[str, Any], field: str) -> int | None:
    """A number of rows: `8`, `8.0`, `"8"`. None for anything else, and where it is absent: it is not 0."""
    value = body.get(field)
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        return int(value[:20])
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if value >= 0 and value == value // 1 else None


def instant(body: Mapping[str, Any], field: str) -> datetime | None:
    """`2026-11-23T12:00:05.000Z`; None where it is absent, no instant, or without an offset."""
    value = body.get(field)
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if found and found.utcoffset() is not None else None


def written(body: Any, _headers: Headers) -> None:
    """A write is confirmed by the record, or by a status without a body."""
    if body is not None:
        record(body)


def created(body: Any, purchase_id: str) -> None:
    """A purchase is confirmed by a record that is not another one's, or by the status alone."""
    if body is None:
        return
    if not record(body) or body.get("purchaseId", purchase_id) != purchase_id:
        raise Unexpected("it does not confirm the purchase")


def contact_fields(body: Any, _headers: Headers) -> tuple[list[str], str | None]:
    """`{"results": [{"id": …}], "links": {"next": …}}` → the ids, and the address of the next page."""
    results, links = record(body)["results"], body.get("links")
    if not isinstance(results, list):
        raise Unexpected("`results` is no list")
    following = record(links).get("next") if links is not None else None
    if following is not None and not isinstance(following, str):
        raise Unexpected("`links.next` is no address")
    return [text(record(field), "id") for field in results], following
