"""Looks a set-up over without changing anything: a line for each thing, ok or not, and what to do.

`examine` gives the lines. Which write rights a key has is seen only as far as a call can tell that its vendor
is sure to refuse; see `rights`.
"""

from include.doctor.examination import examine
from include.doctor.lines import Level, Line, Practice

__all__ = ["Level", "Line", "Practice", "examine"]
