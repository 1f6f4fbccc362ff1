"""Newsletter changes and how Connectif tells a shop of them (help centre 360017539820).

Callbacks go by GET (bounces by POST), once, without following redirects, and only ever to this machine.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import ipaddress
import json
from dataclasses import dataclass
from queue import Empty, Queue
from threading import Thread
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import SplitResult, urlencode, urlsplit

from pydantic import BaseModel, ConfigDict, field_validator

from sandbox.connectif.errors import ApiError, not_found
from sandbox.connectif.fields import EMAIL
from sandbox.connectif.schema import id_of

if TYPE_CHECKING:
    from sandbox.connectif.account import Account
    from sandbox.connectif.contacts import Contacts

THREADS = 4
Kind = Literal["subscribe", "cancellation", "bounce"]


class Urls(BaseModel):
    """Where to call; None calls nobody. Only http and only this machine."""

    model_config = ConfigDict(extra="forbid")

    subscribe: str | None = None
    cancellation: str | None = None
    bounce: str | None = None

    @field_validator("subscribe", "cancellation", "bounce")
    @classmethod
    def _stays_here(cls, url: str | None) -> str | None:
        if url is not None and not _is_loopback(url):
            raise ValueError("must be an http URL on a loopback address")
        return url


@dataclass(frozen=True)
class Delivery:
    """One call that is to be made."""

    kind: Kind
    url: str
    email: str
    ip: str = ""
    body: dict[str, Any] | None = None


class Callbacks:
    """Sends callbacks from a few threads and writes down what came back."""

    def __init__(self, account: Account) -> None:
        self.urls = Urls()
        self._account = account
        self._database = account.database
        self._knobs = account.knobs
        self._queue: Queue[Delivery | None] = Queue()
        self._threads: list[Thread] = []

    def reset(self) -> None:
        """Forgets the URLs and what is still to be sent."""
        self.urls = Urls()
        try:
            while True:
                self._queue.get_nowait()
        except Empty:
            return

    def close(self) -> None:
        """Ends the threads; one that waits for a silent shop is left behind."""
        self.reset()
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join(1.0)

    def tell(self, kind: Kind, email: str, ip: str = "", body: dict[str, Any] | None = None) -> None:
        """Queues the call, if the account has a URL for it."""
        url: str | None = getattr(self.urls, kind)
        if url is None:
            return
        self._queue.put(Delivery(kind, url, email, ip, body))
        if len(self._threads) < THREADS:
            thread = Thread(target=self._work, name="connectif-callbacks", daemon=True)
            self._threads.append(thread)
            thread.start()

    def made(self) -> list[dict[str, Any]]:
        """The calls made so far, oldest first; `status` is None where no answer came."""
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


class Newsletter:
    """What people do with the newsletter, and who gets to hear of it."""

    def __init__(self, account: Account, contacts: Contacts, callbacks: Callbacks) -> None:
        self._account = account
        self._database = account.database
        self._contacts = contacts
        self._callbacks = callbacks

    def subscribe(self, email: str, ip: str) -> None:
        """Somebody fills in a sign-up form; an unknown address becomes a contact."""
        with self._database.transaction():
            self._contacts.patch(email, {"_newsletterSubscriptionStatus": "subscribed"}, origin="form")
            self.settle(tell=False)
        self._callbacks.tell("subscribe", self._contacts.key(email), ip)

    def unsubscribe(self, email: str, ip: str) -> None:
        """Somebody follows the link in an e-mail (again, too)."""
        with self._database.transaction():
            self._known(email)
            self._contacts.patch(email, {"_newsletterSubscriptionStatus": "unsubscribed"})
            self._database.execute(
                "UPDATE contacts SET unsubscribed_ip = ? WHERE email = ?",
                (ip or None, self._contacts.key(email)),
            )
            self.settle(tell=False)
        self._callbacks.tell("cancellation", self._contacts.key(email), ip)

    def bounce(self, email: str, kind: Literal["hard", "soft", "other"], reason: str) -> None:
        """A mail server refuses a mail; after a hard bounce the contact gets no more."""
        row, now = self._known(email)["row"], self._account.now()
        if kind == "hard":
            change = "email_status = 'bounced', bounced_reason = ?, bounced_at = ?"
        else:
            change = "soft_bounces = soft_bounces + 1, bounced_reason = ?, soft_bounced_at = ?"
        self._database.execute(f"UPDATE contacts SET {change} WHERE row = ?", (reason, now, row))  # noqa: S608
        body = {
            "bounceErrorMessage": reason,
            "bouncestatus": "550" if kind == "hard" else "450",
            "bounceTypeId": kind,
            "workflowId": "0" * 24,
            "contentId": "0" * 24,
            "entityId": id_of("contacts", row),
            "entityEmail": email,
        }
        self._callbacks.tell("bounce", email, body=body)

    def settle(self, *, tell: bool) -> None:
        """Calls the cancellation URL for the latest unsubscriptions, or lets them pass in silence."""
        with self._database.transaction():
            rows = self._database.rows(
                "SELECT row, email, status FROM newsletter_changes WHERE told = 0 ORDER BY row"
            )
            self._database.execute("UPDATE newsletter_changes SET told = 1 WHERE told = 0")
        for row in rows:
            if tell and row["status"] == "unsubscribed":
                self._callbacks.tell("cancellation", row["email"])

    def _known(self, email: str) -> Any:
        if not EMAIL.fullmatch(email):
            raise ApiError(400, "Invalid email.")
        contact = self._contacts.find(email)
        if contact is None:
            raise not_found("Contact")
        return contact


def _is_loopback(url: str) -> bool:
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        return False
    try:
        return ipaddress.ip_address(parts.hostname).is_loopback
    except ValueError:
        return parts.hostname == "localhost"
