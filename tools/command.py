"""How the commands of the Makefile start and end: a problem is a sentence, not a traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable

from include.errors import SyncError
from include.settings import load_settings
from tools.airflow_rest import RestError
from tools.processes import ProcessFailed, stopping_on_signals

FAILED, STOPPED = 1, 130


def run_command(main: Callable[[], int]) -> int:
    """Check the settings, run `main` and return the exit code.

    A wrong setting, a failed process or an unreachable Airflow is printed to stderr (1). Ctrl-C and the end
    of the terminal stop the command (130); it prints "Stopping…" at once.
    """
    try:
        with stopping_on_signals():
            load_settings()
            return main()
    except (KeyboardInterrupt, EOFError):
        print("Stopped. All processes have ended.", file=sys.stderr)
        return STOPPED
    except (SyncError, ProcessFailed, RestError) as problem:
        print(problem, file=sys.stderr)
        return FAILED
