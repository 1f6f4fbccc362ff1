"""How long calls take at the vendors' limits. Calls and limits decide it; the machine does not."""

from __future__ import annotations

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
    """Calls a second that the sync allows itself, by budget: those of VTEX and `connectif`."""

    by_budget: Mapping[str, float]

    @classmethod
    def of(cls, vtex: RateLimits, keep_free_percent: float) -> CallRates:
        """The rates of a VTEX client, and Connectif's minute without the share for other callers."""
        by_budget = {name.removesuffix("_per_second"): rate for name, rate in asdict(vtex).items()}
        return cls(by_budget | {CONNECTIF: CALLS_PER_MINUTE * (1 - keep_free_percent / 100) / 60})

    def seconds(self, calls: Calls) -> dict[str, float]:
        """Seconds that the calls of each budget need at the full rate. A budget without calls is missing."""
        numbers: dict[str, int] = defaultdict(int)
        for vendor, by_route in calls.items():
            for route, number in by_route.items():
                numbers[CONNECTIF if vendor == CONNECTIF else _BUDGET_OF_ROUTE[route]] += number
        return {budget: number / self.by_budget[budget] for budget, number in numbers.items() if number}
