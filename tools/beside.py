"""Commands beside an Airflow: with its connections, its store and its settings.

Whose Airflow: the one that the environment names (AIRFLOW_HOME or its database), else that of `make airflow`,
else none, with nothing but AIRFLOW_CONN_… variables. A connection that the environment gives always counts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tools.airflow_local import HOME
from tools.local_stack import ENVIRONMENT, ROOT

_AN_AIRFLOW = ("AIRFLOW_HOME", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN")
_QUIET = {"AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"}
"""The answer is on the terminal; nothing of it belongs in a log."""
_READS_CONNECTIONS_OF_THE_DATABASE = {"_AIRFLOW_PROCESS_CONTEXT": "server"}
"""How the Task SDK of Airflow 3.3.2 knows that it is not a task (`ensure_secrets_backend_loaded`)."""


def environment(given: Mapping[str, str], local: Path = HOME / ENVIRONMENT) -> dict[str, str]:
    """The environment for a command, out of the caller's."""
    ours = {"PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "plugins"))), **_QUIET}
    if any(name in given for name in _AN_AIRFLOW):
        return {**given, **ours, **_READS_CONNECTIONS_OF_THE_DATABASE}
    if local.exists():
        return {**json.loads(local.read_text()), **given, **ours, **_READS_CONNECTIONS_OF_THE_DATABASE}
    # Airflow writes its configuration to its home, which would be a folder in the user's own
    return {**given, **ours, "AIRFLOW_HOME": str(local.parent.parent / "none")}


def main(arguments: list[str]) -> int:
    """`tools.beside <module> [arguments]`: run it so; returns its exit code."""
    command = (sys.executable, "-m", *arguments)
    return subprocess.run(command, env=environment(os.environ), cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
