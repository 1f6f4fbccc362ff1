"""Reads the bodies of answers within limits: bytes after decompression, levels and values of JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, BinaryIO

import orjson
import requests

MOST_LEVELS = 64
"""Far more levels than any answer of the vendors has, and far fewer than Python's own limit."""
MOST_VALUES = 2_000_000
"""Limits the memory: three bytes of JSON can become a hundred bytes of Python objects."""
_PIECE_BYTES = 1 << 16


class BodyTooLarge(Exception):
    """The body has more bytes, levels or values than allowed; the text says how many."""


def read_body(response: requests.Response, most_bytes: int) -> bytes:
    """Return the decompressed body; BodyTooLarge beyond `most_bytes`. Memory holds no more than that."""
    body = bytearray()
    for piece in _pieces(response, most_bytes):
        body += piece
    return bytes(body)


def save_body(response: requests.Response, most_bytes: int, file: BinaryIO) -> None:
    """Write the decompressed body into a file, piece by piece; BodyTooLarge beyond `most_bytes`."""
    for piece in _pieces(response, most_bytes):
        file.write(piece)


def _pieces(response: requests.Response, most_bytes: int) -> Iterator[bytes]:
    """Yield pieces as they arrive: `read1` never waits for more than one piece from the network."""
    read = 0
    while piece := response.raw.read1(_PIECE_BYTES, decode_content=True):
        read += len(piece)
        if read > most_bytes:
            raise BodyTooLarge(f"more than {most_bytes:,} bytes")
        yield piece


def parse_json(content: bytes) -> Any:
    r"""Parse any JSON that Python reads; ValueError for other content, BodyTooLarge beyond the limits.

    Half of a surrogate pair (`\ud83d`, where a shop's form cut an emoji in two) is dropped. Bytes that are
    not UTF-8 are replaced. Neither rejects the other documents of the same page.
    """
    brackets = content.count(b"{") + content.count(b"[")
    if brackets + content.count(b",") > MOST_VALUES:
        raise BodyTooLarge(f"more than {MOST_VALUES:,} values of JSON")
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        try:
            lenient = json.loads(content.decode("utf-8", "replace"))
        except RecursionError:
            raise BodyTooLarge(f"more than {MOST_LEVELS} levels of JSON") from None
        value = orjson.loads(json.dumps(lenient, ensure_ascii=False).encode("utf-8", "ignore"))
    if not _is_surely_flat(value, brackets):
        _check_levels(value)
    return value


def _is_surely_flat(value: Any, brackets: int) -> bool:
    """Whether the count of brackets, also those inside texts, already excludes too many levels.

    True for most answers, such as a page of plain documents.
    """
    inner = sum(type(one) is dict or type(one) is list for one in value) if type(value) is list else 0
    return brackets - inner <= MOST_LEVELS


def _check_levels(value: Any) -> None:
    level = [value]
    for _ in range(MOST_LEVELS + 1):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer if type(outer) is list else ())
            if type(inner) is dict or type(inner) is list
        ]
        if not level:
            return
    raise BodyTooLarge(f"more than {MOST_LEVELS} levels of JSON")
