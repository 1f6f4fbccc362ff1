"""A steady flow of newsletter callbacks, and whether VTEX has every change that was accepted."""

from __future__ import annotations

import threading
import time
from collections import Counter
from types import TracebackType
from typing import Any, Self

import requests

from tools.cluster.shop import ClusterShop

JSON = dict[str, Any]
ACCEPTED = 202
TIMEOUT_SECONDS = 15.0


class CallbackFlow:
    """Sends a callback each `pause` seconds in a thread, each about the next customer, until the block ends.

    A refused callback changes nothing: Connectif does not repeat it either. A callback without an answer may
    have been recorded, so both states of its customer are right.
    """

    def __init__(self, shop: ClusterShop, customers: list[JSON], pause: float = 3.0) -> None:
        self._shop, self._customers, self._pause = shop, customers, pause
        self.wanted: dict[str, set[object]] = {one["id"]: {one["isNewsletterOptIn"]} for one in customers}
        self.answers: Counter[str] = Counter()
        self.accepted_at: dict[str, float] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._send_all, name="callbacks")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _tb: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _send_all(self) -> None:
        number = 0
        while not self._ended.wait(self._pause):
            self.send(self._customers[number % len(self._customers)])
            number += 1

    def send(self, customer: JSON) -> None:
        """Report the opposite of the customer's last known state."""
        last = self.wanted[customer["id"]]
        subscribed = True not in last
        url = self._shop.receiver("subscribe" if subscribed else "unsubscribe")
        try:
            status = requests.get(
                url, params={"email": customer["email"]}, timeout=TIMEOUT_SECONDS
            ).status_code
        except requests.ConnectionError as error:
            refused = "refused" in str(error)
            self.answers["refused" if refused else "no answer"] += 1
            if not refused:
                last.add(subscribed)
            return
        except requests.Timeout:
            self.answers["no answer"] += 1
            last.add(subscribed)
            return
        self.answers[str(status)] += 1
        if status == ACCEPTED:
            self.wanted[customer["id"]] = {subscribed}
            self.accepted_at[customer["id"]] = time.monotonic()

    def lost(self) -> list[str]:
        """Documents at VTEX that do not have the state of their last accepted callback."""
        touched = [one for one in self._customers if one["id"] in self.accepted_at]
        found = self._shop.opt_ins(touched)
        return [document for document, state in found.items() if state not in self.wanted[document]]

    def wait_until_applied(self, within_seconds: float) -> float:
        """Seconds until VTEX has all accepted changes; `within_seconds` if it does not get them."""
        begun = time.monotonic()
        while self.lost() and time.monotonic() - begun < within_seconds:
            time.sleep(1)
        return time.monotonic() - begun

    def line(self) -> str:
        """The answers by number."""
        return ", ".join(f"{answer} {number}" for answer, number in sorted(self.answers.items()))
