"""What this process has used so far."""

from __future__ import annotations

import resource
import sys

_MEGABYTE = 1_000_000


def peak_megabytes() -> float:
    """The largest resident set of this process so far (Linux counts it in KiB, macOS in bytes)."""
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / _MEGABYTE, 1)


def processor_seconds() -> float:
    """Processor time of this process and all its threads, in user and in system mode."""
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return round(spent.ru_utime + spent.ru_stime, 2)
