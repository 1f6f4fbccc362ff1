"""The name of a run is unique and readable."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.errors import TemporaryError
from include.run_name import attempt_name, attempt_of, ids_of, readable, run_key_of, started_at
from plugins.runs.run_key import run_folder, run_key

NIGHT = datetime(2026, 11, 28, 3, 0, 0, 123_456, tzinfo=UTC)


class FakeRun:
    """The attributes of Airflow's run that its name depends on."""

    def __init__(self, **changes: Any) -> None:
        self.dag_id, self.run_id, self.clear_number = "sync_contacts", "manual__1", 0
        self.run_type, self.run_after, self.start_date = "manual", NIGHT, NIGHT
        self.data_interval_start = self.data_interval_end = None
        self.__dict__.update(changes)


MODE: dict[str, Any] = {"mode": "auto", "dry_run": False}


def test_name__is_readable_and_has_the_start_of_the_run() -> None:
    name = attempt_name(2, NIGHT, "what was asked")
    assert name.startswith("2-20261128T030000-")
    assert len(name) == len("2-20261128T030000-") + 8
    assert started_at(name) == NIGHT.replace(microsecond=0)
    key = run_key_of("sync_contacts", "manual__1", name)
    assert key == f"sync_contacts/manual__1/{name}"
    assert attempt_of(key) == name
    assert readable(key) == "sync_contacts/manual__1/2"


@pytest.mark.parametrize("key", ["sync_contacts/manual__1/0", "sync_contacts/manual__2026-11-28/13", "run"])
def test_name__of_an_earlier_version_is_kept(key: str) -> None:
    assert readable(key) == key
    assert started_at(attempt_of(key)) is None


def test_run__with_any_difference_has_another_name() -> None:
    runs = [
        (FakeRun(), MODE),
        (FakeRun(), MODE | {"mode": "full"}),
        (FakeRun(), MODE | {"dry_run": True}),
        (FakeRun(clear_number=1), MODE),
        (FakeRun(start_date=NIGHT + timedelta(microseconds=1)), MODE),
        (FakeRun(run_after=NIGHT + timedelta(microseconds=1)), MODE),
        (FakeRun(run_type="backfill"), MODE),
        (FakeRun(run_id="manual:1"), MODE),
        (FakeRun(run_id="manual-1"), MODE),
        (FakeRun(dag_id="sync_products"), MODE),
        (FakeRun(data_interval_start=NIGHT, data_interval_end=NIGHT), MODE),
    ]
    keys = [run_key(run, params) for run, params in runs]  # type: ignore[arg-type]
    folders = [run_folder(_Path(), run, params).text for run, params in runs]  # type: ignore[arg-type]
    for names in (keys, folders):
        assert [pair for pair in combinations(names, 2) if pair[0] == pair[1]] == []


class _Path:
    def __init__(self, text: str = "") -> None:
        self.text = text

    def __truediv__(self, name: str) -> _Path:
        return _Path(f"{self.text}/{name}")


@given(st.datetimes(timezones=st.timezones()))
def test_run__has_the_same_name_in_every_time_zone(at: datetime) -> None:
    here = at.astimezone(UTC)
    runs = [FakeRun(start_date=time, run_after=time) for time in (at, here)]
    assert run_key(runs[0], MODE) == run_key(runs[1], dict(reversed(MODE.items())))  # type: ignore[arg-type]


def test_run__without_a_start_is_a_temporary_error() -> None:
    with pytest.raises(TemporaryError, match="has no start date yet"):
        run_key(FakeRun(start_date=None))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("key", "ids"),
    [
        ("sync_contacts/manual__1/0-20261123T120000-0123abcd", ("sync_contacts", "manual__1")),
        ("sync_contacts/a/b/0", ("sync_contacts", "a/b")),
        ("sync_contacts/manual__1", ("sync_contacts", "manual__1")),
        ("sync_contacts/manual__1/0-20261123T120000-0123abcd/newsletter", ("sync_contacts", "manual__1")),
        ("explain", ("", "")),
    ],
)
def test_ids__are_those_of_airflow(key: str, ids: tuple[str, str]) -> None:
    assert ids_of(key) == ids
