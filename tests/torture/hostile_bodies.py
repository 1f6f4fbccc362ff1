"""Bodies that are too large, too deep or mislabelled, and answers that do not end in time."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from functools import cache

from tests.torture.hostile_case import (
    SHORT_DEADLINE,
    TOO_LARGE,
    TOO_LATE,
    Case,
    chunk,
    chunked_head,
    endless_answer,
    whole_answer,
)
from tests.torture.hostile_server import Answer, Pieces, head, open_head
from tests.torture.route_calls import GoodAnswer


def _compress_zeros(bytes_in_all: int, wbits: int) -> Iterator[bytes]:
    """Compress zeros while the stream is read: a megabyte becomes a thousand bytes."""
    packing = zlib.compressobj(9, zlib.DEFLATED, wbits)
    zeros = bytes(1 << 20)
    for _ in range(bytes_in_all >> 20):
        yield packing.compress(zeros) + packing.flush(zlib.Z_FULL_FLUSH)
    yield packing.flush()


def _bomb(coding: str, wbits: int) -> Answer:
    def answer(good: GoodAnswer) -> Pieces:
        yield open_head(good, f"Content-Encoding: {coding}")
        yield from _compress_zeros(4 << 30, wbits)

    return answer


@cache
def _compressed_twice() -> bytes:
    """Compress a gigabyte of zeros twice, to a few kilobytes."""
    return gzip.compress(b"".join(_compress_zeros(1 << 30, 31)))


def _bomb_in_a_bomb(good: GoodAnswer) -> Pieces:
    yield open_head(good, "Content-Encoding: gzip, gzip") + _compressed_twice()


def _compressed_nothing(good: GoodAnswer) -> Pieces:
    """Endless compressed blocks that contain no byte."""
    packing = zlib.compressobj(9, zlib.DEFLATED, 31)
    yield open_head(good, "Content-Encoding: gzip") + packing.flush(zlib.Z_SYNC_FLUSH)
    while True:
        yield b"\x00\x00\x00\xff\xff" * 1000
        yield 0.01


def _members(one: bytes, count: int) -> bytes:
    return b"[" + b",".join([one] * count) + b"]"


def _large(make: Callable[[], bytes]) -> Answer:
    """A body that is built once, when it is first sent."""
    body = cache(make)
    return whole_answer(lambda _: body())


def _with_junk(value: Callable[[], bytes]) -> Answer:
    """The good answer with one more member in its first record, if it is JSON."""

    def content(good: GoodAnswer) -> bytes:
        place = good.body.find(b"{") + 1
        return good.body[:place] + b'"junk":' + value() + b"," + good.body[place:] if place else good.body

    return whole_answer(content)


BODIES = [
    Case(
        "20 GB announced",
        endless_answer(lambda good: head(good, length=20 * 10**9), b"1," * 32_768),
        TOO_LARGE,
    ),
    Case("endless body", endless_answer(open_head, b'[{"id": "1"},' * 5_000), TOO_LARGE),
    Case("endless chunks", endless_answer(chunked_head(), chunk(b'"a",' * 16_384)), TOO_LARGE),
    Case("gzip bomb of 4 GB", _bomb("gzip", 31), TOO_LARGE),
    Case("deflate bomb of 4 GB", _bomb("deflate", 15), TOO_LARGE),
    Case("gzip bomb in a gzip bomb", _bomb_in_a_bomb, is_slow=True),
    Case("six codings", whole_answer(lambda good: good.body, "Content-Encoding: " + ", ".join(["gzip"] * 6))),
    Case(
        "endless compressed blocks of nothing", _compressed_nothing, TOO_LATE, deadline_seconds=SHORT_DEADLINE
    ),
    Case("gzip header without gzip", whole_answer(b"\x1f\x8b broken", "Content-Encoding: gzip")),
    Case("half a gzip", whole_answer(lambda good: gzip.compress(good.body)[:-9], "Content-Encoding: gzip")),
    Case("unknown coding", whole_answer(b"\x00\x01\x02", "Content-Encoding: br")),
    Case("400 levels", whole_answer(b"[" * 400 + b"]" * 400)),
    Case("400 levels in a member", _with_junk(lambda: b'{"a":' * 400 + b"1" + b"}" * 400)),
    Case("a million levels", whole_answer(b"[" * 1_000_000)),
    Case("400 levels and invalid UTF-8", whole_answer(b'["\xff",' + b"[" * 400 + b"]" * 401)),
    Case("a number of a million digits", _with_junk(lambda: b"1" * 1_000_000)),
    Case("a number that is infinite", _with_junk(lambda: b"1e999")),
    Case("NaN", _with_junk(lambda: b"NaN")),
    Case("a number in place of all", whole_answer(b"9" * 400)),
    Case("one text of 3 MB", _with_junk(lambda: b'"' + b"x" * 3_000_000 + b'"')),
    Case("one text of 31 MB", _large(lambda: b'"' + b"x" * 31_000_000 + b'"')),
    Case("31 MB of invalid UTF-8", _large(lambda: b'"' + b"\xff" * 31_000_000 + b'"')),
    Case("31 MB of wide letters", _large(lambda: b'["\xff", "' + "\U0001f600".encode() * 7_700_000 + b'"]')),
    Case("10 million empty lists", _large(lambda: _members(b"[]", 10_000_000))),
    Case("1.9 million values", _large(lambda: _members(b'{"a":1}', 950_000))),
    Case("1.9 million values, not UTF-8", _large(lambda: _members(b'{"a":1}', 900_000)[:-1] + b',"\xff"]')),
    Case(
        "1.9 million texts", _large(lambda: b"[" + b",".join(b'"%07d"' % n for n in range(1_900_000)) + b"]")
    ),
    Case(
        "a million other names",
        _with_junk(lambda: b"{" + b",".join(b'"%d":1' % n for n in range(300_000)) + b"}"),
    ),
    Case("one name a million times", _with_junk(lambda: b"{" + b",".join([b'"a":1'] * 900_000) + b"}")),
    Case("half of the body", whole_answer(lambda good: good.body[: len(good.body) // 2])),
    Case("no body", whole_answer(b"")),
    Case("NUL bytes", whole_answer(bytes(1_000))),
    Case("UTF-16", whole_answer(lambda good: good.body.decode("latin-1").encode("utf-16"))),
    Case("HTML", whole_answer(b"<html>canary-text</html>", "Content-Type: text/html")),
    Case("another content type", whole_answer(lambda good: good.body, "Content-Type: image/png")),
    Case(
        "an error body of 20 GB",
        endless_answer(lambda good: head(good, status=400, length=20 * 10**9), b"canary-text" * 9_000),
    ),
    Case(
        "an endless error body",
        endless_answer(lambda good: head(good, status=503, length=20 * 10**9), b"canary-text" * 9_000),
    ),
    Case(
        "an error body of 400 levels",
        lambda good: iter([head(good, status=422, length=800) + b"[" * 400 + b"]" * 400]),
    ),
]


def _drip(good: GoodAnswer) -> Pieces:
    for byte in head(good) + good.body:
        yield bytes([byte])
        yield 0.1


def _drip_body(good: GoodAnswer) -> Pieces:
    yield head(good, length=1_000_000)
    while True:
        yield b" "
        yield 0.1


def _drip_without_length(good: GoodAnswer) -> Pieces:
    yield open_head(good) + good.body
    while True:
        yield b" "
        yield 0.1


def _drip_chunks(good: GoodAnswer) -> Pieces:
    yield chunked_head()(good)
    while True:
        yield b"1\r\n \r\n"
        yield 0.1


def _then_silence(pieces: Callable[[GoodAnswer], bytes]) -> Answer:
    def answer(good: GoodAnswer) -> Pieces:
        yield pieces(good)
        yield 1_000.0

    return answer


def _drip_tls(_good: GoodAnswer) -> Pieces:
    """The start of a handshake record, and then a byte every 0.1 s."""
    yield b"\x16\x03\x03\x40\x00"
    while True:
        yield b"\x02"
        yield 0.1


def _slow(name: str, answer: Answer, *, reads: bool = True, scheme: str = "http") -> Case:
    return Case(name, answer, TOO_LATE, deadline_seconds=SHORT_DEADLINE, reads=reads, scheme=scheme)


PAUSES = [
    _slow("a byte every 0.1 s", _drip),
    _slow("a byte of the body every 0.1 s", _drip_body),
    _slow("a byte every 0.1 s, without a length", _drip_without_length),
    _slow("a chunk every 0.1 s", _drip_chunks),
    _slow("nothing at all", _then_silence(lambda _: b"")),
    _slow("half a status line", _then_silence(lambda _: b"HTTP/1.1 2")),
    _slow("half of the headers", _then_silence(lambda good: head(good)[:-10])),
    _slow("nothing after the headers", _then_silence(lambda good: head(good, length=500))),
    _slow(
        "nothing after half a body", _then_silence(lambda good: head(good) + good.body[: len(good.body) // 2])
    ),
    _slow("nothing after an error's headers", _then_silence(lambda good: head(good, status=500, length=500))),
    _slow("nothing after half a chunk", _then_silence(lambda good: chunked_head()(good) + b"ff\r\n[")),
    _slow("endless 100 Continue", endless_answer(lambda _: b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100)),
    _slow("the request is not read", _then_silence(lambda _: b""), reads=False),
    _slow("a byte of a TLS handshake every 0.1 s", _drip_tls, reads=False, scheme="https"),
    _slow("nothing of a TLS handshake", _then_silence(lambda _: b""), reads=False, scheme="https"),
]
