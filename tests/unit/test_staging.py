"""Staged files: complete or absent, and private."""

from __future__ import annotations

import stat
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from include.manifest import MANIFEST
from include.staging import Staging


@pytest.fixture
def staging(tmp_path: Path) -> Staging:
    return Staging(tmp_path / "dag" / "run" / "0")


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_staging__is_empty_before_the_first_write(staging: Staging) -> None:
    assert staging.names() == []
    assert not staging.has("a.json")


def test_staging__json_and_bytes_are_read_as_written(staging: Staging) -> None:
    staging.write_json("a.json", {"id": "é", 1: [None, 1.5]})
    assert staging.read_json("a.json") == {"id": "é", "1": [None, 1.5]}
    staging.write_bytes("b", b"\x00")
    assert staging.read_bytes("b") == b"\x00"


def test_staging__frames_are_read_with_absent_values(staging: Staging) -> None:
    frame = pd.DataFrame({"a": ["x", None], "n": [1, 2]}).astype({"a": "str"})
    staging.write_frame("f.parquet", frame)
    pd.testing.assert_frame_equal(staging.read_frame("f.parquet"), frame)
    assert list(staging.read_frame("f.parquet", ["n"]).columns) == ["n"]


def test_staging__tables_of_columns(staging: Staging) -> None:
    staging.write_table("t.parquet", pa.table({"a": [1, 2], "b": ["x", "y"]}))
    assert staging.read_table("t.parquet", ["b"]).to_pydict() == {"b": ["x", "y"]}


def test_staging__an_error_while_writing_leaves_no_file(staging: Staging) -> None:
    with pytest.raises(RuntimeError), staging.writing("a.csv") as file:  # noqa: PT012 - the block is under test
        file.write(b"half")
        raise RuntimeError
    assert not staging.has("a.csv")
    assert staging.names() == []


def test_staging__an_error_while_overwriting_leaves_the_old_file(staging: Staging) -> None:
    staging.write_bytes("a.csv", b"whole")
    with pytest.raises(RuntimeError), staging.writing("a.csv") as file:  # noqa: PT012
        file.write(b"half")
        raise RuntimeError
    assert staging.read_bytes("a.csv") == b"whole"


def test_staging__a_file_is_absent_before_it_is_finished(staging: Staging) -> None:
    with staging.writing("a.csv") as file:
        file.write(b"half")
        assert not staging.has("a.csv")
        assert staging.names() == []
    assert staging.names() == ["a.csv"]


def test_staging__a_file_named_zst_is_compressed(staging: Staging) -> None:
    with staging.writing("a.csv.zst") as file:
        for _ in range(1_000):
            file.write(b"a@example.com,Ana\n")
    written = Path(str(staging), "a.csv.zst").read_bytes()
    assert len(written) < 200
    assert staging.read_bytes("a.csv.zst") == b"a@example.com,Ana\n" * 1_000
    with staging.reading("a.csv.zst") as file:
        assert (file.read(4), file.read(5)) == (b"a@ex", b"ample")


def test_staging__an_error_while_compressing_leaves_no_file(staging: Staging) -> None:
    with pytest.raises(RuntimeError), staging.writing("a.zst") as file:  # noqa: PT012
        file.write(b"half")
        raise RuntimeError
    assert list(Path(str(staging)).iterdir()) == []


def test_staging__names_are_sorted_and_filtered_by_prefix(staging: Staging) -> None:
    for name in ("part-2", "part-10", "other", "part-1"):
        staging.write_bytes(name, b"")
    assert staging.names("part-") == ["part-1", "part-10", "part-2"]


def test_staging__files_and_folders_are_private(staging: Staging, tmp_path: Path) -> None:
    staging.within("extract").write_bytes("a", b"")
    folder = tmp_path / "dag" / "run" / "0" / "extract"
    assert permissions(folder) == 0o700
    assert permissions(folder / "a") == 0o600


def test_staging__an_unfinished_file_is_private_from_its_first_byte(staging: Staging) -> None:
    with staging.writing("a"):
        (unfinished,) = Path(str(staging)).iterdir()
        assert permissions(unfinished) & 0o077 == 0 or permissions(unfinished.parent) & 0o077 == 0


def test_staging__a_file_of_a_killed_process_is_absent_and_written_again(staging: Staging) -> None:
    staging.write_bytes("part-1", b"whole")
    for left in ("part-1", "part-2"):
        Path(str(staging), f"{left}.0a1b2c3d.unfinished").write_bytes(b"half of a longer one")
    assert staging.names() == ["part-1"]
    assert staging.read_bytes("part-1") == b"whole"
    assert not staging.has("part-2")
    staging.write_bytes("part-2", b"whole")
    assert staging.read_bytes("part-2") == b"whole"
    assert staging.names() == ["part-1", "part-2"]


def test_staging__tasks_can_write_the_same_name_at_once(staging: Staging) -> None:
    with staging.writing("born.json") as first:
        with staging.writing("born.json") as second:
            second.write(b"the second, and longer")
        assert staging.read_bytes("born.json") == b"the second, and longer"
        first.write(b"the first")
    assert staging.read_bytes("born.json") == b"the first"
    assert {path.name for path in Path(str(staging)).iterdir()} == {"born.json", MANIFEST}


def test_staging__remove_others_removes_the_prefix_and_unfinished_files(
    staging: Staging,
) -> None:
    for name in ("a-1", "a-2", "a-2.01.unfinished", "a-3", "b-1", "b-2.01.unfinished"):
        staging.write_bytes("seed", b"")
        Path(str(staging), name).touch()
    staging.remove_others("a-", than="a-3")
    assert sorted(path.name for path in Path(str(staging)).iterdir()) == [
        "a-3", "b-1", "b-2.01.unfinished", MANIFEST, "seed",
    ]  # fmt: skip


def test_frames__of_a_file_without_rows_are_one_empty_frame(staging: Staging) -> None:
    assert staging.write_frames("rows", [pd.DataFrame({"id": ["1"], "name": ["a"]}).head(0)]) == 0
    (frame,) = staging.frames("rows", ["name"])
    assert list(frame.columns) == ["name"]
    assert frame.empty
