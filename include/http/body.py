"""Reads the bodies of answers within limits: bytes after decompression, levels and values of JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import orjson
import requests

MOST_LEVELS = 64
"""Levels of nesting that no answer of a vendor comes near; far below what Python's own limits allow."""
BYTES_A_VALUE = 16
"""Fewest bytes of JSON for each value, on average. Three bytes of JSON may become a hundred of memory."""
MOST_VALUES = 32_000_000 // BYTES_A_VALUE
_PIECE_BYTES = 1 << 16
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)
"""An escape in a JSON text: a pair of surrogates, half of a pair, or any other escape."""


class BodyTooLarge(Exception):
    """The body has more bytes, levels or values than allowed; the text says how many."""


def read_body(response: requests.Response, most_bytes: int) -> bytes:
    """Return the decompressed body; BodyTooLarge beyond `most_bytes`. Memory holds no more than that."""
    body = bytearray()
    for piece in _pieces(response, most_bytes):
        body += piece
    return bytes(body)


def read_beginning(response: requests.Response, most_bytes: int) -> bytes:
    """Return the first `most_bytes` of the decompressed body, and read no more."""
    body = bytearray()
    while len(body) < most_bytes and (piece := response.raw.read1(_PIECE_BYTES, decode_content=True)):
        body += piece
    return bytes(body[:most_bytes])


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


def parse_json(content: bytes, most_values: int = MOST_VALUES) -> Any:
    r"""Any JSON that Python reads; ValueError for anything else, BodyTooLarge for too many levels or values.

    Half of a surrogate pair (`\ud83d`, where a shop's form cut an emoji in two) is dropped. Bytes that are
    not UTF-8 are replaced. Neither rejects the other documents of the same page.
    """
    brackets = content.count(b"{") + content.count(b"[")
    if brackets + content.count(b",") > most_values:
        raise BodyTooLarge(f"more than {most_values:,} values of JSON")
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        if "depth limit" in str(error):  # the text of orjson 3.13
            raise BodyTooLarge(f"more than {MOST_LEVELS} levels of JSON") from None
        value = orjson.loads(_repaired(content))
    if not _is_surely_flat(value, brackets):
        _check_levels(value)
    return value


def _repaired(content: bytes) -> bytes:
    """Return the same JSON as UTF-8 without halves of surrogate pairs.

    It works on bytes, because parsed values take far more memory.
    """
    text = content.decode("utf-8", "replace").encode("utf-8")
    return _ESCAPE.sub(lambda found: b"" if found["half"] else found[0], text)


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
