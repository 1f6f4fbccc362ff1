"""A deadline for a whole call, from sending the request to receiving the complete answer.

The time-outs of `requests` run between two bytes: a server that sends one byte every two seconds can hold a
call for days. Therefore a timer closes the connection at the deadline.
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
    """Limits one call of this thread over a `DeadlineAdapter`; `passed` is True after it ended the call."""

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

    def watch(self, connection: HTTPConnection) -> None:
        """Remember the connection of the call, to close it at the deadline."""
        with self._lock:
            self._connection = connection

    def _end(self) -> None:
        with self._lock:
            self.passed = True
            if self._connection is not None and self._connection.sock is not None:
                with contextlib.suppress(OSError):  # the connection is already closed
                    self._connection.sock.shutdown(socket.SHUT_RDWR)


class _WatchedConnection(HTTPConnection):
    """Registers itself with the deadline of the calling thread."""

    def putrequest(self, *args: Any, **kwargs: Any) -> None:
        deadline: Deadline | None = getattr(_calls, "deadline", None)
        if deadline is not None:
            deadline.watch(self)
        super().putrequest(*args, **kwargs)


class _WatchedTlsConnection(_WatchedConnection, HTTPSConnection):
    """The same over TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _WatchedConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedTlsConnection


class DeadlineAdapter(HTTPAdapter):
    """The adapter of a session whose calls a `Deadline` can end."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        _use_watched_pools(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> PoolManager:
        manager: PoolManager = super().proxy_manager_for(proxy, **kwargs)
        _use_watched_pools(manager)
        return manager


def _use_watched_pools(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
