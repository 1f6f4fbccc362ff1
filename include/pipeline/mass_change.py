"""The mass-change guard: a run that would change most of what it takes at once is taken for a fault.

Each pipeline computes a few shares before anything is sent; a share above its limit stops the run. The first run
has no day before it: it is held against what is plausible.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from include.errors import MassChangeBlocked
from include.pipeline.run import SyncRun

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Share:
    """`number` of `of` records, `whose` they are and `what` is odd about them (a text with the number). There
    are too many above `limit_percent`, and from `minimum` on; `check` says what to look at then."""

    number: int
    of: int
    whose: str
    what: str
    limit_percent: float
    minimum: int
    check: str

    @property
    def is_too_large(self) -> bool:
        return self.number >= max(1, self.minimum) and self.number > self.of * self.limit_percent / 100

    def __str__(self) -> str:
        return f"of {self.of:,} {self.whose}, {self.what} (limit {self.limit_percent:g} %)"


def guard_against_mass_change(run: SyncRun, shares: Iterable[Share]) -> None:
    """BrakeApplied when a share is too large, unless the run allows it; chosen records tell nothing."""
    if run.plan.is_partial:
        return
    too_large = [share for share in shares if share.is_too_large]
    if not too_large:
        return
    found = "; ".join(map(str, too_large))
    if run.allow_mass_change:
        log.warning("mass change let through by allow_mass_change: %s", found)
        return
    checks = " ".join(dict.fromkeys(share.check for share in too_large))
    raise MassChangeBlocked(
        f"{run.pipeline}: {found}. That is taken for a fault, and nothing was sent. {checks} If it is right, "
        "trigger the DAG with allow_mass_change, or change the limit in [mass_change]"
    )
