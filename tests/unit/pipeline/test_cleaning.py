"""Retention removes the old staged files of a shop and of abandoned shops, and no other files."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from include.errors import TemporaryError
from include.pipeline.staging_retention import remove_old
from include.run_name import attempt_name
from include.settings import load_settings
from include.state import Shop, StateStore

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
WEEK = timedelta(days=7)
FOLDERS = ("shop-0123abcd", "abandoned-ffffffff")


class FakeStore:
    """A state store that records the calls to remove rows, or is unreachable."""

    def __init__(self, *, is_away: bool = False) -> None:
        self.is_away, self.asked = is_away, dict[str, timedelta]()
        self.erasure = self.retention = self

    def last_erasure(self) -> None:
        return None

    def shops(self) -> list[Shop]:
        if self.is_away:
            raise TemporaryError("sync_state: out of reach")
        return [Shop("", "", "", "", name="shop", folder=folder) for folder in FOLDERS]

    def remove_outcomes(self, before: datetime) -> int:
        return self._remove("outcomes", before)

    def remove_reports(self, before: datetime) -> int:
        return self._remove("reports", before)

    def _remove(self, what: str, before: datetime) -> int:
        if self.is_away:
            raise TemporaryError("sync_state: out of reach")
        self.asked[what] = NOW - before
        return 1


def staged(base: Path, path: str, started: datetime | None = NOW) -> Path:
    """Make a folder `…/<clear number>` with a file, as a run with this start leaves it."""
    folder = base / path
    if started:
        folder = folder.parent / attempt_name(int(folder.name), started)
    folder.mkdir(parents=True)
    (folder / "part-1.parquet").touch()
    return folder


def clean(base: Path, state: FakeStore | None = None) -> FakeStore:
    state = state or FakeStore()
    remove_old(cast("StateStore", state), base, load_settings(), NOW)
    return state


def test_retention__removes_old_runs_of_the_shop_and_of_abandoned_ones(tmp_path: Path) -> None:
    old = [
        staged(tmp_path, "shop-0123abcd/sync_contacts/run-1/0", NOW - WEEK),
        staged(tmp_path, "shop-0123abcd/reconcile/run-1/2", NOW - 2 * WEEK),
        staged(tmp_path, "abandoned-ffffffff/sync_products/run-1/0", NOW - 50 * WEEK),
    ]
    young = staged(tmp_path, "shop-0123abcd/reconcile/run-1/3", NOW - WEEK + timedelta(minutes=1))
    clean(tmp_path)
    assert [folder.exists() for folder in old] == [False] * 3
    assert [folder.parent.exists() for folder in old] == [False, True, False]
    assert (young / "part-1.parquet").exists()


def test_retention__leaves_kept_new_and_unknown_folders(tmp_path: Path) -> None:
    others = [
        staged(tmp_path, "shop-0123abcd/kept/catalogue/0", NOW - 50 * WEEK),
        staged(tmp_path, "shop-0123abcd/sync_contacts/run-1/0", None),
        staged(tmp_path, "other/application/files/0", NOW - 50 * WEEK),
        staged(tmp_path, "another-shop/sync_contacts/run-1/0", NOW - 50 * WEEK),
    ]
    (tmp_path / "a-file").touch()
    clean(tmp_path)
    assert all((folder / "part-1.parquet").exists() for folder in others)


@pytest.mark.parametrize(
    ("content", "removed"),
    [
        (b'{"at":"2026-11-01T00:00:00+00:00"}', True),
        (b'{"at":"2026-11-22T00:00:00+00:00"}', False),
        (b"", False),
        (b"\0" * 34, False),
        (b'{"at":', False),
        (b'["at"]', False),
        (b'{"at":12}', False),
    ],
)
def test_retention__reads_the_start_of_runs_of_earlier_versions_from_a_file(
    tmp_path: Path, content: bytes, removed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    earlier = staged(tmp_path, "shop-0123abcd/sync_contacts/run-1/0", None)
    (earlier / "born.json").write_bytes(content)
    old = staged(tmp_path, "shop-0123abcd/sync_contacts/run-2/0", NOW - WEEK)
    clean(tmp_path)
    assert (earlier.exists(), old.exists()) == (not removed, False)
    assert "could not be removed" not in caplog.text


def test_retention__passes_the_ages_of_the_settings_to_the_state_store(tmp_path: Path) -> None:
    asked = clean(tmp_path / "nothing staged yet").asked
    assert asked == {"outcomes": timedelta(days=90), "reports": timedelta(days=400)}


def test_retention__logs_errors_and_fails_no_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clean(tmp_path, FakeStore(is_away=True))
    assert "sync_state: out of reach" in caplog.text
    assert "the next run tries again" in caplog.text


def test_retention__logs_the_removed_numbers(tmp_path: Path, caplog: Any) -> None:
    caplog.set_level(logging.INFO)
    staged(tmp_path, "shop-0123abcd/sync_contacts/run-1/0", NOW - WEEK)
    clean(tmp_path)
    assert "retention: removed 1 staged runs, 1 outcomes, 1 reports" in caplog.text
