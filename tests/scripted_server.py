"""An HTTP server that returns scripted answers in order and records the requests."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

NOTHING_LEFT = 599


@dataclass(frozen=True)
class Answer:
    """A scripted answer. `body` is sent as JSON unless it is text or bytes. `cut` drops the connection
    instead.

    `drip_seconds` is the pause between two bytes, also of the headers. `length` is the Content-Length (-1: no
    such header, and the body ends with the connection).
    """

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    after_seconds: float = 0.0
    drip_seconds: float = 0.0
    length: int | None = None

    def content(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        if isinstance(self.body, str):
            return self.body.encode()
        return b"" if self.body is None else json.dumps(self.body).encode()


CUT = Answer(cut=True)


@dataclass(frozen=True)
class Request:
    """A received request; `target` is path and query of the request line, as sent."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class _QuietServer(ThreadingHTTPServer):
    """Callers may close a connection at any place, so their resets are not printed."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class ScriptedServer:
    """Answers in the order of `script`. After the last answer it returns 599, which no client accepts."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self._script: deque[Answer] = deque()
        self._server = _QuietServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def script(self, *answers: Answer) -> None:
        """Add the next answers."""
        self._script.extend(answers)

    def forget(self) -> None:
        """Remove all answers and recorded requests."""
        self._script.clear()
        self.requests.clear()

    def next_answer(self, request: Request) -> Answer:
        self.requests.append(request)
        return self._script.popleft() if self._script else Answer(NOTHING_LEFT)

    def __enter__(self) -> ScriptedServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(server: ScriptedServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            server.connections += 1

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = server.next_answer(Request(self.command, self.path, dict(self.headers), body))
            time.sleep(answer.after_seconds)
            if answer.cut:
                self.close_connection = True
                return
            self._send(answer)

        do_GET = do_POST = do_PATCH = handle_any  # noqa: N815 - http.server requires these names

        def _send(self, answer: Answer) -> None:
            self.send_response_only(answer.status)
            content = answer.content()
            length = len(content) if answer.length is None else answer.length
            framing = {"Connection": "close"} if length < 0 else {"Content-Length": str(length)}
            for name, value in {**framing, **answer.headers}.items():
                self.send_header(name, value)
            if answer.drip_seconds:
                self._drip(answer, content)
                return
            self.end_headers()
            self.wfile.write(content)
            self.close_connection = self.close_connection or length != len(content)

        def _drip(self, answer: Answer, content: bytes) -> None:
            headers, self._headers_buffer = b"".join(self._headers_buffer), []
            for byte in headers + b"\r\n" + content:
                try:
                    self.wfile.write(bytes([byte]))
                except OSError:  # the client has closed the connection
                    self.close_connection = True
                    return
                time.sleep(answer.drip_seconds)

        def log_message(self, format: str, *args: Any) -> None:
            """Log nothing."""

    return Handler
