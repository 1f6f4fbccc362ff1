"""Connectif's callbacks to the shop after newsletter changes (help centre 360017539820).

Connectif sends each callback once, by GET (bounces by POST), without following redirects. The sandbox only
sends them to this machine.
"""

import hashlib
import hmac
import http.client
import ipaddress
import json
from dataclasses import dataclass
from queue import Empty, Queue
from threading import Thread
from typing import Any, Literal
from urllib.parse import SplitResult, urlencode, urlsplit

from pydantic import field_validator

from sandbox.connectif.account import Account
from sandbox.core.control import ControlBody

THREADS = 4
CallbackKind = Literal["subscribe", "cancellation", "bounce"]


class CallbackUrls(ControlBody):
    """The URLs of the shop; None sends no callback. Only http on a loopback address is allowed."""

    subscribe: str | None = None
    cancellation: str | None = None
    bounce: str | None = None

    @field_validator("subscribe", "cancellation", "bounce")
    @classmethod
    def _check_loopback(cls, url: str | None) -> str | None:
        if url is not None and not _is_loopback(url):
            raise ValueError("must be an http URL on a loopback address")
        return url


@dataclass(frozen=True)
class Delivery:
    """One callback that waits in the queue."""

    kind: CallbackKind
    url: str
    email: str
    ip: str = ""
    body: dict[str, Any] | None = None


class Callbacks:
    """Sends callbacks from a few threads and records the answers."""

    def __init__(self, account: Account) -> None:
        self.urls = CallbackUrls()
        self._account, self._database, self._knobs = account, account.database, account.knobs
        self._queue: Queue[Delivery | None] = Queue()
        self._threads: list[Thread] = []

    def reset(self) -> None:
        """Forgets the URLs and the queued callbacks."""
        self.urls = CallbackUrls()
        try:
            while True:
                self._queue.get_nowait()
        except Empty:
            return

    def close(self) -> None:
        """Ends the threads, but waits at most a second for a thread whose call has no answer yet."""
        self.reset()
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join(1.0)

    def queue(self, kind: CallbackKind, email: str, ip: str = "", body: dict[str, Any] | None = None) -> None:
        """Queues a callback, if the account has a URL for its kind."""
        url: str | None = getattr(self.urls, kind)
        if url is None:
            return
        self._queue.put(Delivery(kind, url, email, ip, body))
        if len(self._threads) < THREADS:
            thread = Thread(target=self._work, name="connectif-callbacks", daemon=True)
            self._threads.append(thread)
            thread.start()

    def deliveries(self) -> list[dict[str, Any]]:
        """The callbacks sent so far, oldest first. `status` is None if the shop did not answer."""
        rows = self._database.rows("SELECT at, kind, email, ip, status, error FROM callbacks ORDER BY row")
        return [dict(row) for row in rows]

    def _work(self) -> None:
        while delivery := self._queue.get():
            self._deliver(delivery)

    def _deliver(self, delivery: Delivery) -> None:
        status, error = None, None
        try:
            status = self._call(delivery)
        except (OSError, http.client.HTTPException) as problem:
            error = type(problem).__name__
        self._database.execute(
            "INSERT INTO callbacks (at, kind, email, ip, status, error) VALUES (?, ?, ?, ?, ?, ?)",
            (self._account.now(), delivery.kind, delivery.email, delivery.ip, status, error),
        )

    def _call(self, delivery: Delivery) -> int:
        url = urlsplit(delivery.url)
        connection = http.client.HTTPConnection(
            url.hostname or "", url.port, timeout=self._knobs.callback_timeout_seconds
        )
        try:
            connection.request(*self._request(delivery, url))
            return connection.getresponse().status
        finally:
            connection.close()

    def _request(self, delivery: Delivery, url: SplitResult) -> tuple[str, str, str | None, dict[str, str]]:
        """Method, target, body and headers."""
        form = "json" if delivery.body is not None else self._knobs.callback_form
        parameters = self._parameters(delivery)
        target = f"{url.path or '/'}{'?' + url.query if url.query else ''}"
        if form == "json":
            body = json.dumps(delivery.body or {"event": delivery.kind, "contact": parameters})
            return "POST", target, body, {"Content-Type": "application/json"}
        if form == "form":
            return (
                "POST",
                target,
                urlencode(parameters),
                {"Content-Type": "application/x-www-form-urlencoded"},
            )
        added = urlencode(parameters, safe="+" if form == "plain_query" else "")
        return "GET", f"{url.path or '/'}?{'&'.join(filter(None, (url.query, added)))}", None, {}

    def _parameters(self, delivery: Delivery) -> dict[str, str]:
        parameters = {"email": delivery.email, "ip": delivery.ip}
        if key := self._knobs.callback_checksum_key:
            parameters["checksum"] = hmac.new(key.encode(), delivery.email.encode(), hashlib.sha1).hexdigest()
        return parameters


def _is_loopback(url: str) -> bool:
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        return False
    try:
        return ipaddress.ip_address(parts.hostname).is_loopback
    except ValueError:
        return parts.hostname == "localhost"
