"""The plan that the first task of a run stages: later tasks use this plan, or report that it is lost."""

from __future__ import annotations

from pathlib import Path
from socket import gethostname

import pytest

from include.errors import StagingError, StagingFolderGone
from include.plan import RunPlan
from include.settings import load_settings
from include.staging import Staging
from plugins.runs.sync_run import _staged_plan
from tests.torture.damaged_files import DAMAGES

PLAN = RunPlan("full", None, (), "everything")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Staging(tmp_path / "run").write_json("plan.json", PLAN.to_json())
    return tmp_path / "run"


def test_plan__is_the_plan_of_the_first_task(folder: Path) -> None:
    assert _staged_plan(Staging(folder), load_settings()) == PLAN


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["plan.json", "manifest.json"])
def test_plan__lost_plan_is_not_made_again(name: str, damage: str, folder: Path) -> None:
    DAMAGES[damage](folder / name)
    with pytest.raises(StagingError, match=f"{name} of .*Clear the whole run"):
        _staged_plan(Staging(folder), load_settings())
    assert damage == "gone" or (folder / name).exists()


def test_plan__is_lost_with_the_folder_of_its_run(tmp_path: Path) -> None:
    """Or this worker does not reach it: the message names the setting, the path and the worker."""
    with pytest.raises(StagingFolderGone, match=r"run is gone\. .*run\.staging_retention_days") as caught:
        _staged_plan(Staging(tmp_path / "run"), load_settings())
    assert str(tmp_path / "run") in str(caught.value)
    assert f"the worker on {gethostname()} does not reach it, and SYNC_RUN__STAGING_PATH" in str(caught.value)
    assert not (tmp_path / "run").exists()
