"""Measures a burst of newsletter callbacks on a real Airflow: the answers, and when VTEX has each change."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import cycle
from typing import Any
from urllib.parse import urlsplit

import requests

from include.pipelines import NEWSLETTER
from tools.airflow_rest import AirflowRest
from tools.bench.ceiling import forget_journal
from tools.sandbox_shop import WEBHOOK_SECRET, Sandbox

CALLBACKS = 1_000
GIVE_UP_SECONDS = 300.0
THREADS = 8


@dataclass(frozen=True)
class Burst:
    """Answers by status, seconds from the first call, calls to VTEX, and runs.

    `calls_a_minute` is the rate limit of Master Data; 0: no limit.
    """

    database: str
    calls_a_minute: int
    answers: dict[int, int]
    answered_seconds: float
    applied_seconds: float
    vtex_calls: dict[str, dict[str, int]]
    runs: int

    def line(self) -> str:
        """The figures as one line."""
        number = sum(self.answers.values())
        taken = sum(count for status, count in self.answers.items() if 200 <= status < 300)
        calls = sum(sum(by_status.values()) for by_status in self.vtex_calls.values())
        throttled = sum(by_status.get("429", 0) for by_status in self.vtex_calls.values())
        limit = f"{self.calls_a_minute:,} Master Data calls a minute" if self.calls_a_minute else "no limits"
        return (
            f"newsletter, {number:,} callbacks at once, Airflow on {self.database}, {limit}: {taken:,} "
            f"answered 2xx, the last after {self.answered_seconds:.1f} s; all in VTEX after "
            f"{self.applied_seconds:.1f} s, {calls:,} calls to VTEX ({throttled} answered 429), "
            f"{self.runs} runs"
        )


def unsubscribe_at_once(
    rest: AirflowRest,
    sandbox: Sandbox,
    *,
    database: str,
    calls_a_minute: int,
    number: int = CALLBACKS,
    receivers: Sequence[str] = (),
) -> Burst:
    """Unsubscribe people at the same time. TimeoutError if VTEX does not get all changes.

    `receivers` are the addresses of several api-servers, which take turns.
    """
    people = [f"burst-{int(time.time())}-{place}" for place in range(number)]
    with requests.Session() as session, ThreadPoolExecutor(THREADS) as pool:
        session.trust_env = False
        _knob(session, sandbox, rate_master_data=calls_a_minute)
        list(pool.map(lambda person: place(session, sandbox, person), people))
        forget_journal(sandbox.vtex)
        begun = time.time()
        answers = asyncio.run(_callbacks(receivers or [rest.base_url], people))
        answered = time.time() - begun
        _wait_for_patches(session, sandbox, len(people))
        calls = _journal(session, sandbox)
        last = max(pool.map(lambda person: _applied_at(session, sandbox, person), people))
        runs = [
            run
            for run in rest.runs(NEWSLETTER.dag_id)
            if datetime.fromisoformat(run["run_after"]).timestamp() > begun
        ]
    return Burst(database, calls_a_minute, dict(answers), answered, last - begun, calls, len(runs))


async def _callbacks(receivers: Sequence[str], people: Sequence[str]) -> Counter[int]:
    calls = (call_receiver(one, person) for one, person in zip(cycle(receivers), people, strict=False))
    return Counter(await asyncio.gather(*calls))


async def call_receiver(airflow: str, person: str) -> int:
    """Unsubscribe a person by a callback, and return the status of the answer.

    It has a connection of its own, and a plain socket: a client library costs more than the server.
    """
    url = urlsplit(airflow)
    path = f"/connectif/newsletter/{WEBHOOK_SECRET}/unsubscribe"
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    query = f"email={person}%40example.com&ip="
    head = f"GET {path}?{query} HTTP/1.1\r\nHost: {url.netloc}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode())
    answer = await asyncio.wait_for(reader.read(), GIVE_UP_SECONDS)
    writer.close()
    return int(answer.split(maxsplit=2)[1])


def _wait_for_patches(session: requests.Session, sandbox: Sandbox, number: int) -> None:
    deadline = time.monotonic() + GIVE_UP_SECONDS
    while time.monotonic() < deadline:
        patches = _journal(session, sandbox).get("md patch", {})
        if sum(count for status, count in patches.items() if status.startswith("2")) >= number:
            return
        time.sleep(0.5)
    raise TimeoutError(f"VTEX lacks some of {number:,} subscription changes after {GIVE_UP_SECONDS:.0f} s")


def _applied_at(session: requests.Session, sandbox: Sandbox, person: str) -> float:
    if at := applied_at(session, sandbox, person):
        return at
    raise TimeoutError(
        "VTEX lacks a subscription change, although it got as many patches as there are changes"
    )


def applied_at(session: requests.Session, sandbox: Sandbox, person: str) -> float | None:
    """When VTEX got the person's unsubscription; None before that."""
    found = session.get(f"{sandbox.vtex}/_sandbox/documents/{person}", timeout=10).json()
    is_applied = found["isNewsletterOptIn"] is False
    return datetime.fromisoformat(found["updatedIn"]).timestamp() if is_applied else None


def place(session: requests.Session, sandbox: Sandbox, person: str) -> None:
    """Create a subscribed customer at VTEX, `{person}@example.com`."""
    body = {"email": f"{person}@example.com", "isNewsletterOptIn": True}
    session.put(f"{sandbox.vtex}/_sandbox/documents/{person}", json=body, timeout=10).raise_for_status()


def _knob(session: requests.Session, sandbox: Sandbox, **values: Any) -> None:
    session.post(f"{sandbox.vtex}/_sandbox/knobs", json=values, timeout=10).raise_for_status()


def _journal(session: requests.Session, sandbox: Sandbox) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = session.get(
        f"{sandbox.vtex}/_sandbox/journal", params={"limit": 1}, timeout=10
    ).json()["counts"]
    return counts
