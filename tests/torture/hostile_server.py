"""A server that sends hostile answers byte by byte over a real socket."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from types import TracebackType

from tests.torture.route_calls import GoodAnswer

Pieces = Iterator[bytes | float]
"""Pieces to send in sequence. A number is a pause in seconds."""
Answer = Callable[[GoodAnswer], Pieces]
PORT = b"{the port of this server}"
"""Placeholder in the sent bytes."""
_LONGEST_HEAD = 1 << 20


def good_answer(good: GoodAnswer) -> Pieces:
    """Send the good answer."""
    yield head(good) + good.body


def head(good: GoodAnswer, *lines: str, length: int | None = None, status: int | None = None) -> bytes:
    """Return status line and headers of an answer, with additional `lines`."""
    fields = {"Content-Type": "application/json", **good.headers, "Connection": "close"}
    fields["Content-Length"] = str(len(good.body) if length is None else length)
    return _head(status or good.status, [f"{name}: {value}" for name, value in fields.items()], lines)


def open_head(good: GoodAnswer, *lines: str) -> bytes:
    """Return the same without a length: the body ends with the connection."""
    fields = {"Content-Type": "application/json", **good.headers, "Connection": "close"}
    return _head(good.status, [f"{name}: {value}" for name, value in fields.items()], lines)


def _head(status: int, fields: list[str], lines: tuple[str, ...]) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status} Reason", *fields, *lines, "", ""]).encode("latin-1", "replace")


class HostileServer:
    """Sends `answer` to each request, or with `once` only to the first, and good answers to the others.

    `request_heads` are the heads of the requests. With `reads=False` it answers without reading the request.
    """

    def __init__(self, answer: Answer, good: GoodAnswer, *, once: bool = False, reads: bool = True) -> None:
        self._answer, self._good, self._once, self._reads = answer, good, once, reads
        self.request_heads: list[bytes] = []
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
        with contextlib.suppress(OSError):  # it is not waiting for a caller
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:  # closed
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):  # the caller closed the connection
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._reads and not self._read(connection):
                return
            self._requests += 1
            is_good = self._once and self._requests > 1
            for piece in (good_answer if is_good else self._answer)(self._good):
                if isinstance(piece, bytes):
                    connection.sendall(piece.replace(PORT, str(self.port).encode()))
                elif self._over.wait(piece):
                    return
            connection.shutdown(socket.SHUT_WR)

    def _read(self, connection: socket.socket) -> bool:
        """Read a whole request. False if none arrives."""
        received = b""
        while b"\r\n\r\n" not in received:
            piece = connection.recv(1 << 16)
            if not piece or len(received) > _LONGEST_HEAD:
                return False
            received += piece
        top, _, body = received.partition(b"\r\n\r\n")
        self.request_heads.append(top)
        left = _length_of(top) - len(body)
        while left > 0 and (piece := connection.recv(1 << 16)):
            left -= len(piece)
        return True


def _length_of(top: bytes) -> int:
    named = (line.partition(b":") for line in top.split(b"\r\n"))
    return next((int(value) for name, _, value in named if name.lower() == b"content-length"), 0)
