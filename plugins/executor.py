"""Finds out whether tasks run on this machine, because a remote worker cannot read its disk."""

from __future__ import annotations

import os
from importlib import import_module
from typing import NamedTuple

from airflow.sdk import get_current_context
from airflow.sdk.configuration import conf

from include.errors import ConfigurationError

LOCAL = "LocalExecutor"
_LOCAL_PATHS = {LOCAL, "airflow.executors.local_executor.LocalExecutor"}
_CONTAINERS = {
    "AIRFLOW_IS_K8S_EXECUTOR_POD": "KubernetesExecutor",
    "AIRFLOW_IS_EXECUTOR_CONTAINER": "one that starts a container for each task",
}
"""Variables that an executor sets in the container of one task. The pods of the Helm chart have LocalExecutor
in their environment (its pod template file; Airflow 3.3.2 reads the variables; both checked 2026-11-28).
"""


class _Executor(NamedTuple):
    alias: str
    path: str

    def is_called(self, name: str) -> bool:
        """Whether `name` is the alias, class path or class name, as in `ExecutorLoader` (Airflow 3.3.2)."""
        return name in {self.alias, self.path, self.path.rpartition(".")[2]}

    @property
    def is_local(self) -> bool:
        """Whether it is Airflow's LocalExecutor or a class with `is_local`; False if the import fails."""
        if self.path in _LOCAL_PATHS:
            return True
        module, _, name = self.path.rpartition(".")
        try:
            return bool(module) and bool(getattr(import_module(module), name).is_local)
        except (ImportError, AttributeError):
            return False


def require_one_machine(data: str, action: str) -> None:
    """Raise ConfigurationError, before anything is read, if workers may be on other machines.

    `data` is on the disk of this machine; `action` tells the operator what to do.
    """
    if remote := _remote_executors():
        raise ConfigurationError(
            f"The executor is {', '.join(remote)}, but {data} would be on the disk of one worker: {action}"
        )


def _remote_executors() -> list[str]:
    """The remote executors that may run this task; outside of tasks, those of tasks without `executor=`."""
    for variable, name in _CONTAINERS.items():
        if os.environ.get(variable):
            return [name]
    task_executor = _executor_of_task()
    teams = _configured_executors()
    if task_executor is None:
        candidates = [team[0] for team in teams]
    else:
        matches = [one for team in teams for one in team if one.is_called(task_executor)]
        candidates = matches or [_parse_executor(task_executor)]
    return sorted({one.path for one in candidates if not one.is_local})


def _executor_of_task() -> str | None:
    """The argument `executor` of the current task; None if it has none, and outside of tasks."""
    try:
        return getattr(get_current_context()["task"], "executor", None) or None
    except (RuntimeError, KeyError):
        return None


def _configured_executors() -> list[list[_Executor]]:
    """`[core] executor` by team, with the default of each team first:
    `LocalExecutor,alias:my.module.MyExecutor;team1=CeleryExecutor` (`ExecutorLoader`, Airflow 3.3.2).

    A task does not know the team of its run.
    """
    teams = [team.strip() for team in str(conf.get("core", "executor")).split(";")]
    if not conf.getboolean("core", "multi_team", fallback=False):
        teams = [team for team in teams if "=" not in team.lstrip("=")]
    lists = [[name.strip() for name in team.rpartition("=")[2].split(",") if name.strip()] for team in teams]
    return [[_parse_executor(name) for name in names] for names in lists if names]


def _parse_executor(name: str) -> _Executor:
    alias, _, path = name.rpartition(":")
    return _Executor(alias or path, path)
