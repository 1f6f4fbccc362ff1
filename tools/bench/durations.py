"""How long calls take at the vendors' limits. Calls and limits decide it; the machine does not."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from include.connectif.limits import CALLS_PER_MINUTE
from include.http.route import Route
from include.vtex import routes
from include.vtex.client import RateLimits

CONNECTIF = "connectif"
_BUDGET_OF_ROUTE = {
    route.name: route.rate_limit for route in vars(routes).values() if isinstance(route, Route)
}

Calls = Mapping[str, Mapping[str, int]]
"""Numbers of calls by vendor (`vtex`, `connectif`) and by the name of the route."""


@dataclass(frozen=True)
class CallRates:
    """What the sync allows itself: calls a second of VTEX's budgets, and calls of a minute of Connectif."""

    vtex: Mapping[str, float]
    connectif_a_minute: int

    @classmethod
    def of(cls, vtex: RateLimits, keep_free_percent: float) -> CallRates:
        """The rates of a VTEX client, and Connectif's minute without the share for other callers."""
        by_budget = {name.removesuffix("_per_second"): rate for name, rate in asdict(vtex).items()}
        kept_free = math.ceil(CALLS_PER_MINUTE * keep_free_percent / 100)
        return cls(by_budget, CALLS_PER_MINUTE - kept_free)

    def seconds(self, calls: Calls) -> dict[str, float]:
        """Seconds that the calls of each budget need at the full rate. A budget without calls is missing.

        The calls of a minute of Connectif may come all at once, so the last minute takes no time.
        """
        numbers: dict[str, int] = defaultdict(int)
        for route, number in calls["vtex"].items():
            numbers[_BUDGET_OF_ROUTE[route]] += number
        seconds = {budget: number / self.vtex[budget] for budget, number in numbers.items() if number}
        to_connectif = sum(calls["connectif"].values())
        return seconds | (
            {CONNECTIF: 60.0 * ((to_connectif - 1) // self.connectif_a_minute)} if to_connectif else {}
        )
