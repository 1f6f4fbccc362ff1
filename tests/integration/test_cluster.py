"""The short form of `make cluster-test`: docker-compose.yaml as processes, and what a killed worker loses."""

from __future__ import annotations

import os
import sys

import pytest

from tools.cluster.check import run_trials, table
from tools.cluster.topology import HOME, require_programs
from tools.cluster.trials import SHORT
from tools.processes import ProcessFailed, only_one


@pytest.mark.timeout(2400)
def test_cluster__loses_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Other tests share the machine, so times are printed and not compared with their goals."""
    if not os.environ.get("CLUSTER_TEST"):
        pytest.skip("set CLUSTER_TEST=1 to run it: it takes ten minutes of a machine without other work")
    try:
        require_programs()
    except ProcessFailed as missing:
        pytest.skip(str(missing))
    with only_one(HOME):
        rows, _ = run_trials(SHORT, HOME, print)
    with capsys.disabled():
        sys.stdout.write(f"\n{table(rows)}\n")
    assert len(rows) > 10
    assert [row for row in rows if not row.ok and not row.is_time] == []
