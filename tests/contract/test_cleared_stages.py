"""A cleared stage repeats its work if its staged files exist; otherwise it fails with advice."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from include.errors import StagingError, TemporaryError, UnsafeChange
from include.outcomes import Outcome, PipelineName
from include.pipeline.finish import finish
from include.pipeline.run import require_complete, run_stage
from include.pipelines import DAILY_PIPELINES
from include.plan import RunPlan
from include.purchases.reconcile import repair as repair_purchases
from include.run_name import RunIdentity
from include.staging import Staging
from include.state import StoredFailure
from include.task_failure import task_failure
from tests.builders import EVERYTHING, NOON, SimulatedShop, SyncRunner, window_ending
from tests.contract.each_pipeline import EACH_PIPELINE
from tests.orders import purchases

SOURCE_OF = {"transform": "extract", "load": "transform"}


def folder_of(runner: SyncRunner, stage: str) -> Path:
    return runner.folder / "run" / stage


@EACH_PIPELINE
@pytest.mark.parametrize("stage", SOURCE_OF)
@pytest.mark.parametrize("left", ["nothing", "an empty folder", "half of a stage"])
def test_cleared_stage__without_staged_files_fails_with_advice(
    pipeline: PipelineName, plan: RunPlan, stage: str, left: str, runner: SyncRunner
) -> None:
    shop = runner.shop
    runner.sync(pipeline, plan, "run")
    before, source = shop.target(), folder_of(runner, SOURCE_OF[stage])
    if left == "half of a stage":
        Staging(source).begin()
    else:
        shutil.rmtree(source)
        if left == "an empty folder":
            source.mkdir()
    cleared = runner.run(pipeline, plan, "run-cleared")
    calls = runner.connectif.transport.counter.calls
    with pytest.raises(StagingError) as caught:
        run_stage(cleared, stage, getattr(DAILY_PIPELINES[pipeline].code(), stage), source=Staging(source))
    assert str(source) in str(caught.value)
    assert "Clear the whole run" in str(caught.value)
    assert "removed 7 days after the start of their run (run.staging_retention_days)" in str(caught.value)
    assert runner.connectif.transport.counter.calls == calls
    assert shop.target() == before


@EACH_PIPELINE
def test_cleared_stage__with_staged_files_repeats_its_work(
    pipeline: PipelineName, plan: RunPlan, runner: SyncRunner, shop: SimulatedShop
) -> None:
    runner.sync(pipeline, plan, "run")
    cleared, source = runner.run(pipeline, plan, "run-cleared"), Staging(folder_of(runner, "transform"))
    calls = runner.connectif.transport.counter.calls
    run_stage(cleared, "load", DAILY_PIPELINES[pipeline].code().load, source=source)
    assert runner.connectif.transport.counter.calls > calls


@EACH_PIPELINE
def test_cleared_report__without_the_folders_of_its_stages_names_them(
    pipeline: PipelineName, plan: RunPlan, runner: SyncRunner
) -> None:
    runner.sync(pipeline, plan, "run")
    shutil.rmtree(folder_of(runner, "load"))
    with pytest.raises(StagingError, match=r"load is gone.*Clear the whole run"):
        require_complete(runner.settings, [folder_of(runner, stage) for stage in ("extract", "load")])


def test_report__distinguishes_an_unfinished_stage_from_a_damaged_file(runner: SyncRunner) -> None:
    run = runner.run(PipelineName.CONTACTS, EVERYTHING, "run")
    run_stage(run, "extract", DAILY_PIPELINES[PipelineName.CONTACTS].code().extract)
    folders = {name: run.staging.within(name) for name in ("extract", "transform", "load")}
    identity = RunIdentity("sync_contacts", "run", 0, NOON)
    with pytest.raises(UnsafeChange, match="the run ended in transform: the task recorded no error"):
        finish(run, identity, folders)
    failure = task_failure(
        *("sync_contacts", "run", "transform"),
        map_index=-1, try_number=3, error=TemporaryError("no space left"), failed_at=NOON,
    )  # fmt: skip
    runner.state.task_failures.save(StoredFailure("sync_contacts", "run", NOON, failure))
    with pytest.raises(UnsafeChange, match="the run ended in transform, try 3: no space left"):
        finish(run, identity, folders)
    (stored,) = runner.state.reports.latest(PipelineName.CONTACTS)
    assert stored.report.failure == failure
    assert failure.log == "dags/sync_contacts/runs/run/tasks/transform?try_number=3"
    (folder_of(runner, "extract") / "counts.json").unlink()
    with pytest.raises(StagingError, match=r"counts\.json of .*extract is gone"):
        finish(run, identity, folders)


def test_repair__without_the_transformed_purchases_fails_and_sends_nothing(runner: SyncRunner) -> None:
    run = runner.run(PipelineName.PURCHASES, window_ending(), "look", backfill=True)
    compared = run_stage(run, "compare_purchases", DAILY_PIPELINES[PipelineName.PURCHASES].code().compare)
    shutil.rmtree(Path(str(compared)) / "transform")
    with pytest.raises(StagingError, match="transform is gone"):
        run_stage(run, "repair", repair_purchases, source=compared)


# --- the results of a run belong to that run


def test_purchases__of_a_recreated_run_are_posted_again(runner: SyncRunner, shop: SimulatedShop) -> None:
    """The run keys differ in the start of the run (`plugins.runs.run_key`); the ids are the same."""
    plan = window_ending()
    first = runner.sync(PipelineName.PURCHASES, plan, "sync_purchases/manual__1/0-20261128T030000-1a2b3c4d")
    assert first.counts.written > 0
    stored = runner.state.purchases.of_run(first_key(runner)).values()
    sent = {row.purchase_id for row in stored if row.outcome is Outcome.SENT}
    for purchase_id in sent:
        shop.on_connectif("DELETE", f"purchases/{purchase_id}")
    again = runner.sync(PipelineName.PURCHASES, plan, "sync_purchases/manual__1/0-20261128T040000-5e6f7a8b")
    assert again.counts.calls["vtex"].made > 0
    assert again.counts.written == first.counts.written
    assert sent <= purchases(shop).keys()


def first_key(runner: SyncRunner) -> str:
    return runner.state.reports.latest(PipelineName.PURCHASES, limit=1)[0].run_key


# --- the catalogue that outlives runs


def damaged_catalogue(runner: SyncRunner) -> Path:
    (file,) = (runner.folder / "kept").glob("sent-*.parquet")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    return file


def test_damaged_catalogue__blanks_no_price_and_withdraws_nothing(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "day 1")
    before, file = shop.target(), damaged_catalogue(runner)
    with pytest.raises(UnsafeChange, match=f"{file.name} of .* is damaged.*allow_mass_change"):
        runner.sync(PipelineName.PRODUCTS, EVERYTHING, "day 2")
    assert shop.target() == before


def test_damaged_catalogue__is_replaced_by_a_run_with_allow_mass_change(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "day 1")
    damaged_catalogue(runner)
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "day 2", allow_mass_change=True)
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "day 3")


@pytest.mark.parametrize("manifest", ["as it was", "written by this version"])
def test_catalogue__of_an_earlier_version_is_read(
    manifest: str, runner: SyncRunner, shop: SimulatedShop
) -> None:
    """It has another name and no manifest."""
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "day 1")
    (file,) = (runner.folder / "kept").glob("sent-*.parquet")
    earlier: Any = file.rename(file.with_name("catalogue-day-1.parquet"))
    runner.state.catalogue.replace(earlier.name, len(shop.target()["products"]), "day-1")
    (runner.folder / "kept" / "manifest.json").unlink()
    if manifest == "written by this version":
        runner.run(PipelineName.PRODUCTS, EVERYTHING, "x").kept.write_bytes("sent-broken-off.parquet", b"")
    report = runner.sync(PipelineName.PRODUCTS, EVERYTHING, "day 2")
    assert report.counts.written > 0
    assert {path.name for path in (runner.folder / "kept").iterdir()} == {
        "manifest.json", "sent-day-2.parquet",
    }  # fmt: skip
