"""A server that answers as no vendor should: byte for byte, over a real socket, for as long as it is read."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from types import TracebackType

from tests.torture.route_calls import Good

Pieces = Iterator[bytes | float]
"""What is sent, one after the other; a number is a pause of so many seconds."""
Answer = Callable[[Good], Pieces]
PORT = b"{the port of this server}"
"""Stands for it in what is sent."""
_LONGEST_HEAD = 1 << 20


def plain(good: Good) -> Pieces:
    """The answer as it should be."""
    yield head(good) + good.body


def head(good: Good, *lines: str, length: int | None = None, status: int | None = None) -> bytes:
    """Status line and headers of an answer, with `lines` more."""
    told = {"Content-Type": "application/json", **good.headers, "Connection": "close"}
    told["Content-Length"] = str(len(good.body) if length is None else length)
    return _head(status or good.status, [f"{name}: {value}" for name, value in told.items()], lines)


def open_head(good: Good, *lines: str) -> bytes:
    """The same without a length: the body ends with the connection."""
    told = {"Content-Type": "application/json", **good.headers, "Connection": "close"}
    return _head(good.status, [f"{name}: {value}" for name, value in told.items()], lines)


def _head(status: int, told: list[str], lines: tuple[str, ...]) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status} Told", *told, *lines, "", ""]).encode("latin-1", "replace")


class HostileServer:
    """Answers its first request by `answer` (with `once`), or each of them; further ones as they should be.

    `heard` are the heads of the requests. With `reads` false a request is not read before it is answered.
    """

    def __init__(self, answer: Answer, good: Good, *, once: bool = False, reads: bool = True) -> None:
        self._answer, self._good, self._once, self._reads = answer, good, once, reads
        self.heard: list[bytes] = []
        self._requests = 0
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> HostileServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        with contextlib.suppress(OSError):  # it may be waiting for a caller, or not
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                line, _ = self._listener.accept()
            except OSError:  # closed
                return
            threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        with line, contextlib.suppress(OSError):  # the caller has had enough
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._reads and not self._read(line):
                return
            self._requests += 1
            usual = self._once and self._requests > 1
            for piece in (plain if usual else self._answer)(self._good):
                if isinstance(piece, bytes):
                    line.sendall(piece.replace(PORT, str(self.port).encode()))
                elif self._over.wait(piece):
                    return
            line.shutdown(socket.SHUT_WR)

    def _read(self, line: socket.socket) -> bool:
        """A whole request; False where none comes."""
        received = b""
        while b"\r\n\r\n" not in received:
            piece = line.recv(1 << 16)
            if not piece or len(received) > _LONGEST_HEAD:
                return False
            received += piece
        top, _, body = received.partition(b"\r\n\r\n")
        self.heard.append(top)
        left = _length_of(top) - len(body)
        while left > 0 and (piece := line.recv(1 << 16)):
            left -= len(piece)
        return True


def _length_of(top: bytes) -> int:
    named = (line.partition(b":") for line in top.split(b"\r\n"))
    return next((int(value) for name, _, value in named if name.lower() == b"content-length"), 0)
