"""Measures the sandbox alone: repeats the same reads with a client that ignores the answers."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import Request, urlopen

KEPT_CALLS = 5_000
"""The size of the sandbox's journal. Of a longer run only the last calls are repeated."""


@dataclass(frozen=True)
class Ceiling:
    """The sandbox answers `calls` in `seconds` for a client that costs almost nothing."""

    calls: int
    seconds: float


def journal(base_url: str) -> list[dict[str, Any]]:
    """The sandbox's last calls, oldest first."""
    with urlopen(f"{base_url}/_sandbox/journal?limit={KEPT_CALLS}") as answer:  # noqa: S310 - loopback
        calls: list[dict[str, Any]] = json.load(answer)["calls"]
        return calls


def forget_journal(base_url: str) -> None:
    """Start a new journal."""
    with urlopen(Request(f"{base_url}/_sandbox/journal", method="DELETE")):  # noqa: S310 - loopback
        pass


def ceiling(
    base_url: str, headers: Mapping[str, str], calls: Sequence[Mapping[str, Any]], *, workers: int
) -> Ceiling:
    """Repeat the GET calls of a journal from `workers` threads.

    It follows a scroll to its end by its new token, and leaves out the continuations in the journal.
    """
    targets = [_target(call) for call in calls if call["method"] == "GET" and "_token=" not in call["query"]]
    replay = _Replay(urlsplit(base_url).netloc, headers)
    begun = time.monotonic()
    with ThreadPoolExecutor(workers) as pool:
        sent = sum(pool.map(replay.follow, targets))
    return Ceiling(sent, round(time.monotonic() - begun, 3))


def _target(call: Mapping[str, Any]) -> str:
    return f"{quote(call['path'])}?{call['query']}"


class _Replay:
    """One connection for each thread. It reads the answers and ignores them."""

    def __init__(self, netloc: str, headers: Mapping[str, str]) -> None:
        self._netloc, self._headers = netloc, dict(headers)
        self._own = threading.local()

    def follow(self, target: str) -> int:
        """Send one call, and the rest of its scroll if it starts one; returns the number of calls."""
        body, token = self._get(target)
        sent, path = 1, target.partition("?")[0]
        while token and body != b"[]":
            body, _ = self._get(f"{path}?{urlencode({'_token': token})}")
            sent += 1
        return sent

    def _get(self, target: str) -> tuple[bytes, str | None]:
        connection = self._connection()
        connection.request("GET", target, headers=self._headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status not in {200, 206, 404}:
            raise RuntimeError(f"the sandbox answers HTTP {answer.status} to a call that it accepted before")
        return body, answer.getheader("X-VTEX-MD-TOKEN")

    def _connection(self) -> http.client.HTTPConnection:
        if not hasattr(self._own, "connection"):
            self._own.connection = http.client.HTTPConnection(self._netloc, timeout=60)
        connection: http.client.HTTPConnection = self._own.connection
        return connection
