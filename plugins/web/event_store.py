"""Keeps the events of callbacks in the shop's state store, until a run takes them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from include.errors import SyncError
from include.shops import ConfiguredShop
from include.state import StateStore
from plugins.hooks.accounts import shop_of_connections
from plugins.hooks.state_store import open_state
from plugins.web.ttl_cache import TTLCache

log = logging.getLogger(__name__)

REOPEN_SECONDS = 15.0
"""After this time every process knows a changed connection."""
PAUSE_SECONDS = 30.0
"""How long a state store that failed is left alone, and then it is opened again: an unreachable one costs
seconds of each answer.
"""


class EventStore:
    """The waiting events of a shop, for the one thread that commits them."""

    def __init__(self, shop: ConfiguredShop, clock: Callable[[], float] = time.monotonic) -> None:
        self._shop, self._clock = shop, clock
        self._opened = TTLCache(self._open, REOPEN_SECONDS, clock=clock)
        self._failed_at = float("-inf")

    def keep(self, events: Sequence[dict[str, Any]]) -> bool:
        """Keep the events, encrypted; False if the state store cannot be used now.

        Then the conf of a run must hold them: Connectif does not repeat a callback.
        """
        if self._clock() - self._failed_at < PAUSE_SECONDS:
            return False
        try:
            # No connection stays open: there may be many shops, and as many processes of the api-server
            with self._opened() as state:
                # The events come in the order of their arrival: the last one of a person counts
                state.newsletter.receive({event["email"]: not event["subscribed"] for event in events})
        except (SyncError, SQLAlchemyError) as error:
            self._failed_at = self._clock()
            log.warning("state store: not writable (%s); runs hold the events", type(error).__name__)
            return False
        return True

    def _open(self) -> StateStore:
        return open_state(shop_of_connections(self._shop), any_account=True, patient=False)
