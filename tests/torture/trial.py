"""The result of one trial of `make torture`, which every harness yields."""

from __future__ import annotations

from typing import NamedTuple


class Trial(NamedTuple):
    """A trial. `problem` is empty if it passed. `group` is a row of the printed table, `case` a column."""

    kind: str
    """hostile answers, damaged files, kills, faults, fuzzed requests, canaries"""
    group: str
    case: str
    problem: str = ""
    peak_mb: float = 0.0
    seconds: float = 0.0
