"""Staged files are read as they were written, or raise an error."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from upath import UPath

from include.errors import StagingError
from include.manifest import MANIFEST, Manifest
from include.staging import Staging
from tests.torture.damaged_files import DAMAGES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run" / "extract"


@pytest.fixture
def complete_stage(folder: Path) -> Staging:
    """A complete stage with a file of each kind."""
    staging = Staging(folder)
    staging.begin()
    staging.write_json("ids.json", ["1", "2"])
    staging.write_frame("part-1.parquet", pd.DataFrame({"id": ["1", "2"]}))
    staging.write_frames("rows.parquet", [pd.DataFrame({"id": ["1"]}), pd.DataFrame({"id": ["2"]})])
    staging.write_bytes("contacts.csv.zst", b"_email\na@example.com\n")
    staging.complete()
    return staging


def test_check__of_a_complete_stage_passes_in_another_process(complete_stage: Staging, folder: Path) -> None:
    Staging(folder).require_complete()
    assert Staging(folder).read_bytes("contacts.csv.zst") == b"_email\na@example.com\n"


def test_manifest__has_rows_of_tables_and_bytes_on_disk(complete_stage: Staging, folder: Path) -> None:
    manifest = Manifest.from_bytes((folder / MANIFEST).read_bytes())
    assert manifest.complete
    assert {name: entry.rows for name, entry in manifest.files.items()} == {
        "ids.json": None, "part-1.parquet": 2, "rows.parquet": 2, "contacts.csv.zst": None,
    }  # fmt: skip
    assert all(entry.size == (folder / name).stat().st_size for name, entry in manifest.files.items())


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["ids.json", "part-1.parquet", "rows.parquet", "contacts.csv.zst", MANIFEST])
@pytest.mark.parametrize(
    "look",
    [Staging.require_complete, Staging.check, Staging.begin, lambda s: s.read_bytes("ids.json")],
    ids=["complete", "check", "begin", "read"],
)
def test_damage__is_named(
    name: str, damage: str, look: Callable[[Staging], Any], complete_stage: Staging, folder: Path
) -> None:
    DAMAGES[damage](folder / name)
    staging = Staging(folder)
    if look.__name__ == "<lambda>" and name not in {"ids.json", MANIFEST}:
        assert staging.read_json("ids.json") == ["1", "2"]
        with pytest.raises(StagingError, match=name):
            staging.read_bytes(name)
        return
    with pytest.raises(StagingError, match=name):
        look(staging)


def test_reading__checks_a_file_once_and_again_on_request(complete_stage: Staging, folder: Path) -> None:
    assert complete_stage.read_json("ids.json") == ["1", "2"]
    (folder / "ids.json").write_bytes(b'["1","3"]')
    assert complete_stage.read_json("ids.json") == ["1", "3"]
    with pytest.raises(StagingError, match=r"ids\.json of .* is damaged: its checksum does not match"):
        complete_stage.check_again("ids.json")


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage__after_the_check_is_named_if_the_file_cannot_be_read(
    damage: str, complete_stage: Staging, folder: Path
) -> None:
    complete_stage.check()
    DAMAGES[damage](folder / "part-1.parquet")
    if damage == "bit flip":
        (folder / "part-1.parquet").write_bytes(b"PAR1 and nothing else that fits PAR1")
    with pytest.raises(StagingError, match=r"part-1\.parquet"):
        complete_stage.read_frame("part-1.parquet")


def test_damage__names_the_number_of_bytes(complete_stage: Staging, folder: Path) -> None:
    (folder / "ids.json").write_bytes(b'["1"')
    with pytest.raises(StagingError, match=r"ids\.json of .* is damaged: 4 bytes instead of 9"):
        complete_stage.check_again("ids.json")


def test_complete__fails_for_a_missing_or_unfinished_folder(tmp_path: Path) -> None:
    staging = Staging(tmp_path / "extract")
    with pytest.raises(StagingError, match="extract is gone"):
        staging.require_complete()
    staging.begin()
    staging.write_json("ids.json", [])
    assert not staging.is_complete
    with pytest.raises(StagingError, match="not complete"):
        staging.require_complete()


def test_begin__makes_a_complete_stage_incomplete(complete_stage: Staging) -> None:
    complete_stage.begin()
    assert not complete_stage.is_complete


# --- what a killed process leaves


def test_kill__between_a_file_and_its_entry_means_it_is_written_again(
    complete_stage: Staging, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill_at_manifest(monkeypatch, number=1)
    with pytest.raises(KeyboardInterrupt):
        complete_stage.write_json("new.json", [1])
    monkeypatch.undo()
    again = Staging(folder)
    again.begin()
    assert (folder / "new.json").exists()
    assert not again.has("new.json")
    again.write_json("new.json", [2])
    assert Staging(folder).read_json("new.json") == [2]


@pytest.mark.parametrize("number", [1, 2])
def test_kill__while_a_file_is_replaced_leaves_the_old_one_the_new_one_or_none(
    number: int, complete_stage: Staging, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill_at_manifest(monkeypatch, number)
    with pytest.raises(KeyboardInterrupt):
        complete_stage.write_json("ids.json", ["3"])
    monkeypatch.undo()
    again = Staging(folder)
    again.begin()
    assert not again.has("ids.json") or again.read_json("ids.json") in (["1", "2"], ["3"])
    again.write_json("ids.json", ["4"])
    assert Staging(folder).read_json("ids.json") == ["4"]


def test_kill__before_the_first_entry_is_not_damage(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kill_at_manifest(monkeypatch, number=2)
    with pytest.raises(KeyboardInterrupt):
        Staging(folder).write_json("ids.json", ["1"])
    monkeypatch.undo()
    assert Staging(folder).names() == []


def kill_at_manifest(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Kill the process just before its write of the manifest with this number."""
    write, left = Staging._write_manifest, iter(range(number - 1))

    def killed(self: Staging, manifest: Manifest) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt
        write(self, manifest)

    monkeypatch.setattr(Staging, "_write_manifest", killed)


