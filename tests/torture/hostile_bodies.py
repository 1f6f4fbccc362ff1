"""Bodies that are too large, too deep or not what they say, and answers that never come to their end."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from functools import cache

from tests.torture.hostile_case import LATE, OVER, SOON, Case, chunk, chunked, endless, whole
from tests.torture.hostile_server import Answer, Pieces, head, open_head
from tests.torture.route_calls import Good


def _packed_zeros(bytes_in_all: int, wbits: int) -> Iterator[bytes]:
    """A packed stream of zeros, made as it is read: a megabyte of them packs to a thousand bytes."""
    packing = zlib.compressobj(9, zlib.DEFLATED, wbits)
    zeros = bytes(1 << 20)
    for _ in range(bytes_in_all >> 20):
        yield packing.compress(zeros) + packing.flush(zlib.Z_FULL_FLUSH)
    yield packing.flush()


def _bomb(coding: str, wbits: int) -> Answer:
    def answer(good: Good) -> Pieces:
        yield open_head(good, f"Content-Encoding: {coding}")
        yield from _packed_zeros(4 << 30, wbits)

    return answer


@cache
def _packed_twice() -> bytes:
    """A gigabyte of zeros in a few kilobytes."""
    return gzip.compress(b"".join(_packed_zeros(1 << 30, 31)))


def _bomb_in_a_bomb(good: Good) -> Pieces:
    yield open_head(good, "Content-Encoding: gzip, gzip") + _packed_twice()


def _packed_nothing(good: Good) -> Pieces:
    """Blocks that unpack to no byte at all, for ever."""
    packing = zlib.compressobj(9, zlib.DEFLATED, 31)
    yield open_head(good, "Content-Encoding: gzip") + packing.flush(zlib.Z_SYNC_FLUSH)
    while True:
        yield b"\x00\x00\x00\xff\xff" * 1000
        yield 0.01


def _members(one: bytes, count: int) -> bytes:
    return b"[" + b",".join([one] * count) + b"]"


def _large(make: Callable[[], bytes]) -> Answer:
    """A body that is made once, when it is first sent."""
    body = cache(make)
    return whole(lambda _: body())


def _with_junk(value: Callable[[], bytes]) -> Answer:
    """The good answer with one member more in its first record, where it is JSON."""

    def content(good: Good) -> bytes:
        place = good.body.find(b"{") + 1
        return good.body[:place] + b'"junk":' + value() + b"," + good.body[place:] if place else good.body

    return whole(content)


BODIES = [
    Case("20 GB announced", endless(lambda good: head(good, length=20 * 10**9), b"1," * 32_768), OVER),
    Case("endless body", endless(open_head, b'[{"id": "1"},' * 5_000), OVER),
    Case("endless chunks", endless(chunked(), chunk(b'"a",' * 16_384)), OVER),
    Case("gzip bomb of 4 GB", _bomb("gzip", 31), OVER),
    Case("deflate bomb of 4 GB", _bomb("deflate", 15), OVER),
    Case("gzip bomb in a gzip bomb", _bomb_in_a_bomb, is_slow=True),
    Case("six codings", whole(lambda good: good.body, "Content-Encoding: " + ", ".join(["gzip"] * 6))),
    Case("packed nothing for ever", _packed_nothing, LATE, deadline_seconds=SOON),
    Case("gzip that is none", whole(b"\x1f\x8b broken", "Content-Encoding: gzip")),
    Case("half a gzip", whole(lambda good: gzip.compress(good.body)[:-9], "Content-Encoding: gzip")),
    Case("unknown coding", whole(b"\x00\x01\x02", "Content-Encoding: br")),
    Case("400 levels", whole(b"[" * 400 + b"]" * 400)),
    Case("400 levels in a member", _with_junk(lambda: b'{"a":' * 400 + b"1" + b"}" * 400)),
    Case("a million levels", whole(b"[" * 1_000_000)),
    Case("400 levels and a byte that is no UTF-8", whole(b'["\xff",' + b"[" * 400 + b"]" * 401)),
    Case("a number of a million digits", _with_junk(lambda: b"1" * 1_000_000)),
    Case("a number that is infinite", _with_junk(lambda: b"1e999")),
    Case("NaN", _with_junk(lambda: b"NaN")),
    Case("a number in place of all", whole(b"9" * 400)),
    Case("one text of 3 MB", _with_junk(lambda: b'"' + b"x" * 3_000_000 + b'"')),
    Case("one text of 31 MB", _large(lambda: b'"' + b"x" * 31_000_000 + b'"')),
    Case("31 MB that are no UTF-8", _large(lambda: b'"' + b"\xff" * 31_000_000 + b'"')),
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
    Case("half of the body", whole(lambda good: good.body[: len(good.body) // 2])),
    Case("no body", whole(b"")),
    Case("NUL bytes", whole(bytes(1_000))),
    Case("UTF-16", whole(lambda good: good.body.decode("latin-1").encode("utf-16"))),
    Case("HTML", whole(b"<html>canary-text</html>", "Content-Type: text/html")),
    Case("another content type", whole(lambda good: good.body, "Content-Type: image/png")),
    Case(
        "an error body of 20 GB",
        endless(lambda good: head(good, status=400, length=20 * 10**9), b"canary-text" * 9_000),
    ),
    Case(
        "an error body without an end",
        endless(lambda good: head(good, status=503, length=20 * 10**9), b"canary-text" * 9_000),
    ),
    Case(
        "an error body of 400 levels",
        lambda good: iter([head(good, status=422, length=800) + b"[" * 400 + b"]" * 400]),
    ),
]


def _drip(good: Good) -> Pieces:
    for byte in head(good) + good.body:
        yield bytes([byte])
        yield 0.1


def _drip_body(good: Good) -> Pieces:
    yield head(good, length=1_000_000)
    while True:
        yield b" "
        yield 0.1


def _drip_without_length(good: Good) -> Pieces:
    yield open_head(good) + good.body
    while True:
        yield b" "
        yield 0.1


def _drip_chunks(good: Good) -> Pieces:
    yield chunked()(good)
    while True:
        yield b"1\r\n \r\n"
        yield 0.1


def _then_nothing(pieces: Callable[[Good], bytes]) -> Answer:
    def answer(good: Good) -> Pieces:
        yield pieces(good)
        yield 1_000.0

    return answer


def _drip_of_tls(_good: Good) -> Pieces:
    """The beginning of a handshake's record, and then a byte now and again."""
    yield b"\x16\x03\x03\x40\x00"
    while True:
        yield b"\x02"
        yield 0.1


