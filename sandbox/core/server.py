"""Serves an application in a thread of its own, with its own event loop."""

import socket
import threading
from types import TracebackType

import uvicorn
from starlette.types import ASGIApp

START_SECONDS = 20


class Server:
    """Starts when it is built. `port=0` takes a free port. As a context manager it stops at the end."""

    def __init__(self, app: ASGIApp, host: str = "127.0.0.1", port: int = 0) -> None:
        self._socket = socket.create_server((host, port), backlog=512, reuse_port=False)
        self.host, self.port = host, self._socket.getsockname()[1]
        self._uvicorn = uvicorn.Server(
            uvicorn.Config(
                app,
                loop="uvloop",
                http="httptools",
                lifespan="off",
                access_log=False,
                log_level="error",
                date_header=False,
                server_header=False,
                timeout_graceful_shutdown=1,
            )
        )
        self._thread = threading.Thread(
            target=self._uvicorn.run, args=([self._socket],), name=f"sandbox-{self.port}"
        )
        self._thread.start()
        self._wait_for_start()

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def stop(self) -> None:
        self._uvicorn.should_exit = True
        self._thread.join()
        self._socket.close()

    def __enter__(self) -> "Server":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _wait_for_start(self) -> None:
        pause = threading.Event()
        for _ in range(START_SECONDS * 100):
            if self._uvicorn.started:
                return
            if not self._thread.is_alive():
                break
            pause.wait(0.01)
        raise RuntimeError(f"The sandbox server on {self.url} did not start: see the error printed above.")
