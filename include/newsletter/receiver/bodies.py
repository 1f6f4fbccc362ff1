"""Reads the query and body of a callback into pairs of name and value. Errors quote nothing from them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

LONGEST_QUERY_BYTES = 2_048
FORM = "application/x-www-form-urlencoded"
_CHARSETS = frozenset({"", "utf-8", "utf8", "us-ascii", "ascii"})

Pair = tuple[str, object]


class BadCallback(ValueError):
    """The request is not a valid callback. The message gives the reason and quotes nothing.

    `status` is the HTTP status to answer.
    """

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.status = status


def parse_query(query: bytes) -> list[Pair]:
    """Return the pairs of a query; BadCallback if the query is too long or not UTF-8."""
    if len(query) > LONGEST_QUERY_BYTES:
        raise BadCallback(f"the query is longer than {LONGEST_QUERY_BYTES} bytes", status=414)
    return _parse_form(query, "the query")


def parse_body(body: bytes, content_type: str, content_encoding: str = "") -> list[Pair]:
    """Return the fields of a form, or all members of a JSON document at any depth. An empty body has none.

    Connectif's custom integrations nest members by JSON pointers. BadCallback has the status 415 for another
    content type, charset or encoding, and 400 for an unreadable body.
    """
    if not body:
        return []
    kind, _, parameters = content_type.lower().partition(";")
    if content_encoding.strip().lower() not in {"", "identity"}:
        raise BadCallback("the body must not be compressed", status=415)
    if is_json(kind):
        return list(_list_members(_parse_json(body)))
    if kind.strip() != FORM:
        raise BadCallback(f"the body must be application/json or {FORM}", status=415)
    if _find_charset(parameters) not in _CHARSETS:
        raise BadCallback("the charset must be UTF-8", status=415)
    return _parse_form(body, "the body")


def is_json(content_type: str) -> bool:
    """Whether a content type, with or without parameters, is a JSON type."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind in {"application/json", "text/json"} or kind.endswith("+json")


def _find_charset(parameters: str) -> str:
    named = (part.partition("=") for part in parameters.split(";"))
    return next((value.strip(' "') for name, _, value in named if name.strip() == "charset"), "")


def _parse_form(text: bytes, what: str) -> list[Pair]:
    """Read a form, and keep a plus inside a value: an address may contain a plus, but no space.

    Callers forget to encode the plus; if it is read as a space, their opt-outs are lost (metabase#43543,
    mirlo#754; read 2026-11-28). At the end, a plus is a space, because no domain ends with a plus. At the
    start, a plus may be either; `_unquote_value` adds a space, so that the value is no valid address.
    """
    try:
        parts = [part.partition("=") for part in text.decode("utf-8").split("&")]
        return [(unquote(name, errors="strict"), _unquote_value(value)) for name, _, value in parts]
    except UnicodeDecodeError:
        raise BadCallback(f"{what} is not percent-encoded UTF-8") from None


def _unquote_value(quoted: str) -> str:
    return unquote(re.sub(r"^\++", "+ ", quoted.rstrip("+")), errors="strict")


def _parse_json(body: bytes) -> Any:
    """Parse JSON; objects become tuples of pairs, so that a repeated name does not hide the first value."""
    try:
        return json.loads(body, object_pairs_hook=tuple)
    except (ValueError, RecursionError):
        raise BadCallback("the body is not JSON") from None


def _list_members(document: Any) -> Iterator[Pair]:
    """Yield every member. A member with a list yields one pair for each item."""
    left: list[tuple[str, Any]] = [("", document)]
    while left:
        name, value = left.pop()
        if isinstance(value, tuple):
            left += value
        elif isinstance(value, list):
            left += [(name, item) for item in value]
        else:
            yield name, value
