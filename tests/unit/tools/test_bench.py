"""The bench merges the costs of several clients, and reads the sandbox's journal."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from tools.bench.measure import merge_costs
from tools.bench.minutes import share_used
from tools.sandbox_shop import ROOT


def journal(*calls: tuple[float, str, int]) -> list[dict[str, Any]]:
    """Calls by (seconds, route, status)."""
    return [
        {"time": datetime.fromtimestamp(at, UTC).isoformat(), "route": route, "status": status}
        for at, route, status in calls
    ]


def posts(second: int, number: int) -> list[tuple[float, str, int]]:
    return [(second + place / 100, "create purchase", 200) for place in range(number)]


def share(*calls: tuple[float, str, int]) -> float | None:
    return share_used(journal(*calls), minute_seconds=10, calls_a_minute=8)


def test_share__is_of_whole_minutes_only() -> None:
    assert share(*posts(9, 1), *posts(10, 8), *posts(20, 4), *posts(30, 1)) == pytest.approx(0.75)


def test_share__a_minute_without_calls_counts() -> None:
    assert share(*posts(0, 8), *posts(10, 8), *posts(30, 8)) == pytest.approx(0.5)


def test_share__other_calls_count_while_there_are_posts_and_refused_ones_never() -> None:
    other = [(11.0, "patch contact", 200), (12.0, "create purchase", 429), (40.0, "get import", 200)]
    assert share(*posts(0, 1), *posts(10, 3), *posts(20, 1), *other) == pytest.approx(0.5)


def test_share__of_less_than_three_minutes_is_none() -> None:
    assert share(*posts(0, 8), *posts(10, 8)) is None
    assert share() is None


def cost(stage_started_at: float, seconds: float, calls: int) -> dict[str, Any]:
    stage = {
        "name": "load", "stage_started_at": stage_started_at, "seconds": seconds, "processor_seconds": 1.0,
        "peak_megabytes": 200.0 + calls, "calls": {"vtex": {}, "connectif": {"post purchase": calls}},
        "bucket_calls": calls,
    }  # fmt: skip
    throttled = {"vtex": 0, "connectif": calls}
    return {"read": calls, "written": calls, "summary": "a line", "throttled": throttled, "stages": [stage]}


def test_merged_costs__a_stage_lasts_from_the_first_start_to_the_last_end() -> None:
    found = merge_costs([cost(100, 5, 3), cost(102, 8, 4)])
    (stage,) = found["stages"]
    assert (stage["seconds"], stage["processor_seconds"], stage["peak_megabytes"]) == (10, 2, 204)
    assert stage["calls"] == {"vtex": {}, "connectif": {"post purchase": 7}}
    assert stage["bucket_calls"] == 7
    assert (found["read"], found["written"]) == (7, 7)
    assert found["throttled"] == {"vtex": 0, "connectif": 7}


def test_peak__of_a_process_does_not_count_the_process_that_started_it() -> None:
    with_much = "import subprocess, sys; much = b'x' * 300_000_000; subprocess.run(sys.argv[1:], check=True)"
    peak = "from tools.bench.usage import peak_megabytes; print(peak_megabytes())"
    python = (sys.executable, "-c")
    printed = subprocess.run(
        (*python, with_much, *python, peak), cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert 5 < float(printed) < 100
