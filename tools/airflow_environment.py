"""Runs a command with the connections, the state store and the settings of an Airflow.

It uses the Airflow that the environment names (AIRFLOW_HOME or its database), else that of `make airflow`,
else only AIRFLOW_CONN_… variables. A connection in the environment always counts.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from tools.airflow_local import HOME
from tools.local_stack import ENVIRONMENT, ROOT

_NAMES_AN_AIRFLOW = ("AIRFLOW_HOME", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN")
_ERRORS_ONLY = {"AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"}
"""The command prints its answer on the terminal, so a log must not repeat it."""
_READS_CONNECTIONS_OF_THE_DATABASE = {"_AIRFLOW_PROCESS_CONTEXT": "server"}
"""How the Task SDK of Airflow 3.3.2 knows that it is not a task (`ensure_secrets_backend_loaded`)."""


def environment(given: Mapping[str, str], local: Path = HOME / ENVIRONMENT) -> dict[str, str]:
    """The environment for a command, from the caller's environment."""
    ours = {"PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "plugins"))), **_ERRORS_ONLY}
    if any(name in given for name in _NAMES_AN_AIRFLOW):
        return {**given, **ours, **_READS_CONNECTIONS_OF_THE_DATABASE}
    if local.exists():
        return {**json.loads(local.read_text()), **given, **ours, **_READS_CONNECTIONS_OF_THE_DATABASE}
    # Airflow writes its configuration to its home. The default home would be in the user's home folder.
    return {**given, **ours, "AIRFLOW_HOME": str(local.parent.parent / "none")}


def main(arguments: list[str]) -> NoReturn:
    """Become `<module> [arguments]` in that environment: signals and the exit code are the command's."""
    os.chdir(ROOT)
    os.execve(sys.executable, (sys.executable, "-m", *arguments), environment(os.environ))  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
