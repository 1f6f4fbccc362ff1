"""`make erase`: remove a person here and keep them out of every later write; `UNDO=1` is the way back.

The address is asked for, or read from a pipe: then it stands neither in the shell's history nor in the list
of processes. The variable `EMAIL` is for whoever runs it where nobody else looks.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime

from include.erasure import BY_HAND, check_address, erase, restore
from include.errors import SyncError
from include.settings import load_settings
from plugins.runs.open_run import staging_base
from plugins.web.explain_context import open_explain_context

USAGE = """\
usage: make erase                 the e-mail address is asked for (or: make erase < file)
       make erase EMAIL=…         it stands in the shell's history and the list of processes
       make erase UNDO=1          the person is a customer again, and wants to be"""


def main() -> int:
    """0 when it is done, 1 when something is not set up or reachable, 2 for a wrong call."""
    undo = os.environ.get("UNDO", "") not in {"", "0"}
    email = os.environ.pop("EMAIL", "").strip() or _asked_for(undo=undo)
    if not email:
        print(USAGE, file=sys.stderr)
        return 2
    try:
        address = check_address(email)
        with open_explain_context() as context:
            if undo:
                lines = restore(context.state, address)
            else:
                base = staging_base(load_settings())
                lines = erase(context.state, context.vtex, base, address, datetime.now(UTC))
            for line in lines:
                print(line, flush=True)
    except SyncError as problem:
        print(f"erase: {problem}", file=sys.stderr)
        return 1
    if not undo:
        print(f"\n{BY_HAND}")
    return 0


def _asked_for(*, undo: bool) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    return input(f"e-mail address to {'let in again' if undo else 'erase'}: ").strip()


if __name__ == "__main__":
    sys.exit(main())
