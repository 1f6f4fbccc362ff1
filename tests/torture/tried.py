"""One thing that `make torture` tried, and what became of it: the row that every harness yields."""

from __future__ import annotations

from typing import NamedTuple


class Tried(NamedTuple):
    """`problem` is empty where it held; `group` is the row of the printed table, `case` the example in it."""

    kind: str
    """hostile answers, damaged files, kills, faults, fuzzed requests, canaries"""
    group: str
    case: str
    problem: str = ""
    peak_mb: float = 0.0
    seconds: float = 0.0
