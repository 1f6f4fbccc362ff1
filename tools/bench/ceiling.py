"""How fast the sandbox itself is: the same reads again by a client that does nothing with the answers."""

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
"""The sandbox's journal holds no more: of a longer run its last calls are repeated."""


@dataclass(frozen=True)
class Ceiling:
    """`calls` were answered in `seconds` when the client costs next to nothing."""

    calls: int
    seconds: float


def journal(base_url: str) -> list[dict[str, Any]]:
    """The sandbox's last calls, oldest first."""
    with urlopen(f"{base_url}/_sandbox/journal?limit={KEPT_CALLS}") as answer:  # noqa: S310 - loopback
        calls: list[dict[str, Any]] = json.load(answer)["calls"]
        return calls


def forget_journal(base_url: str) -> None:
    """Begin a new journal."""
    with urlopen(Request(f"{base_url}/_sandbox/journal", method="DELETE")):  # noqa: S310 - loopback
        pass


def ceiling(
    base_url: str, headers: Mapping[str, str], calls: Sequence[Mapping[str, Any]], *, workers: int
) -> Ceiling:
    """Send the GET calls of a journal again from `workers` threads.

    A scroll is followed to its end by its own new token; the continuations in the journal are left out.
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
    """One connection for each thread; answers are read and thrown away."""

    def __init__(self, netloc: str, headers: Mapping[str, str]) -> None:
        self._netloc, self._headers = netloc, dict(headers)
        self._own = threading.local()

    def follow(self, target: str) -> int:
        """Send one call, and the rest of its scroll if it begins one; returns how many calls that were."""
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
            raise RuntimeError(f"the sandbox answers HTTP {answer.status} to a call that it took before")
        return body, answer.getheader("X-VTEX-MD-TOKEN")

    def _connection(self) -> http.client.HTTPConnection:
        if not hasattr(self._own, "connection"):
            self._own.connection = http.client.HTTPConnection(self._netloc, timeout=60)
        connection: http.client.HTTPConnection = self._own.connection
        return connection
