"""Makes the calls of `hostile_answers`, each in its own fork, whose memory is measured.

`python -m tests.torture.hostile_process` reads a `CallTask` and writes a `CallResult` as a line of JSON.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import resource
import signal
import socket
import sys
import time
import traceback
from dataclasses import asdict, dataclass, field, is_dataclass, replace
from typing import Any

from include.connectif.client import ConnectifAccount, ConnectifClient
from include.connectif.rate_limit import SharedRateLimiter
from include.errors import SyncError
from include.http.retry import RetryPolicy
from include.http.route import Route
from include.vtex.client import RateLimits, VtexAccount, VtexClient
from tests.torture.route_calls import CALLS, TABLES, Clients

ATTEMPTS = 2
KEY, SECRET = "canary-key-id", "canary-key-secret"
MOST_BYTES_OF_A_PROCESS = 8_000_000_000
"""A call that takes more memory fails. This is far above MOST_MB, and harmless for the machine."""


@dataclass(frozen=True)
class CallTask:
    """`times` calls of a route at a server, each with this deadline."""

    route: str
    url: str
    times: int
    deadline_seconds: float


@dataclass(frozen=True)
class CallResult:
    """Result of the calls: `value` is a digest of the last result, `chain` an error with its causes."""

    value: str = ""
    error: str = ""
    is_ours: bool = False
    message: str = ""
    chain: str = ""
    peak_mb: float = 0.0
    seconds: float = 0.0
    waits: list[float] = field(default_factory=list)
    log_lines: list[str] = field(default_factory=list)


class _VirtualClock:
    """A clock that records waits instead of waiting."""

    def __init__(self) -> None:
        self.now = time.time()
        self.waits: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    def wait(self, _turn: Any, seconds: float) -> None:
        self.sleep(seconds)


class _LogLines(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


def run(task: CallTask) -> CallResult:
    """Make the calls. Never raises."""
    clock, lines = _VirtualClock(), _LogLines()
    logging.basicConfig(level=logging.DEBUG, handlers=[lines], force=True)
    _set_deadlines(task.deadline_seconds)
    clients = _clients(task.url, clock)
    started = time.monotonic()
    try:
        for _ in range(task.times):
            value = CALLS[task.route].call(clients)
    except BaseException as error:  # noqa: BLE001 - any error is a result
        result = CallResult(
            error=type(error).__name__,
            is_ours=isinstance(error, SyncError),
            message=str(error)[:2_000],
            chain="".join(traceback.format_exception(error))[:20_000],
        )
        value = None
    else:
        result = CallResult()
    peak, seconds = _peak_mb(), time.monotonic() - started
    digest = "" if result.error else digest_of(value)
    return replace(
        result, value=digest, peak_mb=peak, seconds=seconds, waits=clock.waits, log_lines=lines.lines[:1_000]
    )


def digest_of(value: Any) -> str:
    """Return a digest of a result, without the members that hostile answers add."""
    return hashlib.sha256(repr(_without_junk(value)).encode("utf-8", "replace")).hexdigest()


def _without_junk(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_junk(inner) for key, inner in sorted(value.items()) if key != "junk"}
    if isinstance(value, list | tuple):
        return [_without_junk(inner) for inner in value]
    return _without_junk(vars(value)) if is_dataclass(value) else value


def _set_deadlines(seconds: float) -> None:
    """Set the deadline of all routes."""
    for table in TABLES.values():
        for name, route in list(vars(table).items()):
            if isinstance(route, Route):
                setattr(table, name, replace(route, deadline_seconds=seconds))


def _clients(url: str, clock: _VirtualClock) -> Clients:
    retry = RetryPolicy(attempts=ATTEMPTS, sleep=clock.sleep)
    vtex = VtexAccount("shop", KEY, SECRET, base_url=url)
    rate_limit = SharedRateLimiter(20, clock=lambda: clock.now, wait=clock.wait)
    return Clients(
        VtexClient(vtex, rate_limits=RateLimits(1e6, 1e6, 1e6, 1e6), retry=retry),
        ConnectifClient(ConnectifAccount(KEY, SECRET, url), retry=retry, rate_limit=rate_limit),
        url,
    )


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _stay_on_this_machine() -> None:
    resolve = socket.getaddrinfo

    def guarded(host: Any, *arguments: Any, **options: Any) -> Any:
        if host not in {"127.0.0.1", "localhost"}:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return resolve(host, *arguments, **options)

    socket.getaddrinfo = guarded


def _in_a_fork(task: CallTask) -> None:
    """Run the task in a child. The child writes the result; if it dies, this process writes one."""
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES_OF_A_PROCESS, MOST_BYTES_OF_A_PROCESS))
        _write(run(task))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status:
        _write(CallResult(error=f"the process ended with status {status}"))


def _write(result: CallResult) -> None:
    """Write without a buffer, because a fork would copy it."""
    os.write(sys.stdout.fileno(), json.dumps(asdict(result)).encode() + b"\n")


def main() -> None:
    """Run tasks until the end of the input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # hostile_answers stops this process
    _stay_on_this_machine()
    for line in sys.stdin:
        _in_a_fork(CallTask(**json.loads(line)))


if __name__ == "__main__":
    main()
