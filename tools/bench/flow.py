"""Measures a steady flow of newsletter callbacks on a real Airflow: how late VTEX has each change."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import requests

from include.batching import in_batches
from include.pipelines import NEWSLETTER
from tools.airflow_rest import AirflowRest
from tools.bench.burst import THREADS, applied_at, call_receiver, place
from tools.sandbox_shop import Sandbox

PER_SECOND = 10
GIVE_UP_SECONDS = 300.0
_PARTS = 2


@dataclass(frozen=True)
class Flow:
    """Answers by status, seconds from each call to the changed document, in the order of the calls, and runs.

    `database` is that of Airflow and of the state store.
    """

    database: str
    per_second: float
    answers: dict[int, int]
    seconds: list[float]
    runs: int
    most_runs_a_second: int

    def percentile(self, percent: int, seconds: Sequence[float] | None = None) -> float:
        """The latency that this share of the changes does not exceed."""
        return statistics.quantiles(self.seconds if seconds is None else seconds, n=100)[percent - 1]

    @property
    def parts(self) -> list[float]:
        """The 95th percentile of the first and the second half: a flow that is too fast lets it grow."""
        size = -(-len(self.seconds) // _PARTS)
        return [self.percentile(95, part) for part in in_batches(self.seconds, size)]

    def line(self) -> str:
        """The figures as one line."""
        answers = ", ".join(
            f"{number:,} answered {status}" for status, number in sorted(self.answers.items())
        )
        halves = ", then ".join(f"{seconds:.2f} s" for seconds in self.parts)
        return (
            f"newsletter, {self.per_second:g} callbacks a second, Airflow on {self.database}: {answers}; in "
            f"VTEX p50 {self.percentile(50):.2f} s, p95 {self.percentile(95):.2f} s ({halves}), worst "
            f"{max(self.seconds):.2f} s; {self.runs} runs, at most {self.most_runs_a_second} in a second"
        )


def steady_flow(
    rest: AirflowRest, sandbox: Sandbox, *, database: str, seconds: float, say: Callable[[str], None]
) -> Flow:
    """Unsubscribe `PER_SECOND` people each second. TimeoutError if VTEX does not get all changes."""
    people = [f"flow-{number}" for number in range(round(seconds * PER_SECOND))]
    with requests.Session() as session, ThreadPoolExecutor(THREADS) as pool:
        session.trust_env = False
        list(pool.map(lambda person: place(session, sandbox, person), people))
        begun = time.time()
        called, answers = asyncio.run(_call_steadily(rest.base_url, people, say))
        applied = list(pool.map(lambda person: _wait_until_applied(session, sandbox, person), people))
    starts = [at for run in rest.runs(NEWSLETTER.dag_id) if (at := _started_at(run["start_date"])) > begun]
    return Flow(
        database,
        PER_SECOND,
        dict(answers),
        [after - before for before, after in zip(called, applied, strict=True)],
        len(starts),
        max(Counter(map(int, starts)).values(), default=0),
    )


async def _call_steadily(
    airflow: str, people: Sequence[str], say: Callable[[str], None]
) -> tuple[list[float], Counter[int]]:
    begun = time.time()
    due = [begun + number / PER_SECOND for number in range(len(people))]

    async def call(person: str, at: float) -> int:
        await asyncio.sleep(at - time.time())
        return await call_receiver(airflow, person)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(call(person, at)) for person, at in zip(people, due, strict=True)]
        reporter = group.create_task(_report(tasks, say))
        await asyncio.wait(tasks)
        reporter.cancel()
    return due, Counter(task.result() for task in tasks)


async def _report(tasks: Sequence[asyncio.Task[int]], say: Callable[[str], None]) -> None:
    while True:
        await asyncio.sleep(60)
        say(f"{sum(task.done() for task in tasks):,} of {len(tasks):,} callbacks answered")


def _wait_until_applied(session: requests.Session, sandbox: Sandbox, person: str) -> float:
    deadline = time.monotonic() + GIVE_UP_SECONDS
    while time.monotonic() < deadline:
        if at := applied_at(session, sandbox, person):
            return at
        time.sleep(0.5)
    raise TimeoutError(f"VTEX lacks a subscription change {GIVE_UP_SECONDS:.0f} s after the last callback")


def _started_at(text: str | None) -> float:
    return datetime.fromisoformat(text).timestamp() if text else 0.0
