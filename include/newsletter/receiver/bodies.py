"""What a callback's query and body say, as pairs of name and text. Errors hold nothing of it."""

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
    """The request is not a callback. The message says why and quotes nothing; `status` is the answer's."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.status = status


def pairs_of_query(query: bytes) -> list[Pair]:
    """The parts of a query; BadCallback when it is too long or not UTF-8."""
    if len(query) > LONGEST_QUERY_BYTES:
        raise BadCallback(f"the query is longer than {LONGEST_QUERY_BYTES} bytes", status=414)
    return _pairs_of_form(query, "the query")


def pairs_of_body(body: bytes, content_type: str, content_encoding: str = "") -> list[Pair]:
    """The fields of a form, or all members of a JSON document at any depth (Connectif's custom integrations
    nest them by JSON pointers); of an empty body none.

    BadCallback: 415 for another content type, charset or encoding, 400 for what cannot be read.
    """
    if not body:
        return []
    kind, _, parameters = content_type.lower().partition(";")
    if content_encoding.strip().lower() not in {"", "identity"}:
        raise BadCallback("the body must not be compressed", status=415)
    if is_json(kind):
        return list(_members(_document(body)))
    if kind.strip() != FORM:
        raise BadCallback(f"the body must be application/json or {FORM}", status=415)
    if _charset(parameters) not in _CHARSETS:
        raise BadCallback("the charset must be UTF-8", status=415)
    return _pairs_of_form(body, "the body")


def is_json(content_type: str) -> bool:
    """Whether a content type, with or without parameters, is one of JSON's."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind in {"application/json", "text/json"} or kind.endswith("+json")


def _charset(parameters: str) -> str:
    named = (part.partition("=") for part in parameters.split(";"))
    return next((value.strip(' "') for name, _, value in named if name.strip() == "charset"), "")


def _pairs_of_form(text: bytes, what: str) -> list[Pair]:
    """A plus inside stays a plus: an address may have one, and has no space, which it means elsewhere.

    Callers forget to encode it, and their opt-outs are lost where it is taken for a space (metabase#43543,
    mirlo#754; read 2026-11-28). After the end it is a space, because no domain ends so. In front it may be
    either: a space beside it keeps it from being an address.
    """
    try:
        parts = [part.partition("=") for part in text.decode("utf-8").split("&")]
        return [(unquote(name, errors="strict"), _value(value)) for name, _, value in parts]
    except UnicodeDecodeError:
        raise BadCallback(f"{what} is not percent-encoded UTF-8") from None


def _value(quoted: str) -> str:
    return unquote(re.sub(r"^\++", "+ ", quoted.rstrip("+")), errors="strict")


def _document(body: bytes) -> Any:
    """Objects become tuples of pairs: a name that is given twice must not hide the first value."""
    try:
        return json.loads(body, object_pairs_hook=tuple)
    except (ValueError, RecursionError):
        raise BadCallback("the body is not JSON") from None


def _members(document: Any) -> Iterator[Pair]:
    """Every member with the values of its list, if it has one, for values."""
    left: list[tuple[str, Any]] = [("", document)]
    while left:
        name, value = left.pop()
        if isinstance(value, tuple):
            left += value
        elif isinstance(value, list):
            left += [(name, item) for item in value]
        else:
            yield name, value
