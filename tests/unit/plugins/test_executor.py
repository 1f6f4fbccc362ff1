"""A store or staged files on one machine's disk, and every way of saying where tasks run."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from airflow.executors.local_executor import LocalExecutor

from include.errors import ConfigurationError
from plugins import executor
from plugins.executor import require_one_machine

HERE = f"{__name__}.SubclassExecutor"


class SubclassExecutor(LocalExecutor):
    """Someone's own executor on this machine."""


class ElsewhereExecutor:
    """Someone's own executor that says nothing."""


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
        require_one_machine("the store", "use another")
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
        (" LocalExecutor , CeleryExecutor", True),  # tasks that say nothing run by the first one
        ("=LocalExecutor", True),
        ("LocalExecutor;red=CeleryExecutor", True),  # without multi_team Airflow ignores the team
        ("CeleryExecutor", False),
        ("KubernetesExecutor", False),
        (CELERY, False),
        (f"mine:{CELERY}", False),
        ("LocalExecutor:airflow.providers.edge3.executors.EdgeExecutor", False),
        ("my.module.LocalExecutor", False),
        (f"{__name__}.ElsewhereExecutor", False),
        ("CeleryExecutor,LocalExecutor", False),
        ("LocalKubernetesExecutor", False),
    ],
)
def test_default_executor__decides_where_no_task_says_another(
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
def test_executor_of_a_task__goes_before_the_default(
    monkeypatch: pytest.MonkeyPatch, configured: str, task: str, local: bool
) -> None:
    assert allowed(monkeypatch, configured, task) is local


def test_teams__count_all_because_a_task_does_not_know_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__MULTI_TEAM", "True")
    assert allowed(monkeypatch, "LocalExecutor;red=LocalExecutor")
    assert not allowed(monkeypatch, "LocalExecutor;red=CeleryExecutor")
    assert not allowed(monkeypatch, "LocalExecutor;red=LocalExecutor,CeleryExecutor", "CeleryExecutor")


@pytest.mark.parametrize("variable", ["AIRFLOW_IS_K8S_EXECUTOR_POD", "AIRFLOW_IS_EXECUTOR_CONTAINER"])
def test_container_of_one_task__is_not_this_machine_whatever_its_environment_says(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "True")
    assert not allowed(monkeypatch, "LocalExecutor")
    assert not allowed(monkeypatch, "LocalExecutor", "LocalExecutor")


def test_message__names_the_executor_and_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", CELERY)
    with pytest.raises(ConfigurationError, match=f"The executor is {CELERY}, and the store .*: use another"):
        require_one_machine("the store", "use another")
