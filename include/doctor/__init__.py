"""Checks connections, permissions, settings and clocks, and changes nothing: one line per check.

`run_checks` yields the lines. A write permission is checked only if the vendor certainly rejects the test
call; see `permissions`.
"""

from include.doctor.all_checks import run_checks
from include.doctor.check import CheckContext, Level, Line

__all__ = ["CheckContext", "Level", "Line", "run_checks"]
