"""The lines of the table that `make cluster-test` prints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tools.cluster.shop import ClusterShop


@dataclass(frozen=True)
class Row:
    """One line of the table. `is_time`: a time, which depends on what else the machine does."""

    what: str
    wanted: str
    seen: str
    ok: bool
    is_time: bool = False


def within(what: str, limit: float, seconds: float) -> Row:
    """A row about a time in seconds."""
    return Row(what, f"≤ {limit:.0f} s", f"{seconds:.1f} s", seconds <= limit, is_time=True)


def ended_well(shop: ClusterShop, dag_id: str, run_id: str) -> Iterator[Row]:
    """Whether a run has succeeded, and its report gives each record an outcome."""
    state = shop.wait_for_run(dag_id, run_id)
    if state != "success":
        yield Row(f"{dag_id}: run {run_id}", "success", state, ok=False)
        return
    report = shop.report(run_id)
    seen = f"read {report.counts.read}, written {report.counts.written}, {report.missing} without an outcome"
    yield Row(
        f"{dag_id}: run {run_id}", "0 without an outcome", seen, report.missing == 0 and not report.dry_run
    )
