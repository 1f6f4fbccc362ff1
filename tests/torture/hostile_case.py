"""A hostile answer, and functions that build answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import repeat

from tests.torture.hostile_server import Answer, Pieces, head, open_head
from tests.torture.route_calls import GoodAnswer

SHORT_DEADLINE, LONG_DEADLINE = 0.4, 60.0
"""Deadlines in seconds: a short one for cases about time, and one that other cases do not reach."""
TOO_LARGE = r"more than [\d,]+ "
TOO_LATE = r"no complete answer within|no answer|no clear answer"


@dataclass(frozen=True)
class Case:
    """One hostile answer.

    If the call fails, its error must match `error_pattern`. With `once`, later answers are good.
    `times` is the number of calls. `routes` limits the case to these routes (empty: all).
    """

    name: str
    answer: Answer
    error_pattern: str = ""
    once: bool = False
    times: int = 1
    deadline_seconds: float = LONG_DEADLINE
    reads: bool = True
    scheme: str = "http"
    routes: tuple[str, ...] = ()
    is_slow: bool = False
    """The answer takes seconds to build, so only the long form tries it."""
    has_other_content: bool = False
    """The answer is readable and has other content, so any result is accepted."""


def endless_answer(pieces: Callable[[GoodAnswer], bytes], piece: bytes) -> Answer:
    def answer(good: GoodAnswer) -> Pieces:
        yield pieces(good)
        yield from repeat(piece)

    return answer


def whole_answer(content: bytes | Callable[[GoodAnswer], bytes], *lines: str) -> Answer:
    """Build a complete answer with this body."""

    def answer(good: GoodAnswer) -> Pieces:
        body = content if isinstance(content, bytes) else content(good)
        yield head(good, *lines, length=len(body)) + body

    return answer


def raw_answer(content: bytes) -> Answer:
    def answer(_good: GoodAnswer) -> Pieces:
        yield content

    return answer


def chunk(content: bytes) -> bytes:
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


def chunked_head(*lines: str) -> Callable[[GoodAnswer], bytes]:
    return lambda good: open_head(good, "Transfer-Encoding: chunked_head", *lines)
