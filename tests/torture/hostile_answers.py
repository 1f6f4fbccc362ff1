"""Calls every route of both clients against hostile answers.

`tried` yields a row for each pair of route and answer. A row is held under these conditions:

- The call ends within its limit of time, and below MOST_MB.
- It returns the result of a good answer, or raises a SyncError that names the call and the exceeded limit.
- No error repeats a text of the server or a key. No other host gets a key.
- No wait is above its limit, and the log shows long waits.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path

from tests.torture.hostile_case import Case
from tests.torture.hostile_cases import FAMILIES
from tests.torture.hostile_process import ATTEMPTS, KEY, SECRET, CallResult, CallTask, digest_of
from tests.torture.hostile_server import HostileServer, good_answer
from tests.torture.route_calls import CALLS, ROUTES
from tests.torture.tried import Tried

GOOD_CASE = Case("as it should be", good_answer)

KIND = "hostile answers"
MOST_MB = 500.0
LONGEST_WAIT_SECONDS = 300.0
MOST_SECONDS = 60.0
"""Limit of real seconds for a call with all its retries. Calls with a short deadline have a lower one."""
_LOGGED_FROM_SECONDS = 5.0
_PROCESSES = 2
_ROOT = Path(__file__).resolve().parents[2]
_SLACK_SECONDS = 8.0
_SYSTEMS = {"vtex": "VTEX", "connectif": "Connectif"}


def every_pair() -> list[tuple[str, str, Case]]:
    """Return all pairs as (route, family, case)."""
    return [
        (route, family, case)
        for family, cases in FAMILIES.items()
        for case in cases
        for route in (case.routes or ROUTES)
    ]


def some_pairs() -> list[tuple[str, str, Case]]:
    """Return a short selection: each case once, and the routes in turn."""
    cases = [(family, case) for family, found in FAMILIES.items() for case in found if not case.is_slow]
    routes = list(ROUTES)
    return [
        ((case.routes or routes)[number % len(case.routes or routes)], family, case)
        for number, (family, case) in enumerate(cases)
    ]


def tried(pairs: Sequence[tuple[str, str, Case]] | None = None) -> Iterator[Tried]:
    """Yield a row for each of the pairs (default: all). Calls run in parallel, each in its own process."""
    callers = _Callers()
    try:
        wanted = every_pair() if pairs is None else pairs
        good_results = {route: _good_result(callers, route) for route in {route for route, _, _ in wanted}}
        with ThreadPoolExecutor(_PROCESSES) as pool:
            yield from pool.map(partial(_row, callers, good_results), wanted)
    finally:
        callers.stop()


def _row(callers: _Callers, good_results: dict[str, str], pair: tuple[str, str, Case]) -> Tried:
    route, family, case = pair
    with HostileServer(case.answer, CALLS[route].good, once=case.once, reads=case.reads) as server:
        result = callers.make_call(route, case, server.port)
        problems = [*_problems(route, case, result, good_results[route]), *_leaked_keys(server.request_heads)]
        problem = "; ".join(problems)
    return Tried(KIND, route, f"{family}: {case.name}", problem, result.peak_mb, result.seconds)


def _good_result(callers: _Callers, route: str) -> str:
    """Return the digest of the result of a good answer."""
    with HostileServer(good_answer, CALLS[route].good) as server:
        result = callers.make_call(route, GOOD_CASE, server.port)
    if result.error:
        raise RuntimeError(f"{route} fails with a good answer: {result.chain or result.error}")
    return result.value


# --- problems of a result


def _problems(route: str, case: Case, result: CallResult, good_result: str) -> Iterator[str]:
    if result.error:
        yield from _error_problems(route, case, result)
    elif (
        result.value not in {good_result, *map(digest_of, CALLS[route].also_accepted)}
        and not case.has_other_content
    ):
        yield "no error, and a wrong result"
    if result.peak_mb > MOST_MB:
        yield f"{result.peak_mb:.0f} MB"
    if result.seconds > _most_seconds(case.deadline_seconds):
        yield f"{result.seconds:.1f} s"
    yield from _wait_problems(result)
    texts = "\n".join([result.message, result.chain, *result.log_lines])
    yield from (f"it repeats {text}" for text in ("canary-text", KEY, SECRET) if text in texts)


def _leaked_keys(request_heads: Sequence[bytes]) -> Iterator[str]:
    """Requests to `localhost` count as another host than 127.0.0.1."""
    for request in request_heads:
        if b"host: localhost" in request.lower() and (KEY.encode() in request or SECRET.encode() in request):
            yield "another host gets the key"


def _error_problems(route: str, case: Case, result: CallResult) -> Iterator[str]:
    if not result.is_ours:
        yield f"{result.error}: {result.message[:200]} {result.chain[-600:]}"
    elif not _names_a_call(route, result.message):
        yield f"the error names no call: {result.message[:200]}"
    elif case.error_pattern and not re.search(case.error_pattern, result.message):
        yield f"the error names no limit: {result.message[:200]}"


def _names_a_call(route: str, message: str) -> bool:
    """The error may also name the call that checks the result of another call."""
    system = route.partition(".")[0]
    names = {one.name for key, one in ROUTES.items() if key.startswith(system)}
    match = re.match(rf"{_SYSTEMS[system]}, ([^:]+):", message)
    return bool(match and match[1] in names) or message.startswith(f"{_SYSTEMS[system]}: an export ")


def _wait_problems(result: CallResult) -> Iterator[str]:
    longest = max(result.waits, default=0.0)
    if not longest <= LONGEST_WAIT_SECONDS:
        yield f"it waits {longest:.0f} s"
    if longest >= _LOGGED_FROM_SECONDS and not any("waiting" in line for line in result.log_lines):
        yield f"it waits {longest:.0f} s without a log line"


def _most_seconds(deadline_seconds: float) -> float:
    """Return the limit for all attempts of a call, and of the call that checks its result."""
    return min(MOST_SECONDS, 2 * ATTEMPTS * ATTEMPTS * deadline_seconds + _SLACK_SECONDS)


# --- the processes that make the calls


class _Caller:
    """A process that makes calls, one at a time. It is replaced after a call that hangs."""

    def __init__(self) -> None:
        self._process = self._start()

    def make_call(self, task: CallTask) -> CallResult:
        """Return the result of the call, or a result with an error if it exceeds all limits."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(asdict(task)).encode() + b"\n")
        self._process.stdin.flush()
        ready, _, _ = select.select([self._process.stdout], [], [], _most_seconds(task.deadline_seconds) + 5)
        if line := self._process.stdout.readline() if ready else b"":
            return CallResult(**json.loads(line))
        self.stop()
        self._process = self._start()
        return CallResult(
            error="its process has ended" if ready else "it hangs",
            seconds=_most_seconds(task.deadline_seconds),
        )

    def stop(self) -> None:
        """Kill the process and its child."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.torture.hostile_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            cwd=_ROOT,
            env={**os.environ, "PYTHONPATH": str(_ROOT)},
        )


class _Callers:
    """A pool of processes, one for each parallel call."""

    def __init__(self) -> None:
        self._idle = queue.SimpleQueue[_Caller]()
        self._all = [_Caller() for _ in range(_PROCESSES)]
        for caller in self._all:
            self._idle.put(caller)

    def make_call(self, route: str, case: Case, port: int) -> CallResult:
        caller = self._idle.get()
        try:
            url = f"{case.scheme}://127.0.0.1:{port}"
            return caller.make_call(CallTask(route, url, case.times, case.deadline_seconds))
        finally:
            self._idle.put(caller)

    def stop(self) -> None:
        for caller in self._all:
            caller.stop()
