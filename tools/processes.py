"""Starts child processes, each in a session of its own, and stops whole sessions.

Airflow's components fork workers, and its task runners move to process groups of their own. They stay in the
session of the component that we started. So we stop the session, not the group.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

import psutil

LOOPBACK = "127.0.0.1"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STDERR = 2


class ProcessFailed(RuntimeError):
    """A process ended unexpectedly, or a command failed. The message holds the end of its log."""


@dataclass(frozen=True)
class Service:
    """A started process that leads a session, with its name for messages and its log file."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def check(self) -> None:
        """Raise `ProcessFailed` with the end of the log if the process has ended."""
        status = self.process.poll()
        if status is not None:
            raise ProcessFailed(
                f"{self.name} ended with status {status}; the end of {self.log}:\n{tail(self.log)}"
            )


def start(
    name: str,
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    cwd: Path,
    log: Path,
    user: int | None = None,
    append: bool = False,
) -> Service:
    """Start a command in a session of its own. It writes standard output and error to the private file
    `log`, which keeps its earlier lines with `append`. `user`: the id to run as. Call it inside
    `deferring_signals`.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab" if append else "wb") as sink:
        log.chmod(0o600)
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
        )
    return Service(name, process, log)


def stop(services: Sequence[Service], grace_seconds: float = 15.0) -> None:
    """Stop every process of every session: SIGTERM to the leaders, then to all, then SIGKILL."""
    for service in services:
        _signal([service.process.pid], signal.SIGTERM)
    _wait_until(lambda: all(s.process.poll() is not None for s in services), grace_seconds)
    sessions = {s.process.pid for s in services}
    for number in (signal.SIGTERM, signal.SIGKILL):
        _signal(members(sessions), number)
        _wait_until(lambda: not members(sessions), min(grace_seconds, 5.0))
    for service in services:
        service.process.wait()


def kill(service: Service) -> None:
    """End every process of the service at once (SIGKILL), as a machine that fails."""
    _signal(family(service), signal.SIGKILL)
    service.process.wait()


def family(service: Service) -> list[int]:
    """Ids of its running processes: those of the session, and descendants that lead sessions of their own, as
    PostgreSQL's do.
    """
    found = set(members({service.process.pid}))
    with contextlib.suppress(psutil.NoSuchProcess):
        found |= {child.pid for child in psutil.Process(service.process.pid).children(recursive=True)}
    return sorted(found)


def _wait_until(done: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(0.1)


def members(sessions: set[int]) -> list[int]:
    """Ids of the running processes of these sessions, without zombies."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError, PermissionError):
            if os.getsid(process.pid) in sessions and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


def _signal(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


class Started:
    """A context manager: inside it what `_start` starts runs. Subclasses define `_start` and `_stop`.

    `_stop` is called at the end, and if the start fails. Signals do not interrupt it.
    """

    def __init__(self) -> None:
        self._exits = contextlib.ExitStack()

    def __enter__(self) -> Self:
        try:
            self._exits.callback(self._stop)
            self._start()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _tb: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        with ignoring_signals():
            self._exits.close()

    def _start(self) -> None:
        raise NotImplementedError

    def _stop(self) -> None:
        raise NotImplementedError


@contextlib.contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the lock file of a folder. Two Airflows in one home would overwrite each other's files."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ProcessFailed(f"another process uses {folder}: stop it first") from error
        yield


@contextlib.contextmanager
def stopping_on_signals() -> Iterator[None]:
    """Turn Ctrl-C, SIGTERM and SIGHUP into `KeyboardInterrupt`, so that `with` and `finally` blocks run.

    Print "Stopping…" at once: to stop all processes takes seconds.
    """

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        with contextlib.suppress(OSError):  # the terminal is gone after SIGHUP
            os.write(STDERR, "\nStopping…\n".encode())  # `print` must not be called inside `print`
        raise KeyboardInterrupt

    with _handling(interrupt):
        yield


@contextlib.contextmanager
def ignoring_signals() -> Iterator[None]:
    """Ignore signals during the clean-up, which takes a limited time: a second Ctrl-C must not interrupt
    it.
    """
    with _handling(signal.SIG_IGN):
        yield


@contextlib.contextmanager
def deferring_signals() -> Iterator[None]:
    """Raise a signal only at the end of the block, so that a process that starts in it is not lost."""
    received: list[int] = []
    with _handling(lambda number, _: received.append(number)):
        yield
    if received:
        signal.raise_signal(received[0])


@contextlib.contextmanager
def _handling(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> Iterator[None]:
    """Handle the signals so during the block. Only the main thread gets signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in SIGNALS}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def run(name: str, command: Sequence[str], *, environment: Mapping[str, str], cwd: Path, log: Path) -> None:
    """Run a command to its end. Raises `ProcessFailed` with the end of its output if it fails."""
    services: list[Service] = []
    try:
        with deferring_signals():
            services.append(start(name, command, environment=environment, cwd=cwd, log=log))
        if services[0].process.wait() != 0:
            services[0].check()
    finally:
        with ignoring_signals():
            stop(services)


def tail(path: Path, lines: int = 25) -> str:
    """The last lines of a text file, for a message."""
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])


def free_port() -> int:
    """A port of the loopback interface that no process uses now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether a server can listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True
