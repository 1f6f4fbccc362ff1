"""The doctor's lines about the staged files, for a folder; tests/contract/test_bucket.py has the buckets."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from include.doctor import Level
from include.doctor.staging import check_staging
from include.staging import Staging


def test_folder__that_works_is_ok_and_left_as_it_was(tmp_path: Path) -> None:
    Staging(tmp_path / "shop-0123abcd" / "kept").write_json("a.json", 1)
    before = sorted(tmp_path.rglob("*"))
    (line,) = check_staging(tmp_path)
    assert line.level is Level.OK
    assert line.found.startswith(f"write, replace, list, read and delete work in {tmp_path} (")
    assert "another worker" not in line.found
    assert sorted(tmp_path.rglob("*")) == before


def test_folder__that_does_not_exist_yet_is_not_left_behind(tmp_path: Path) -> None:
    (line,) = check_staging(tmp_path / "staging")
    assert line.level is Level.OK
    assert line.found.endswith("no file is there yet: another worker must find the same folder")
    assert not (tmp_path / "staging").exists()


def test_folder__below_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (line,) = check_staging(tmp_path / "file")
    assert line.level is Level.ERROR
    assert "is not usable as a folder" in line.found


@pytest.mark.parametrize(
    ("method", "code", "says"),
    [
        ("mkdir", errno.EROFS, "is read-only. Mount it writable"),
        ("open", errno.EACCES, "may not read or write"),
        ("rename", errno.EPERM, "may not read or write"),
        ("open", errno.ENOSPC, "no space is left"),
        ("iterdir", errno.EIO, "failed"),
    ],
)
def test_folder__in_which_something_fails_is_an_error(
    method: str, code: int, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: Any, **_options: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, method, fail)
    (line,) = check_staging(tmp_path)
    monkeypatch.undo()
    assert line.level is Level.ERROR
    assert says in line.found
    assert str(tmp_path) in line.found


def test_folder__whose_files_cannot_be_deleted_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: Any, **_options: Any) -> None:
        raise PermissionError(errno.EACCES, "x")

    monkeypatch.setattr("shutil.rmtree", fail)
    (line,) = check_staging(tmp_path)
    assert line.level is Level.ERROR
