"""A deadline for a whole call, from sending the request to receiving the complete answer.

The timeouts of `requests` run between two bytes: a server that sends one every two seconds keeps a call for
days. So a timer ends the connection of a call that takes too long. This also covers TLS handshakes, headers,
and bodies whose socket http.client has already dropped (`Connection: close`).
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from types import TracebackType
from typing import Any, Protocol, TypeVar

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.poolmanager import PoolManager

_calls = threading.local()
_Socket = TypeVar("_Socket", bound="_HasDescriptor")


class Deadline:
    """Limits one call of this thread over a `DeadlineAdapter`; `passed` is True after it ended the call."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.passed = False
        self._descriptor: int | None = None
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
            self._release()

    def uses(self, used: _HasDescriptor) -> None:
        """Set the socket of the call. Its descriptor is copied: TLS detaches it, and http.client drops it."""
        with self._lock:
            self._release()
            self._descriptor = os.dup(used.fileno())
            if self.passed:
                self._shut_down()

    def _end(self) -> None:
        with self._lock:
            self.passed = True
            self._shut_down()

    def _shut_down(self) -> None:
        """Shut the connection down. This ends it for all copies of its descriptor."""
        if self._descriptor is None:
            return
        with socket.socket(fileno=self._descriptor) as copy, contextlib.suppress(OSError):  # already closed
            self._descriptor = None
            copy.shutdown(socket.SHUT_RDWR)

    def _release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class _HasDescriptor(Protocol):
    """A plain or a TLS socket."""

    def fileno(self) -> int: ...


class _WatchedConnection(HTTPConnection):
    """Tells the deadline of the calling thread which socket to end: a new one, or one that was kept open."""

    def _new_conn(self) -> socket.socket:
        return _watch_socket(super()._new_conn())

    def putrequest(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is not None:
            _watch_socket(self.sock)
        super().putrequest(*args, **kwargs)


def _watch_socket(used: _Socket) -> _Socket:
    deadline: Deadline | None = getattr(_calls, "deadline", None)
    if deadline is not None:
        deadline.uses(used)
    return used


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
