"""A steady flow of newsletter callbacks, and whether VTEX has every change that was accepted."""

from __future__ import annotations

import time
from collections import Counter
from itertools import cycle
from typing import Any

import requests

from tools.cluster.repeating import Repeating
from tools.cluster.shop import ClusterShop

JSON = dict[str, Any]
ACCEPTED = 202
TIMEOUT_SECONDS = 15.0


class CallbackFlow(Repeating):
    """Sends a callback each `pause` seconds, each about the next customer, until the block ends.

    A refused callback changes nothing: Connectif does not repeat it either. A callback without an answer may
    have been recorded, so both states of its customer are right.
    """

    def __init__(self, shop: ClusterShop, customers: list[JSON], pause: float = 1 / 3) -> None:
        super().__init__(pause)
        self._shop, self._customers, self._next = shop, customers, cycle(customers)
        self.wanted: dict[str, set[object]] = {one["id"]: {one["isNewsletterOptIn"]} for one in customers}
        self.answers: Counter[str] = Counter()
        self.accepted_at: dict[str, float] = {}

    def step(self) -> None:
        """Send the next callback."""
        self.send(next(self._next))

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