def test_threads__that_write_at_once_have_all_files_listed(folder: Path) -> None:
    staging = Staging(folder)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: staging.write_json(f"{number:03}.json", number), range(60)))
    assert Staging(folder).names() == [f"{number:03}.json" for number in range(60)]
    Staging(folder).check()


def test_threads__that_read_during_the_first_write_see_no_damage(tmp_path: Path) -> None:
    def write_and_read(number: int) -> None:
        folder = tmp_path / f"{number // 4}"
        if number % 4:
            Staging(folder).has("a.json")
        else:
            Staging(folder).write_json("a.json", number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write_and_read, range(400)))


# --- what earlier versions left, and other file systems


def test_unlisted__files_of_an_earlier_version_are_used_without_a_check(tmp_path: Path) -> None:
    (tmp_path / "catalogue-1.parquet").write_bytes(b"old")
    kept = Staging(tmp_path, unlisted="catalogue-")
    kept.check_again("catalogue-1.parquet")
    assert kept.read_bytes("catalogue-1.parquet") == b"old"
    kept.write_bytes("sent-2.parquet", b"new")
    assert kept.read_bytes("catalogue-1.parquet") == b"old"
    kept.remove_others("catalogue-", than="sent-2.parquet")
    assert not kept.has("catalogue-1.parquet")
    assert kept.read_bytes("sent-2.parquet") == b"new"
    with pytest.raises(StagingError, match=r"catalogue-1\.parquet of .* is gone"):
        kept.check_again("catalogue-1.parquet")


@pytest.mark.parametrize("damage", [name for name in DAMAGES if name != "gone"])
def test_unlisted__folder_with_a_damaged_manifest_can_be_written_to(tmp_path: Path, damage: str) -> None:
    kept = Staging(tmp_path, unlisted="catalogue-")
    kept.write_bytes("sent-1.parquet", b"first")
    DAMAGES[damage](tmp_path / MANIFEST)
    with pytest.raises(StagingError, match=MANIFEST):
        kept.check_again("sent-1.parquet")
    kept.write_bytes("sent-2.parquet", b"second")
    assert Staging(tmp_path).read_bytes("sent-2.parquet") == b"second"


@pytest.mark.parametrize("place", ["memory", "file"])
def test_object_storage__writes_checks_and_finds_damage(place: str, tmp_path: Path) -> None:
    folder = UPath(f"{place}://{tmp_path}/extract")
    staging = Staging(folder)
    staging.begin()
    staging.write_frame("part-1.parquet", pd.DataFrame({"id": ["1"]}))
    staging.write_bytes("a.csv.zst", b"a" * 1_000)
    staging.complete()
    Staging(folder).require_complete()
    assert list(Staging(folder).read_frame("part-1.parquet")["id"]) == ["1"]
    with (folder / "part-1.parquet").open("wb") as file:
        file.write(b"PAR1")
    with pytest.raises(StagingError, match=r"part-1\.parquet"):
        Staging(folder).require_complete()
    (folder / "part-1.parquet").unlink()
    with pytest.raises(StagingError, match=r"part-1\.parquet of .* is gone"):
        Staging(folder).require_complete()
