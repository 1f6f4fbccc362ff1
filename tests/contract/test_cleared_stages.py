"""A stage that is cleared alone: with its staged files it does its work again, without them it says so."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from include.errors import StagingError, UnsafeChange
from include.outcomes import Area, Outcome
from include.plan import RunPlan
from include.staging import Staging
from include.sync.finish import RunIdentity, finish
from include.sync.run import require_complete, run_stage
from tests.builders import COMPARISONS, EVERYTHING, FLOWS, NOON, Office, World, window_ending
from tests.orders import purchases

DAILY: list[tuple[Area, RunPlan]] = [
    (Area.CONTACTS, EVERYTHING),
    (Area.PRODUCTS, EVERYTHING),
    (Area.PURCHASES, window_ending()),
]
AREAS = pytest.mark.parametrize(("area", "plan"), DAILY, ids=[area.value for area, _ in DAILY])
SOURCE_OF = {"transform": "extract", "load": "transform"}


def folder_of(office: Office, stage: str) -> Path:
    return office.folder / "run" / stage


@AREAS
@pytest.mark.parametrize("stage", SOURCE_OF)
@pytest.mark.parametrize("left", ["nothing", "an empty folder", "half of a stage"])
def test_cleared_stage__without_its_staged_files_fails_and_says_what_to_do(
    area: Area, plan: RunPlan, stage: str, left: str, office: Office
) -> None:
    world = office.world
    office.sync(area, plan, "run")
    before, source = world.target(), folder_of(office, SOURCE_OF[stage])
    if left == "half of a stage":
        Staging(source).begin()
    else:
        shutil.rmtree(source)
        if left == "an empty folder":
            source.mkdir()
    cleared = office.run(area, plan, "run-cleared")
    calls = office.connectif.transport.counter.calls
    with pytest.raises(StagingError) as caught:
        run_stage(cleared, stage, getattr(FLOWS[area], stage), source=Staging(source))
    assert str(source) in str(caught.value)
    assert "Clear the whole run" in str(caught.value)
    assert "removed 7 days after their run began (run.staging_retention_days)" in str(caught.value)
    assert office.connectif.transport.counter.calls == calls
    assert world.target() == before


@AREAS
def test_cleared_stage__with_its_staged_files_does_its_work_again(
    area: Area, plan: RunPlan, office: Office, world: World
) -> None:
    office.sync(area, plan, "run")
    cleared, source = office.run(area, plan, "run-cleared"), Staging(folder_of(office, "transform"))
    calls = office.connectif.transport.counter.calls
    run_stage(cleared, "load", FLOWS[area].load, source=source)
    assert office.connectif.transport.counter.calls > calls


@AREAS
def test_cleared_report__without_the_folders_of_its_stages_fails_by_name(
    area: Area, plan: RunPlan, office: Office
) -> None:
    office.sync(area, plan, "run")
    shutil.rmtree(folder_of(office, "load"))
    with pytest.raises(StagingError, match=r"load is gone.*Clear the whole run"):
        require_complete(office.settings, [folder_of(office, stage) for stage in ("extract", "load")])


def test_report__tells_a_stage_that_did_not_end_from_one_that_left_a_damaged_file(office: Office) -> None:
    run = office.run(Area.CONTACTS, EVERYTHING, "run")
    run_stage(run, "extract", FLOWS[Area.CONTACTS].extract)
    folders = {name: run.staging.within(name) for name in ("extract", "transform", "load")}
    identity = RunIdentity("sync_contacts", "run", 0, NOON)
    with pytest.raises(UnsafeChange, match="the run ended in transform"):
        finish(run, identity, folders)
    (folder_of(office, "extract") / "counts.json").unlink()
    with pytest.raises(StagingError, match=r"counts\.json of .*extract is gone"):
        finish(run, identity, folders)


def test_repair__without_what_the_comparison_read_in_full_sends_nothing_and_fails(office: Office) -> None:
    run = office.run(Area.PURCHASES, window_ending(), "look", backfill=True)
    compared = run_stage(run, "compare_purchases", COMPARISONS[Area.PURCHASES].compare)
    shutil.rmtree(Path(str(compared)) / "transform")
    with pytest.raises(StagingError, match="transform is gone"):
        run_stage(run, "repair", COMPARISONS[Area.PURCHASES].repair, source=compared)


# --- the answers of a run belong to that run


def test_purchases__of_a_run_made_again_under_the_same_ids_are_offered_again(
    office: Office, world: World
) -> None:
    """The key differs in what Airflow has only for that run (`plugins.run_key`); the ids are the same."""
    plan = window_ending()
    first = office.sync(Area.PURCHASES, plan, "sync_purchases/manual__1/0-20261128T030000-1a2b3c4d")
    assert first.counts.written > 0
    stored = office.store.purchases_of(first_key(office)).values()
    sent = {row.purchase_id for row in stored if row.outcome is Outcome.SENT}
    for purchase_id in sent:
        world.on_connectif("DELETE", f"purchases/{purchase_id}")
    again = office.sync(Area.PURCHASES, plan, "sync_purchases/manual__1/0-20261128T040000-5e6f7a8b")
    assert again.counts.calls["vtex"].made > 0
    assert again.counts.written == first.counts.written
    assert sent <= purchases(world).keys()


def first_key(office: Office) -> str:
    return office.store.reports(Area.PURCHASES, limit=1)[0].run_key


# --- the catalogue that is read across runs


def damaged_catalogue(office: Office) -> Path:
    (file,) = (office.folder / "kept").glob("sent-*.parquet")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    return file


def test_catalogue__that_is_damaged_blanks_no_price_and_withdraws_nothing(
    office: Office, world: World
) -> None:
    office.sync(Area.PRODUCTS, EVERYTHING, "day 1")
    before, file = world.target(), damaged_catalogue(office)
    with pytest.raises(UnsafeChange, match=f"{file.name} of .* is damaged.*allow_mass_change"):
        office.sync(Area.PRODUCTS, EVERYTHING, "day 2")
    assert world.target() == before


def test_catalogue__that_is_damaged_is_replaced_by_a_run_that_may_go_on_without(
    office: Office, world: World
) -> None:
    office.sync(Area.PRODUCTS, EVERYTHING, "day 1")
    damaged_catalogue(office)
    office.sync(Area.PRODUCTS, EVERYTHING, "day 2", allow_mass_change=True)
    office.sync(Area.PRODUCTS, EVERYTHING, "day 3")


@pytest.mark.parametrize("manifest", ["as it was", "written by this version"])
def test_catalogue__of_an_earlier_version_is_still_known(manifest: str, office: Office, world: World) -> None:
    """It has another name, and no manifest beside it."""
    office.sync(Area.PRODUCTS, EVERYTHING, "day 1")
    (file,) = (office.folder / "kept").glob("sent-*.parquet")
    earlier: Any = file.rename(file.with_name("catalogue-day-1.parquet"))
    office.store.replace_catalogue(earlier.name, len(world.target()["products"]), "day-1")
    (office.folder / "kept" / "manifest.json").unlink()
    if manifest == "written by this version":
        office.run(Area.PRODUCTS, EVERYTHING, "x").kept.write_bytes("sent-broken-off.parquet", b"")
    report = office.sync(Area.PRODUCTS, EVERYTHING, "day 2")
    assert report.counts.written > 0
    assert {path.name for path in (office.folder / "kept").iterdir()} == {
        "manifest.json", "sent-day-2.parquet",
    }  # fmt: skip
