"""Whole pipelines on the simulated shop: counts, repeated runs and dry runs."""

from __future__ import annotations

from include.outcomes import Outcome, PipelineName
from include.plan import RunPlan
from tests.builders import SimulatedShop, SyncRunner
from tests.contract.each_pipeline import EACH_PIPELINE


@EACH_PIPELINE
def test_pipeline__counts_add_up_and_records_are_sent(
    pipeline: PipelineName, plan: RunPlan, runner: SyncRunner
) -> None:
    report = runner.sync(pipeline, plan, "once")
    assert report.missing == 0
    assert report.counts.read > 0
    assert report.counts.outcomes[Outcome.SENT] > 0
    assert report.counts.written > 0


@EACH_PIPELINE
def test_pipeline__a_second_run_leaves_the_target_unchanged(
    pipeline: PipelineName, plan: RunPlan, runner: SyncRunner, shop: SimulatedShop
) -> None:
    runner.sync(pipeline, plan, "first")
    before = shop.target()
    runner.sync(pipeline, plan, "second")
    assert shop.target() == before


@EACH_PIPELINE
def test_dry_run__writes_nothing(
    pipeline: PipelineName, plan: RunPlan, runner: SyncRunner, shop: SimulatedShop
) -> None:
    before = shop.target()
    report = runner.sync(pipeline, plan, "dry", dry_run=True)
    assert report.missing == 0
    assert report.counts.outcomes[Outcome.SENT] > 0
    assert report.counts.written == 0
    assert shop.writes() == {}
    assert shop.target() == before
    assert not runner.state.progress.is_activated(pipeline)
    assert runner.state.progress.covered(pipeline) == []
