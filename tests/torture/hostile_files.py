"""Export files and error reports that are too large, or made to fill the memory."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from functools import cache

from tests.torture.hostile_case import Case, whole_answer
from tests.torture.hostile_server import Answer


def _zip(*members: tuple[str, bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", packing) as files:
        for name, content in members:
            files.writestr(name, content)
    return packed.getvalue()


TITLES = b"purchaseId,email\n"
ROWS = TITLES + b"p-1,ana@example.com\n"


@cache
def _a_million_members() -> bytes:
    """A list of members of 50 MB. Each entry names the first file of the archive."""
    one = _zip(("a.csv", ROWS))
    start = one.find(b"PK\x01\x02")
    entry = one[start : one.find(b"PK\x05\x06")]
    size = len(entry) * 1_000_000
    end = (
        b"PK\x05\x06"
        + bytes(4)
        + b"\xff\xff\xff\xff"
        + size.to_bytes(4, "little")
        + start.to_bytes(4, "little")
        + bytes(2)
    )
    return one[:start] + entry * 1_000_000 + end


def _with_wrong_size(packed: bytes, stated: int) -> bytes:
    """Change the stated size of the first member, in both places."""
    changed = bytearray(packed)
    for mark, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = packed.find(mark) + place
        changed[at : at + 4] = stated.to_bytes(4, "little")
    return bytes(changed)


def _encrypted() -> bytes:
    changed = bytearray(_zip(("a.csv", ROWS)))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        changed[changed.find(mark) + place] |= 1
    return bytes(changed)


@cache
def _line_ends(packing: int) -> bytes:
    return _zip(("a.csv", TITLES + b"\n" * (1 << 28)), packing=packing)


def _file(content: Callable[[], bytes]) -> Answer:
    """The file is built when it is first sent."""
    return whole_answer(lambda _: content())


EXPORT_FILE, REPORT = ("connectif.READ_EXPORT_FILE",), ("connectif.READ_REPORT",)
_ARCHIVES: dict[str, Callable[[], bytes]] = {
    "a ZIP of 5,000 files": lambda: _zip(*[(f"{n}.csv", ROWS) for n in range(5_000)]),
    "a ZIP that lists a million files": _a_million_members,
    "a ZIP with paths outside its folder": lambda: _zip(
        ("../../../tmp/canary.csv", ROWS), ("/etc/canary.csv", TITLES)
    ),
    "a ZIP with a path of 60,000 letters": lambda: _zip(("a" * 60_000 + ".csv", ROWS)),
    "a ZIP in a ZIP": lambda: _zip(("a.zip", _zip(("a.csv", ROWS)))),
    "a ZIP in a ZIP, called CSV": lambda: _zip(("a.csv", _zip(("a.csv", ROWS)))),
    "a ZIP of 268 MB of line ends": lambda: _line_ends(zipfile.ZIP_DEFLATED),
    "268 MB by bzip2, stated as small": lambda: _with_wrong_size(_line_ends(zipfile.ZIP_BZIP2), 900),
    "268 MB by LZMA, stated as small": lambda: _with_wrong_size(_line_ends(zipfile.ZIP_LZMA), 900),
    "268 MB by deflate, stated as small": lambda: _with_wrong_size(_line_ends(zipfile.ZIP_DEFLATED), 900),
    "a ZIP that states 4 GB": lambda: _with_wrong_size(_zip(("a.csv", ROWS)), 0xFFFFFFFE),
    "a ZIP with a password": _encrypted,
    "half a ZIP": lambda: _zip(("a.csv", ROWS * 1_000))[:-30],
    "a ZIP without a file": _zip,
    "a ZIP of pictures": lambda: _zip(("a.png", ROWS)),
    "a ZIP with a folder called CSV": lambda: _zip(("a.csv/", b""), ("b.csv", ROWS)),
    "a ZIP after a megabyte of something else": lambda: b"x" * 1_000_000 + _zip(("a.csv", ROWS)),
    "a CSV without a ZIP": lambda: ROWS,
    "a line of 60 MB": lambda: _zip(("a.csv", TITLES + b"ab" * 30_000_000), packing=zipfile.ZIP_STORED),
    "16 million cells in a title line": lambda: _zip(
        ("a.csv", b"," * 15_900_000), packing=zipfile.ZIP_STORED
    ),
    "16 million cells in a line": lambda: _zip(
        ("a.csv", TITLES + b"," * 15_900_000), packing=zipfile.ZIP_STORED
    ),
    "a row over a million lines": lambda: _zip(
        ("a.csv", TITLES + b'"abcdefgh\n",' * 4_000_000), packing=zipfile.ZIP_STORED
    ),
    "an endless quoted cell": lambda: _zip(
        ("a.csv", TITLES + b'"' + b"abcdefghijk\n" * 5_000_000), packing=zipfile.ZIP_STORED
    ),
    "a CSV of invalid UTF-8": lambda: _zip(("a.csv", TITLES + b"\xff\xfe\n")),
    "a CSV with a row of NUL bytes": lambda: _zip(("a.csv", ROWS + b"," + bytes(1_000))),
    "2 million titles": lambda: _zip(("a.csv", b"purchaseId," * 1_400_000), packing=zipfile.ZIP_STORED),
}
_REPORTS: dict[str, Callable[[], bytes]] = {
    "a report of 49 MB": lambda: (
        b"_email,error\n" + b"".join(b"a%07d@example.com,canary-text\n" % n for n in range(1_500_000))
    ),
    "a report of wide letters": lambda: b"_email,error\n" + "\U0001f600\n".encode() * 9_500_000,
    "a report of 49 MB of line ends": lambda: b"_email,error" + b"\n" * 49_000_000,
    "a report of 49 MB of cells": lambda: b"_email,error\n" + (b"," * 97 + b"\n") * 490_000,
    "a report of 49 MB of filled cells": lambda: b"_email,error\n" + (b"abcdefg," * 98 + b"\n") * 62_000,
    "a report of one line": lambda: b"_email,error" + b"," * 49_000_000,
    "a report of one cell": lambda: b'_email,error\n"' + b"abcdefgh\n" * 5_400_000,
    "a report of one row": lambda: b"_email,error\n" + b'"abcdefgh\n",' * 4_000_000,
    "a report in UTF-16": lambda: "_email,error\nana@example.com,E0103\n".encode("utf-16"),
    "a report of 49 MB in UTF-16": lambda: ("_email,error\n" + "a@example.com,x\n" * 1_500_000).encode(
        "utf-16"
    ),
    "a report of NUL bytes": lambda: bytes(49_000_000),
    "a report of spaces": lambda: b" " * 49_000_000,
    "a report of 250 titles": lambda: (
        (",".join(f"t{n}" for n in range(250)) + "\n").encode() + (b"abcdefgh," * 250 + b"\n") * 20_000
    ),
    "a report of 10,000 titles": lambda: (
        (",".join(f"t{n}" for n in range(10_000)) + "\n").encode() + (b"abcdefgh," * 10_000 + b"\n") * 500
    ),
    "a report of large numbers": lambda: b"row,error\n" + b"999999999999999,x\n" * 1_000_000,
}
ARCHIVES = [
    Case(name, _file(content), routes=EXPORT_FILE, is_slow="268 MB" in name)
    for name, content in _ARCHIVES.items()
]
_SLOW_REPORTS = {"a report of wide letters", "a report of one row", "a report of large numbers"}
REPORTS = [
    Case(
        name,
        _file(content),
        routes=REPORT,
        has_other_content=True,
        is_slow="49 MB" in name or name in _SLOW_REPORTS,
    )
    for name, content in _REPORTS.items()
]
