"""Absurd waits and rate limits, invalid headers, and redirects to wrong places."""

from __future__ import annotations

from tests.torture.hostile_case import Case, chunk, chunked_head, endless_answer, raw_answer
from tests.torture.hostile_server import PORT, Answer, Pieces, head
from tests.torture.route_calls import GoodAnswer

ABSURD_WAITS = [
    "1e9",
    "99999999999999999999",
    "1e400",
    "inf",
    "-inf",
    "nan",
    "-5",
    "0",
    "soon",
    "120, 130",
    "٣",
    "0x10",
    "9" * 5_000,
    "Fri, 01 Jan 2099 00:00:00 GMT",
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Fri, 31 Dec 99999 23:59:59 GMT",
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "Fri, 01 Jan 2099 00:00:00 +9999",
    "Fri, 01 Jan 0000 00:00:00 GMT",
    "",
]
ABSURD_RESETS = [
    "1e18",
    "4000000000",
    "99999999999999999999",
    "inf",
    "nan",
    "-1",
    "0",
    "later",
    "9" * 400,
    "1e308",
    "4000000000000",
]


def _retry_after(status: int, wait: str) -> Case:
    lines = ("Retry-After: " + wait.encode().decode("latin-1"),)
    name = f"{status}, Retry-After {wait[:32] or 'empty'}"
    return Case(name, lambda good: iter([head(good, *lines, status=status, length=0)]), once=True)


def _rate_limit_used(status: int, reset: str, remaining: str = "0", limit: str = "100") -> Case:
    lines = (
        f"X-RateLimit-Limit: {limit}",
        f"X-RateLimit-Remaining: {remaining}",
        f"X-RateLimit-Reset: {reset}",
    )

    def answer(good: GoodAnswer) -> Pieces:
        length = len(good.body) if status == 200 else 0
        yield head(good, *lines, status=None if status == 200 else status, length=length)
        yield good.body if length else b""

    name = f"{status}, {remaining} of {limit} calls left until {reset[:24]}"
    return Case(name, answer, once=True, times=2)


def _wrong_clock(date: str) -> Case:
    """The server's clock is wrong."""
    lines = (f"Date: {date}", "Retry-After: Mon, 23 Nov 2026 12:00:00 GMT")
    return Case(
        f"429, at {date[:32]}", lambda good: iter([head(good, *lines, status=429, length=0)]), once=True
    )


