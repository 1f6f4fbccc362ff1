"""The row that every harness of `make torture` yields: a trial and its result."""

from __future__ import annotations

from typing import NamedTuple


class Tried(NamedTuple):
    """`problem` is empty if the sync held. `group` is the row of the table, `case` the trial in it."""

    kind: str
    """hostile answers, damaged files, kills, faults, fuzzed requests, canaries"""
    group: str
    case: str
    problem: str = ""
    peak_mb: float = 0.0
    seconds: float = 0.0
