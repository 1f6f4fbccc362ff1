"""Guards that stop a run before it sends: the mass-change guard, and the guard against an empty first load.

A wrong account, permission or sales channel looks like an empty shop, or like a shop that changed completely.
Each pipeline computes a few shares before it sends anything. A share above its limit stops the run. The first
run has no earlier run to compare with, so fixed limits apply to it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from include.errors import MassChangeBlocked, UnsafeChange
from include.pipeline.run import SyncRun
from include.report import Report, StageCounts

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Share:
    """`number` of `total` records are unusual: `records` says which records, `finding` what is unusual.

    The share is too large above `limit_percent`, if `number` is at least `minimum`. `advice` says
    what to check.
    """

    number: int
    total: int
    records: str
    finding: str
    limit_percent: float
    minimum: int
    advice: str

    @property
    def is_too_large(self) -> bool:
        return self.number >= max(1, self.minimum) and self.number > self.total * self.limit_percent / 100

    def __str__(self) -> str:
        return f"of {self.total:,} {self.records}, {self.finding} (limit {self.limit_percent:g} %)"


def guard_against_mass_change(run: SyncRun, shares: Iterable[Share]) -> None:
    """Raise MassChangeBlocked if a share is too large and the run does not allow it.

    Runs of chosen records are not checked: their shares say nothing about the shop.
    """
    if run.plan.is_partial:
        return
    too_large = [share for share in shares if share.is_too_large]
    if not too_large:
        return
    findings = "; ".join(map(str, too_large))
    if run.allow_mass_change:
        log.warning("%s: mass change allowed by allow_mass_change: %s", run.pipeline, findings)
        return
    advice = " ".join(dict.fromkeys(share.advice for share in too_large))
    raise MassChangeBlocked(
        f"{run.pipeline}: {findings}. This looks like a fault, so nothing was sent. {advice} If the change "
        "is right, trigger the DAG with allow_mass_change, or change the limit in [mass_change]"
    )


def stop_empty_load(run: SyncRun, finding: str, check: str) -> None:
    """Raise UnsafeChange with the `finding` and what to `check`; with allow_empty log a warning instead."""
    if run.allow_empty:
        log.warning("%s: empty load allowed by allow_empty: %s", run.pipeline, finding)
        return
    raise UnsafeChange(
        f"{run.pipeline}: {finding}. An empty full load looks like a fault, so nothing was sent, and "
        f"the pipeline is not activated. Check {check}. If the shop is really empty, trigger the DAG with "
        "allow_empty"
    )


def not_found_message(record: str) -> str:
    """The reason why a run of one record fails when VTEX does not show the record."""
    return f"VTEX shows no record with the id {record} (parameter only): check the id"


def is_empty_first_load(run: SyncRun, report: Report, load: StageCounts) -> bool:
    """Whether a full load that would activate the pipeline read records, and could send none of them.

    Records that Connectif refuses do not count as missing: the run could send them.
    """
    if (
        run.plan.window
        or run.plan.is_partial
        or run.allow_empty
        or run.state.progress.is_activated(run.pipeline)
    ):
        return False
    return report.counts.read > 0 and not load.outcomes.total()
