"""Each route of both clients against answers that no vendor should give: a clean error, or what is right.

`tried` yields a row for each. A row holds when the call ends within its limit and below MOST_MB. It must give
what a good answer gives, or raise a SyncError that names the call and the budget that ended it. No error
repeats a text of the server or a key, no other host gets a key, no wait is above its cap or untold.
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
from tests.torture.hostile_process import ATTEMPTS, KEY, SECRET, End, Task, digest_of
from tests.torture.hostile_server import HostileServer, plain
from tests.torture.route_calls import CALLS, ROUTES
from tests.torture.tried import Tried

PLAIN = Case("as it should be", plain)

KIND = "hostile answers"
MOST_MB = 500.0
LONGEST_WAIT_SECONDS = 300.0
MOST_SECONDS = 60.0
"""Real seconds that any call may take, with all of its repetitions; those with a short deadline far fewer."""
_TOLD_FROM_SECONDS = 5.0
_PROCESSES = 2
_ROOT = Path(__file__).resolve().parents[2]
_SLACK_SECONDS = 8.0
_SYSTEMS = {"vtex": "VTEX", "connectif": "Connectif"}


def every_pair() -> list[tuple[str, str, Case]]:
    """(route, family, case), all of them."""
    return [
        (route, family, case)
        for family, cases in FAMILIES.items()
        for case in cases
        for route in (case.routes or ROUTES)
    ]


def some_pairs() -> list[tuple[str, str, Case]]:
    """Each case once and each route several times, in turn."""
    cases = [(family, case) for family, found in FAMILIES.items() for case in found if not case.is_slow]
    routes = list(ROUTES)
    return [
        ((case.routes or routes)[number % len(case.routes or routes)], family, case)
        for number, (family, case) in enumerate(cases)
    ]


def tried(pairs: Sequence[tuple[str, str, Case]] | None = None) -> Iterator[Tried]:
    """A row for each pair, or for all; several calls run at once, each in a process of its own."""
    callers = _Callers()
    try:
        wanted = every_pair() if pairs is None else pairs
        right = {route: _right(callers, route) for route in {route for route, _, _ in wanted}}
        with ThreadPoolExecutor(_PROCESSES) as pool:
            yield from pool.map(partial(_row, callers, right), wanted)
    finally:
        callers.stop()


def _row(callers: _Callers, right: dict[str, str], pair: tuple[str, str, Case]) -> Tried:
    route, family, case = pair
    with HostileServer(case.answer, CALLS[route].good, once=case.once, reads=case.reads) as server:
        end = callers.end(route, case, server.port)
        problems = [*_problems(route, case, end, right[route]), *_keys_given_away(server.heard)]
        problem = "; ".join(problems)
    return Tried(KIND, route, f"{family}: {case.name}", problem, end.peak_mb, end.seconds)


def _right(callers: _Callers, route: str) -> str:
    """What a good answer gives."""
    with HostileServer(plain, CALLS[route].good) as server:
        end = callers.end(route, PLAIN, server.port)
    if end.error:
        raise RuntimeError(f"{route} fails with a good answer: {end.chain or end.error}")
    return end.value


# --- what is wrong with an end


def _problems(route: str, case: Case, end: End, right: str) -> Iterator[str]:
    if end.error:
        yield from _about_error(route, case, end)
    elif end.value not in {right, *map(digest_of, CALLS[route].also_right)} and not case.says_something_else:
        yield "green, with another result"
    if end.peak_mb > MOST_MB:
        yield f"{end.peak_mb:.0f} MB"
    if end.seconds > _most_seconds(case.deadline_seconds):
        yield f"{end.seconds:.1f} s"
    yield from _about_waits(end)
    said = "\n".join([end.message, end.chain, *end.told])
    yield from (f"it repeats {text}" for text in ("canary-text", KEY, SECRET) if text in said)


def _keys_given_away(heard: Sequence[bytes]) -> Iterator[str]:
    """To `localhost`, which is another host than 127.0.0.1."""
    for request in heard:
        if b"host: localhost" in request.lower() and (KEY.encode() in request or SECRET.encode() in request):
            yield "another host gets the key"


def _about_error(route: str, case: Case, end: End) -> Iterator[str]:
    if not end.is_ours:
        yield f"{end.error}: {end.message[:200]} {end.chain[-600:]}"
    elif not _names_a_call(route, end.message):
        yield f"the error names no call: {end.message[:200]}"
    elif case.told and not re.search(case.told, end.message):
        yield f"the error names no budget: {end.message[:200]}"


def _names_a_call(route: str, message: str) -> bool:
    """The error may be of the call by which the client checks on another one."""
    system = route.partition(".")[0]
    names = {one.name for key, one in ROUTES.items() if key.startswith(system)}
    told = re.match(rf"{_SYSTEMS[system]}, ([^:]+):", message)
    return bool(told and told[1] in names) or message.startswith(f"{_SYSTEMS[system]}: an export ")


def _about_waits(end: End) -> Iterator[str]:
    longest = max(end.waits, default=0.0)
    if not longest <= LONGEST_WAIT_SECONDS:
        yield f"it waits {longest:.0f} s"
    if longest >= _TOLD_FROM_SECONDS and not any("waiting" in line for line in end.told):
        yield f"it waits {longest:.0f} s and no line of the log says so"


def _most_seconds(deadline_seconds: float) -> float:
    """Of a call with a short deadline: of all its attempts, and those of the call that checks on it."""
    return min(MOST_SECONDS, 2 * ATTEMPTS * ATTEMPTS * deadline_seconds + _SLACK_SECONDS)


# --- who makes the calls


class _Caller:
    """A process that makes calls, one at a time; it is begun anew after a call that hangs."""

    def __init__(self) -> None:
        self._process = self._begun()

    def end(self, task: Task) -> End:
        """What became of the call; an End that says so when it takes longer than all limits allow."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(asdict(task)).encode() + b"\n")
        self._process.stdin.flush()
        ready, _, _ = select.select([self._process.stdout], [], [], _most_seconds(task.deadline_seconds) + 5)
        if line := self._process.stdout.readline() if ready else b"":
            return End(**json.loads(line))
        self.stop()
        self._process = self._begun()
        return End(
            error="its process has ended" if ready else "it hangs",
            seconds=_most_seconds(task.deadline_seconds),
        )

    def stop(self) -> None:
        """End the process, and the one that it may have begun."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()

    def _begun(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.torture.hostile_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            cwd=_ROOT,
            env={**os.environ, "PYTHONPATH": str(_ROOT)},
        )


class _Callers:
    """As many processes as calls run at once."""

    def __init__(self) -> None:
        self._idle = queue.SimpleQueue[_Caller]()
        self._all = [_Caller() for _ in range(_PROCESSES)]
        for caller in self._all:
            self._idle.put(caller)

    def end(self, route: str, case: Case, port: int) -> End:
        caller = self._idle.get()
        try:
            url = f"{case.scheme}://127.0.0.1:{port}"
            return caller.end(Task(route, url, case.times, case.deadline_seconds))
        finally:
            self._idle.put(caller)

    def stop(self) -> None:
        for caller in self._all:
            caller.stop()
