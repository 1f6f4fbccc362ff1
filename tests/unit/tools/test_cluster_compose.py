"""How the cluster reads the compose file, and where it puts hosts and paths of the containers."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tools.cluster.check import chosen_trials, table
from tools.cluster.compose import (
    ComposeError,
    environment_of,
    interpolate,
    read_compose,
    read_env_file,
    seconds,
)
from tools.cluster.image import pip_arguments
from tools.cluster.places import Places
from tools.cluster.topology import order
from tools.cluster.trials import SHORT, TRIALS, Row
from tools.processes import ProcessFailed

ROOT = Path(__file__).resolve().parents[3]
PLACES = Places(Path("/home/x/.airflow/cluster"), {5432: 1, 6379: 2, 8080: 3, 8974: 4, 8101: 5, 8102: 6})
SERVICES = read_compose(read_env_file(ROOT / ".env.example"))
STARTED = {name: one for name, one in SERVICES.items() if one.profiles <= {"sandbox"}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${A}", "one"),
        ("${B:-two}", "two"),
        ("${A:-two}", "one"),
        ("${EMPTY:-two}", "two"),
        ("${B}", ""),
        ("$$HOME and $${A}", "$HOME and ${A}"),
        ("x${A}y${B:-}", "xoney"),
    ],
)
def test_interpolation__is_that_of_compose(text: str, expected: str) -> None:
    assert interpolate(text, {"A": "one", "EMPTY": ""}) == expected


def test_interpolation__of_a_required_variable_that_is_missing_is_an_error() -> None:
    with pytest.raises(ComposeError, match="A is missing \\(see the docs\\)"):
        interpolate("${A:?see the docs}", {})


def test_environment__overrides_the_env_file() -> None:
    fields = {"env_file": [{"path": ".env", "required": False}], "environment": {"A": "explicit"}}
    assert environment_of(fields, {"A": "file", "B": "file"}) == {"A": "explicit", "B": "file"}
    with pytest.raises(ComposeError, match="env_file"):
        environment_of({"env_file": ["other.env"]}, {})


@pytest.mark.parametrize(("text", "expected"), [("5m", 300), ("1m30s", 90), ("500ms", 0.5), ("0s", 0)])
def test_durations__are_those_of_compose(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["5", "m", "1x", "5 m", "1m-30s"])
def test_durations__of_another_form_are_an_error(text: str) -> None:
    with pytest.raises(ComposeError, match="not a duration"):
        seconds(text)


def test_services__are_read_with_all_that_a_container_gets() -> None:
    worker = SERVICES["worker"]
    assert worker.command[:2] == ("celery", "worker")
    assert worker.needs == {"init": "service_completed_successfully", "api-server": "service_healthy"}
    assert worker.health is not None
    assert worker.health.command[:2] == ("/bin/sh", "-c")
    assert worker.stop_seconds == 300
    assert "connections.json" in worker.secrets
    assert worker.volumes["/opt/airflow/staging"] == "staging"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://api-server:8080/execution/", "http://127.0.0.1:3/execution/"),
        ("redis://:pw@redis:6379/0", "redis://:pw@127.0.0.1:2/0"),
        ("postgresql://a:pw@postgres:5432/airflow", "postgresql://a:pw@127.0.0.1:1/airflow"),
        ('{"host": "postgres", "port": 5432}', '{"host": "127.0.0.1", "port": 1}'),
        ("http://sandbox:8102", "http://127.0.0.1:6"),
        ("http://localhost:8974/health", "http://127.0.0.1:4/health"),
        ("file:///opt/airflow/staging", "file:///home/x/.airflow/cluster/volumes/staging"),
        (
            "/opt/airflow:/opt/airflow/plugins",
            "/home/x/.airflow/cluster/image:/home/x/.airflow/cluster/image/plugins",
        ),
        ("cat /run/secrets/broker", "cat /home/x/.airflow/cluster/secrets/broker"),
        ("find /tmp/alive", "find /home/x/.airflow/cluster/tmp/worker-1/alive"),
        ("/work/tmp/x /opt/airflow-other /database", "/work/tmp/x /opt/airflow-other /database"),
    ],
)
def test_places__of_the_containers_are_replaced(text: str, expected: str) -> None:
    assert PLACES.translate(text, "worker-1") == expected


def test_places__in_a_home_that_looks_like_a_container_are_replaced_once() -> None:
    places = replace(PLACES, home=Path("/opt/airflow/home"))
    assert places.translate("/run/secrets/x /tmp/y", "redis") == (
        "/opt/airflow/home/secrets/x /opt/airflow/home/tmp/redis/y"
    )


def test_places__cover_all_hosts_and_folders_of_the_file() -> None:
    """No service that the cluster starts keeps the name of a container or a path of one."""
    for service in STARTED.values():
        health = service.health.command if service.health else ()
        texts = [*service.command, *health, *service.environment.values()]
        for text in texts:
            here = PLACES.translate(text, service.name)
            assert not re.search(r"\b(postgres|redis|api-server|sandbox|localhost):\d{4}", here), service.name
            assert "/opt/airflow" not in here
            assert "/run/secrets" not in here


def test_order__starts_a_service_after_those_that_it_needs() -> None:
    waves = order(STARTED)
    number = {name: index for index, wave in enumerate(waves) for name in wave}
    assert set(number) == set(STARTED)
    for name, service in STARTED.items():
        assert all(number[needed] < number[name] for needed in service.needs)


def test_order__of_services_that_wait_for_each_other_is_an_error() -> None:
    redis = SERVICES["redis"]
    circle = {
        "a": replace(redis, name="a", needs={"b": "service_healthy"}),
        "b": replace(redis, name="b", needs={"a": "service_healthy"}),
    }
    with pytest.raises(ComposeError, match="wait for each other"):
        order(circle)
    with pytest.raises(ComposeError, match="waits for c"):
        order({"a": replace(redis, needs={"c": "service_healthy"})})
    with pytest.raises(ComposeError, match="never happens"):
        order({"a": replace(redis, needs={"b": "service_completed_successfully"}), "b": redis})


def test_packages__are_installed_with_the_options_of_the_dockerfile() -> None:
    arguments = pip_arguments()
    assert {"--require-hashes", "--no-deps"} <= set(arguments)
    assert arguments[-2:] == ["--requirement", str(ROOT / "requirements-image.txt")]


def test_trials__are_chosen_by_name() -> None:
    assert chosen_trials([]) == tuple(TRIALS)
    assert chosen_trials(["short"]) == SHORT
    assert chosen_trials(["redis"]) == ("redis",)
    assert set(SHORT) <= set(TRIALS)
    with pytest.raises(ProcessFailed, match="unknown trials: fire"):
        chosen_trials(["fire"])


def test_table__has_aligned_columns() -> None:
    lines = table([Row("a", "≤ 60 s", "7.0 s", ok=True), Row("longer", "0", "3", ok=False)]).splitlines()
    assert lines == [
        "what    wanted  seen   ",
        "a       ≤ 60 s  7.0 s  ok",
        "longer  0       3      NOT OK",
    ]