WAITS = [
    *(_retry_after(status, wait) for wait in ABSURD_WAITS for status in (429, 503)),
    *(_rate_limit_used(status, reset) for reset in ABSURD_RESETS for status in (200, 429)),
    *(
        _rate_limit_used(200, "1790000000", remaining, "100")
        for remaining in ("-1", "nan", "inf", "1e99", "x")
    ),
    *(_rate_limit_used(200, "1790000000", "0", limit) for limit in ("0", "-1", "nan", "1e99", "x")),
    *(
        _wrong_clock(date)
        for date in ("Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "now")
    ),
]


def _lines(count: int, line: bytes) -> bytes:
    return b"".join(line % number for number in range(count))


def _with_head(lines: bytes) -> Answer:
    return lambda good: iter([head(good)[:-2] + lines + b"\r\n" + good.body])


def _status_line(line: bytes) -> Answer:
    return lambda good: iter([line + head(good)[head(good).find(b"\r\n") :] + good.body])


def _chunks(*pieces: bytes) -> Answer:
    return lambda good: iter([chunked_head()(good), *pieces])


def _with_status(status: int) -> Answer:
    return lambda good: iter([head(good, status=status) + good.body])


_OTHER_STATUSES = (
    *(201, 202, 203, 204, 205, 206, 207, 226, 304, 402, 405, 410, 415, 418, 421, 423, 431, 451, 499),
    *(501, 505, 511, 599, 600, 999),
)
HEADERS = [
    Case("100,000 headers", _with_head(_lines(100_000, b"X-%d: 1\r\n"))),
    Case("endless headers", endless_answer(lambda good: head(good)[:-2], b"X-A: 1\r\n" * 1_000)),
    Case("a header of 10 MB", _with_head(b"X-A: " + b"x" * 10_000_000 + b"\r\n")),
    Case("an endless header", endless_answer(lambda good: head(good)[:-2] + b"X-A: ", b"x" * 65_536)),
    Case("an endless status line", endless_answer(lambda _: b"HTTP/1.1 200 ", b"x" * 65_536)),
    Case("90 headers of 60 KB", _with_head(_lines(90, b"X-%d: " + b"x" * 60_000 + b"\r\n"))),
    *(
        Case(f"Content-Length {length}", _with_head(f"Content-Length: {length}\r\n".encode()))
        for length in ("-1", "1e3", "many", "9" * 30, "1", "")
    ),
    Case("two lengths", _with_head(b"Content-Length: 1\r\nContent-Length: 2\r\n")),
    *(
        Case(f"Transfer-Encoding {coding}", _with_head(f"Transfer-Encoding: {coding}\r\n".encode()))
        for coding in ("chunked_head", "gzip", "chunked_head, chunked_head", "x")
    ),
    *(
        Case(f"a chunk of {size.decode()[:20]!r} bytes", _chunks(size + b"\r\nabc\r\n"))
        for size in (b"-1", b"zz", b"", b"f" * 16, b"f" * 400, b"1;" + b"x" * 100_000)
    ),
    Case("an endless chunk size", endless_answer(chunked_head(), b"0" * 65_536)),
    Case(
        "endless trailers",
        endless_answer(
            lambda good: chunked_head()(good) + chunk(good.body) + b"0\r\n", b"X-A: 1\r\n" * 1_000
        ),
        deadline_seconds=1,
    ),
    *(
        Case(f"status line {line.decode('latin-1')[:24]!r}", _status_line(line))
        for line in (
            b"HTTP/1.1 99999 X",
            b"HTTP/1.1 abc X",
            b"HTTP/9.9 200 OK",
            b"HTTP/1.1",
            b"HTTP/1.1 -1 X",
            b"\x00\xff",
        )
    ),
    Case("not HTTP", raw_answer(b"SSH-2.0-canary-text\r\n" * 3)),
    Case("closed without an answer", raw_answer(b"")),
    Case("an invalid header", _with_head(b"canary-text\r\n: x\r\n\x00: y\r\n")),
    Case("a header over two lines", _with_head(b"X-A: 1\r\n Content-Length: 5\r\n")),
    # A total that cannot be read counts as missing: VTEX may omit it.
    *(
        Case(
            f"{what} of 5,000 digits",
            _with_head(start + b"9" * 5_000 + b"\r\n"),
            has_other_content=True,
        )
        for what, start in (
            ("a total", b"REST-Content-Total: "),
            ("a range", b"REST-Content-Range: resources 0-1/"),
        )
    ),
    *(Case(f"status {status}", _with_status(status)) for status in _OTHER_STATUSES),
]


def _redirect(place: str, status: int = 302) -> Answer:
    return lambda good: iter([head(good, f"Location: {place}", status=status, length=0)])


REDIRECTS = [
    *(
        Case(f"redirect to {place[:40]}", _redirect(place))
        for place in (
            "/files/1",
            f"http://localhost:{PORT.decode()}/x",
            "//elsewhere.invalid/x",
            "https://elsewhere.invalid/x",
            "http://127.0.0.1:1/x",
            "file:///etc/passwd",
            "ftp://127.0.0.1/x",
            "javascript:1",
            "http://[::1",
            "http://127.0.0.1:99999/",
            "http://",
            "",
            "\\\\x",
            "data:,x",
            "http://user:canary-text@127.0.0.1:1/",
            "/" + "a" * 60_000,
        )
    ),
    *(Case(f"redirect by {status}", _redirect("/x", status)) for status in (300, 301, 303, 305, 307, 308)),
    Case(
        "redirect with a body of 20 GB",
        endless_answer(
            lambda good: head(good, "Location: /x", status=302, length=20 * 10**9), b"1," * 32_768
        ),
    ),
    Case("redirect without Location", lambda good: iter([head(good, status=302, length=0)])),
]