def _slow(name: str, answer: Answer, *, reads: bool = True, scheme: str = "http") -> Case:
    return Case(name, answer, LATE, deadline_seconds=SOON, reads=reads, scheme=scheme)


PAUSES = [
    _slow("a byte now and then", _drip),
    _slow("a byte now and then of the body", _drip_body),
    _slow("a byte now and then, without a length", _drip_without_length),
    _slow("a chunk now and then", _drip_chunks),
    _slow("nothing at all", _then_nothing(lambda _: b"")),
    _slow("half a status line", _then_nothing(lambda _: b"HTTP/1.1 2")),
    _slow("half of the headers", _then_nothing(lambda good: head(good)[:-10])),
    _slow("nothing after the headers", _then_nothing(lambda good: head(good, length=500))),
    _slow(
        "nothing after half a body", _then_nothing(lambda good: head(good) + good.body[: len(good.body) // 2])
    ),
    _slow("nothing after an error's headers", _then_nothing(lambda good: head(good, status=500, length=500))),
    _slow("nothing after half a chunk", _then_nothing(lambda good: chunked()(good) + b"ff\r\n[")),
    _slow("100 Continue for ever", endless(lambda _: b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100)),
    _slow("the request is not read", _then_nothing(lambda _: b""), reads=False),
    _slow("a byte now and then of a TLS handshake", _drip_of_tls, reads=False, scheme="https"),
    _slow("nothing of a TLS handshake", _then_nothing(lambda _: b""), reads=False, scheme="https"),
]
