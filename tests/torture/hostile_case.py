"""What one hostile answer is, and the pieces that answers are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import repeat

from tests.torture.hostile_server import Answer, Pieces, head, open_head
from tests.torture.route_calls import Good

SOON, LONG = 0.4, 60.0
"""Seconds: the deadline of a call where time is tried, and one that is not reached where it is not."""
OVER = r"more than [\d,]+ "
LATE = r"no complete answer within|no answer|no clear answer"


@dataclass(frozen=True)
class Case:
    """One answer. Where it is refused, the error must match `told`. `once`: later answers are good ones.

    `times` is how often the route is called; `routes` are those that it is tried on (empty: all).
    """

    name: str
    answer: Answer
    told: str = ""
    once: bool = False
    times: int = 1
    deadline_seconds: float = LONG
    reads: bool = True
    scheme: str = "http"
    routes: tuple[str, ...] = ()
    is_slow: bool = False
    """It takes seconds to make, so only the long form tries it."""
    says_something_else: bool = False
    """The answer can be read and has other content, so another result is right."""


def endless(pieces: Callable[[Good], bytes], piece: bytes) -> Answer:
    def answer(good: Good) -> Pieces:
        yield pieces(good)
        yield from repeat(piece)

    return answer


def whole(content: bytes | Callable[[Good], bytes], *lines: str) -> Answer:
    """A whole answer with this body."""

    def answer(good: Good) -> Pieces:
        body = content if isinstance(content, bytes) else content(good)
        yield head(good, *lines, length=len(body)) + body

    return answer


def raw(content: bytes) -> Answer:
    def answer(_good: Good) -> Pieces:
        yield content

    return answer


def chunk(content: bytes) -> bytes:
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


def chunked(*lines: str) -> Callable[[Good], bytes]:
    return lambda good: open_head(good, "Transfer-Encoding: chunked", *lines)
