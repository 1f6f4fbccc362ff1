"""`make doctor`: prints the lines of `check_setup`. The exit code is 1 if one is an error.

With several shops it checks all of them, or the one of `SHOP=…`.
"""

from __future__ import annotations

import sys
from collections import Counter

from include.doctor import Level
from plugins.tasks.check_setup import check_lines, summary_of
from tools.command import run_command
from tools.shop_choice import chosen_keys


def main() -> int:
    """Print each line when it is known, then the counts."""
    counts: Counter[Level] = Counter()
    keys = chosen_keys()
    for key in keys:
        if len(keys) > 1:
            print(f"\n--- shop {key}", flush=True)
        for line in check_lines(key):
            counts[line.level] += 1
            print(line, flush=True)
    print(f"\n{summary_of(counts)}")
    return 1 if counts[Level.ERROR] else 0


if __name__ == "__main__":
    sys.exit(run_command(main))
