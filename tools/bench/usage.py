"""What this process has used so far."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

_MEGABYTE = 1_000_000


def peak_megabytes() -> float:
    """The largest resident set of this process so far.

    On Linux `ru_maxrss` would also count the process that started this one: a new program inherits it (seen
    2026-11-29: 295 MB at the start of a process that needs 236). `VmHWM` starts anew with each program.
    """
    if sys.platform == "darwin":
        return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MEGABYTE, 1)
    status = Path("/proc/self/status").read_text().splitlines()
    (peak,) = (line.split()[1] for line in status if line.startswith("VmHWM:"))
    return round(int(peak) * 1024 / _MEGABYTE, 1)


def processor_seconds() -> float:
    """Processor time of this process and all its threads, in user and in system mode."""
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return round(spent.ru_utime + spent.ru_stime, 2)
