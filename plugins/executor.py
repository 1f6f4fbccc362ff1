"""Whether tasks run on this machine: what lies on its disk is of no use to a worker elsewhere."""

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
"""Set by an executor in what it starts for one task. The chart's pods say LocalExecutor in their own
environment (its pod template file; the variables are read in Airflow 3.3.2; both looked up 2026-11-28).
"""


class _Executor(NamedTuple):
    alias: str
    path: str

    def is_called(self, name: str) -> bool:
        """An alias, a class path or a class name is what a task may say (`ExecutorLoader`, Airflow 3.3.2)."""
        return name in {self.alias, self.path, self.path.rpartition(".")[2]}

    @property
    def is_local(self) -> bool:
        """Airflow's own, or a class that says so. One that cannot be imported here is not this machine's."""
        if self.path in _LOCAL_PATHS:
            return True
        module, _, name = self.path.rpartition(".")
        try:
            return bool(module) and bool(getattr(import_module(module), name).is_local)
        except (ImportError, AttributeError):
            return False


def require_one_machine(what: str, instead: str) -> None:
    """ConfigurationError, before anything is read, when workers may be on other machines."""
    if elsewhere := _elsewhere():
        raise ConfigurationError(
            f"The executor is {', '.join(elsewhere)}, and {what} would lie on one worker's disk: {instead}"
        )


def _elsewhere() -> list[str]:
    """The executors that may run this task, or outside of tasks those without `executor=`, and are remote."""
    for variable, name in _CONTAINERS.items():
        if os.environ.get(variable):
            return [name]
    asked = _of_this_task()
    teams = _configured()
    if asked is None:
        candidates = [team[0] for team in teams]
    else:
        named = [one for team in teams for one in team if one.is_called(asked)]
        candidates = named or [_executor(asked)]
    return sorted({one.path for one in candidates if not one.is_local})


def _of_this_task() -> str | None:
    """The `executor` that its task gives to Airflow; None outside of tasks, too."""
    try:
        return getattr(get_current_context()["task"], "executor", None) or None
    except (RuntimeError, KeyError):
        return None


def _configured() -> list[list[_Executor]]:
    """`[core] executor` by team, the default of each first:
    `LocalExecutor,alias:my.module.MyExecutor;team1=CeleryExecutor` (`ExecutorLoader`, Airflow 3.3.2).

    Of which team a run is, is not known in its task.
    """
    teams = [team.strip() for team in str(conf.get("core", "executor")).split(";")]
    if not conf.getboolean("core", "multi_team", fallback=False):
        teams = [team for team in teams if "=" not in team.lstrip("=")]
    lists = [[name.strip() for name in team.rpartition("=")[2].split(",") if name.strip()] for team in teams]
    return [[_executor(name) for name in names] for names in lists if names]


def _executor(name: str) -> _Executor:
    alias, _, path = name.rpartition(":")
    return _Executor(alias or path, path)
