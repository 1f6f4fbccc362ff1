"""Complete runs on the seeded shop, and the odd records that the sandbox lists in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from include.outcomes import PipelineName, Reason
from include.plan import RunPlan
from include.report import Report
from sandbox.shop import Sizes
from tests.builders import SimulatedShop, SyncRunner, simulated_shop

SIZES = Sizes(contacts=220, products=60, orders_per_day=40, days=4)


@dataclass(frozen=True)
class SeededRun:
    """A finished run on a shop of its own. Tests must not change it."""

    shop: SimulatedShop
    runner: SyncRunner
    report: Report

    def reasons(self, ids: list[str]) -> list[tuple[Reason | None, str]]:
        rows = {
            row.key: (row.reason, row.detail)
            for row in self.runner.state.records.outcomes(self.report.pipeline)
        }
        return [rows[id_] for id_ in ids]


@contextmanager
def seeded_run(folder: Path, pipeline: PipelineName, plan: RunPlan, *emptied: str) -> Iterator[SeededRun]:
    """Run a pipeline once. `emptied` are tables of Connectif without rows."""
    with simulated_shop(SIZES) as shop:
        shop.connectif.knobs.rate_limit = 0
        for table in emptied:
            shop.connectif.database.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
        runner = SyncRunner(shop, folder)
        yield SeededRun(shop, runner, runner.sync(pipeline, plan, "run"))
        runner.close()


def odd(shop: SimulatedShop, kind: str, label: str) -> list[str]:
    """The ids of the seeded records with this oddity."""
    ids: list[str] = shop.on_vtex("GET", "oddities")[kind][label]["ids"]
    assert ids
    return ids
