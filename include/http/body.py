"""Bodies of answers by a budget: bytes after decompression, and levels of JSON."""

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


class OverBudget(Exception):
    """The body has more bytes, or more levels, than the route allows; the text says how many."""


def read_body(response: requests.Response, most_bytes: int) -> bytes:
    """The body, decompressed; OverBudget beyond `most_bytes`, of which only so many are ever held."""
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
    """The body, decompressed, into a file, a piece at a time; OverBudget beyond `most_bytes`."""
    for piece in _pieces(response, most_bytes):
        file.write(piece)


def _pieces(response: requests.Response, most_bytes: int) -> Iterator[bytes]:
    """As they come in: `read1` never waits for more than one piece of the network."""
    read = 0
    while piece := response.raw.read1(_PIECE_BYTES, decode_content=True):
        read += len(piece)
        if read > most_bytes:
            raise OverBudget(f"more than {most_bytes:,} bytes")
        yield piece


def loaded(content: bytes, most_values: int = MOST_VALUES) -> Any:
    r"""Any JSON that Python reads; ValueError for anything else, OverBudget for too many levels or values.

    Half of a pair such as `\ud83d`, where a shop's form has cut an emoji in two, and bytes that are no UTF-8
    cost their place in a text, never the thousand documents around it.
    """
    brackets = content.count(b"{") + content.count(b"[")
    if brackets + content.count(b",") > most_values:
        raise OverBudget(f"more than {most_values:,} values of JSON")
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        if "depth limit" in str(error):  # the text of orjson 3.13
            raise OverBudget(f"more than {MOST_LEVELS} levels of JSON") from None
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
    """Whether the number of brackets alone shows it, those within texts included: a page of plain documents,
    say."""
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
    raise OverBudget(f"more than {MOST_LEVELS} levels of JSON")
