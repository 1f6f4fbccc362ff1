"""Looks a set-up over without changing anything: a line for each thing, ok or not, and what to do.

`run_checks` gives the lines. Which write rights a key has is seen only as far as a call can tell that its vendor
is sure to refuse; see `rights`.
"""

from include.doctor.all_checks import run_checks
from include.doctor.check import CheckContext, Level, Line

__all__ = ["CheckContext", "Level", "Line", "run_checks"]
