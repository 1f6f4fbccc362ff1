"""A deadline for a whole call: to send it, and to receive all of its answer.

The time-outs of `requests` run between two bytes: a server that sends one every two seconds keeps a call for
days. So a timer closes the connection when the call has taken too long, wherever it is then.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.poolmanager import PoolManager

_calls = threading.local()


class Deadline:
    """Around one call of this thread over a `DeadlineAdapter`; `passed` tells that it was ended."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.passed = False
        self._connection: HTTPConnection | None = None
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> Deadline:
        _calls.deadline = self
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _calls.deadline = None
        self._timer.cancel()
        with self._lock:
            self._connection = None

    def uses(self, connection: HTTPConnection) -> None:
        """The call goes over this connection."""
        with self._lock:
            self._connection = connection

    def _end(self) -> None:
        with self._lock:
            self.passed = True
            if self._connection is not None and self._connection.sock is not None:
                with contextlib.suppress(OSError):  # it has ended by itself
                    self._connection.sock.shutdown(socket.SHUT_RDWR)


class _Watched(HTTPConnection):
    """Tells the deadline of the calling thread which connection to close."""

    def putrequest(self, *args: Any, **kwargs: Any) -> None:
        deadline: Deadline | None = getattr(_calls, "deadline", None)
        if deadline is not None:
            deadline.uses(self)
        super().putrequest(*args, **kwargs)


class _WatchedTls(_Watched, HTTPSConnection):
    """The same over TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Watched


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedTls


class DeadlineAdapter(HTTPAdapter):
    """The adapter of a session whose calls a `Deadline` may end."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        _watch(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> PoolManager:
        manager: PoolManager = super().proxy_manager_for(proxy, **kwargs)
        _watch(manager)
        return manager


def _watch(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
