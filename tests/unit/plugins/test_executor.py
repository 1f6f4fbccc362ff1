"""A state store or staged files on one machine's disk, and all ways to configure the executor."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from airflow.executors.local_executor import LocalExecutor

from include.errors import ConfigurationError
from plugins import executor
from plugins.executor import require_one_machine

HERE = f"{__name__}.SubclassExecutor"


class SubclassExecutor(LocalExecutor):
    """A custom executor on this machine."""


class RemoteExecutor:
    """A custom executor without `is_local`."""


CELERY = "airflow.providers.celery.executors.celery_executor.CeleryExecutor"
LOCAL = "airflow.executors.local_executor.LocalExecutor"


@pytest.fixture(autouse=True)
def _no_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AIRFLOW_IS_K8S_EXECUTOR_POD", "AIRFLOW_IS_EXECUTOR_CONTAINER", "AIRFLOW__CORE__MULTI_TEAM"):
        monkeypatch.delenv(name, raising=False)


def allowed(monkeypatch: pytest.MonkeyPatch, configured: str, task: str | None = None) -> bool:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", configured)
    if task is not None:
        context = {"task": SimpleNamespace(executor=task)}
        monkeypatch.setattr(executor, "get_current_context", lambda: context)
    try:
        require_one_machine("the state store", "use another")
    except ConfigurationError:
        return False
    return True


@pytest.mark.parametrize(
    ("configured", "local"),
    [
        ("LocalExecutor", True),
        (LOCAL, True),
        (f"mine:{LOCAL}", True),
        ("mine:LocalExecutor", True),
        (HERE, True),
        (" LocalExecutor , CeleryExecutor", True),  # the first one runs tasks that name no executor
        ("=LocalExecutor", True),
        ("LocalExecutor;red=CeleryExecutor", True),  # without multi_team Airflow ignores the team
        ("CeleryExecutor", False),
        ("KubernetesExecutor", False),
        (CELERY, False),
        (f"mine:{CELERY}", False),
        ("LocalExecutor:airflow.providers.edge3.executors.EdgeExecutor", False),
        ("my.module.LocalExecutor", False),
        (f"{__name__}.RemoteExecutor", False),
        ("CeleryExecutor,LocalExecutor", False),
        ("LocalKubernetesExecutor", False),
    ],
)
def test_default_executor__is_used_without_an_executor_of_the_task(
    monkeypatch: pytest.MonkeyPatch, configured: str, local: bool
) -> None:
    assert allowed(monkeypatch, configured) is local


@pytest.mark.parametrize(
    ("configured", "task", "local"),
    [
        ("LocalExecutor,CeleryExecutor", "CeleryExecutor", False),
        ("LocalExecutor,CeleryExecutor", CELERY, False),
        ("CeleryExecutor,LocalExecutor", "LocalExecutor", True),
        (f"CeleryExecutor,mine:{LOCAL}", "mine", True),
        (f"LocalExecutor,far:{CELERY}", "far", False),
        (f"LocalExecutor,far:{CELERY}", "CeleryExecutor", False),
        ("LocalExecutor", "KubernetesExecutor", False),
        ("LocalExecutor", "", True),
    ],
)
def test_executor_of_a_task__overrides_the_default(
    monkeypatch: pytest.MonkeyPatch, configured: str, task: str, local: bool
) -> None:
    assert allowed(monkeypatch, configured, task) is local


def test_teams__all_count_because_a_task_does_not_know_its_team(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__MULTI_TEAM", "True")
    assert allowed(monkeypatch, "LocalExecutor;red=LocalExecutor")
    assert not allowed(monkeypatch, "LocalExecutor;red=CeleryExecutor")
    assert not allowed(monkeypatch, "LocalExecutor;red=LocalExecutor,CeleryExecutor", "CeleryExecutor")


@pytest.mark.parametrize("variable", ["AIRFLOW_IS_K8S_EXECUTOR_POD", "AIRFLOW_IS_EXECUTOR_CONTAINER"])
def test_container_of_one_task__is_always_remote(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "True")
    assert not allowed(monkeypatch, "LocalExecutor")
    assert not allowed(monkeypatch, "LocalExecutor", "LocalExecutor")


def test_message__names_the_executor_and_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", CELERY)
    with pytest.raises(
        ConfigurationError, match=f"The executor is {CELERY}, but the state store .*: use another"
    ):
        require_one_machine("the state store", "use another")
