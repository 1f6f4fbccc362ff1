"""Checks the values of the Helm chart against the names of the chart and against the project."""

from __future__ import annotations

import copy
import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.airflow_options import known_options, option_of
from tests.deploy.compose_file import SERVICES, environment_of, example
from tests.deploy.helm_files import (
    CELERY,
    GIT,
    HELM,
    KUBERNETES,
    NEWSLETTER,
    ROOT,
    SCHEMA,
    VALUE_FILES,
    read,
    variables,
)

DOCKERFILE = (ROOT / "Dockerfile").read_text()
DEPLOYMENT = (ROOT / "docs" / "deployment.md").read_text()
COMPOSE = environment_of(SERVICES["worker"], example())
DAY = 86400
ELSEWHERE = {
    "AIRFLOW__CORE__EXECUTOR": "the value executor",
    "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": "another host",
    "AIRFLOW__API__BASE_URL": "the host of the ingress",
    "AIRFLOW__CORE__FERNET_KEY_CMD": "fernetKeySecretName",
    "AIRFLOW__API__SECRET_KEY_CMD": "apiSecretKeySecretName",
    "AIRFLOW__API_AUTH__JWT_SECRET_CMD": "jwtSecretName",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD": "data.metadataSecretName",
    "AIRFLOW__CELERY__RESULT_BACKEND_CMD": "Airflow makes it of the database's URL",
    "AIRFLOW__CELERY__BROKER_URL_CMD": "data.brokerUrlSecretName",
    "AIRFLOW__SECRETS__BACKEND": "sync_state is a variable, from a secret",
    "AIRFLOW__SECRETS__BACKEND_KWARGS": "sync_state is a variable, from a secret",
}
"""Variables of the compose file whose content the chart has in another place."""
FROM_KUBERNETES_PROVIDER = {("kubernetes_executor", "worker_pods_creation_batch_size")}
"""Options of apache-airflow-providers-cncf-kubernetes (10.25.0), which is not installed here."""
COMPONENTS = {
    "api-server": CELERY["apiServer"],
    "scheduler": CELERY["scheduler"],
    "dag-processor": CELERY["dagProcessor"],
    "triggerer": CELERY["triggerer"],
    "worker": CELERY["workers"]["celery"],
    "worker-newsletter": NEWSLETTER,
}
"""The values of each service of the compose file."""


def validate(file: Path) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "check_jsonschema", "--schemafile", str(SCHEMA), str(file))
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", VALUE_FILES)
def test_values__have_names_and_types_of_the_chart(name: str) -> None:
    checked = validate(HELM / f"{name}.yaml")
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(
    "path",
    [
        ("executer",),
        ("data", "metadataSecret"),
        ("ingress", "apiserver"),
        ("scheduler", "livenessprobe"),
        ("scheduler", "livenessProbe", "commands"),
        ("workers", "celery", "argz"),
        ("workers", "celery", "sets", 0, "queues"),
        ("databaseCleanup", "cron"),
        ("migrateDatabaseJob", "arguments"),
    ],
    ids=lambda path: str(path[-1]),
)
def test_values__with_a_misspelled_name_are_refused(path: tuple[str | int, ...], tmp_path: Path) -> None:
    values = copy.deepcopy(CELERY)
    level: Any = values
    for key in path[:-1]:
        level = level[key]
    level[path[-1]] = "a value"
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(values))
    checked = validate(tmp_path / "values.yaml")
    assert checked.returncode == 1
    assert str(path[-1]) in checked.stdout


def test_versions__are_those_of_the_project() -> None:
    base = re.search(r"^ARG BASE_IMAGE=apache/airflow:([0-9.]+)", DOCKERFILE, re.MULTILINE)
    assert base is not None
    assert CELERY["airflowVersion"] == base[1]
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None
    assert CELERY["defaultAirflowTag"] == version[1]


@pytest.mark.parametrize("variable", [name for name in COMPOSE if name.startswith("AIRFLOW__")])
def test_airflow_options__are_those_of_the_compose_file(variable: str) -> None:
    section, option = option_of(variable)
    given = CELERY["config"].get(section, {}).get(option)
    if variable not in ELSEWHERE:
        assert given == COMPOSE[variable], f"[{section}] {option}"


def test_places__of_other_variables_are_up_to_date() -> None:
    assert set(ELSEWHERE) <= set(COMPOSE)
    options = {option_of(name) for name in COMPOSE if name.startswith("AIRFLOW__")}
    given = {(section, name) for section, names in CELERY["config"].items() for name in names}
    assert given <= options, "an option that the compose file does not have"


@pytest.mark.parametrize("values", [CELERY, KUBERNETES], ids=["celery", "kubernetes"])
def test_airflow_options__are_options_of_airflow(values: dict[str, Any]) -> None:
    given = {(section, name) for section, names in values["config"].items() for name in names}
    assert given - FROM_KUBERNETES_PROVIDER <= known_options()


@pytest.mark.parametrize("name", ["PYTHONPATH", "FORWARDED_ALLOW_IPS", *(n for n in COMPOSE if "SYNC_" in n)])
def test_variables__are_those_of_the_compose_file(name: str) -> None:
    expected = "false" if name == "SYNC_RUN__LIVE" else COMPOSE[name]  # no simulated shop in a cluster
    assert variables(CELERY)[name] == expected


def test_paths__are_those_of_the_image() -> None:
    home = re.search(r"^ARG PROJECT_HOME=(\S+)", DOCKERFILE, re.MULTILINE)
    search_path = re.search(r"^ENV PYTHONPATH=(\S+)", DOCKERFILE, re.MULTILINE)
    assert home is not None
    assert search_path is not None
    assert variables(CELERY)["PYTHONPATH"] == search_path[1].replace("${PROJECT_HOME}", home[1])
    (mount,) = CELERY["volumeMounts"]
    assert f"file://{mount['mountPath']}" == variables(CELERY)["SYNC_RUN__STAGING_PATH"]
    assert Path(mount["mountPath"]).parent == Path(home[1])
    cleanup = CELERY["databaseCleanup"]
    assert f"COPY --chown=${{RUN_AS}}:0 {Path(cleanup['args'][0]).relative_to(home[1])} " in DOCKERFILE
    assert set(variables(cleanup)) == set(re.findall(r"\$(\w+_(?:FOLDER|DAYS))", clean_script()))
    assert Path(variables(cleanup)["LOG_FOLDER"]).parent == Path(home[1])


def clean_script() -> str:
    return (ROOT / "deploy" / "clean.sh").read_text()


def test_staging__is_on_a_volume_that_several_nodes_can_write() -> None:
    claim = read("staging-claim")
    assert claim["metadata"]["name"] == CELERY["volumes"][0]["persistentVolumeClaim"]["claimName"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]


def test_executors__are_celery_and_kubernetes() -> None:
    assert (CELERY["executor"], KUBERNETES["executor"]) == ("CeleryExecutor", "KubernetesExecutor")
    assert (CELERY["allowPodLaunching"], KUBERNETES["allowPodLaunching"]) == (False, True)
    assert KUBERNETES["redis"]["enabled"] is False


@pytest.mark.parametrize("values", [CELERY, KUBERNETES], ids=["celery", "kubernetes"])
def test_queued_tasks__are_sent_again_for_a_day(values: dict[str, Any]) -> None:
    given = values["config"]["scheduler"]
    assert int(given["task_queued_timeout"]) * int(given["num_stuck_in_queued_retries"]) == DAY


def test_pods__have_minutes_to_start() -> None:
    """A node that a cluster adds takes minutes; a Celery worker waits already."""
    assert int(KUBERNETES["config"]["scheduler"]["task_queued_timeout"]) >= 600


def shell_commands() -> Iterator[list[str]]:
    """Each command of the shells that the values start, as arguments."""
    for part in (
        *COMPONENTS.values(),
        CELERY["migrateDatabaseJob"],
        CELERY["createUserJob"],
    ):
        if "args" in part:
            shell, _, script = part["args"]
            assert shell == "bash"
            yield from (shlex.split(one.removeprefix("exec ")) for one in script.split(" && "))


def test_airflow_commands__exist() -> None:
    from airflow.cli.cli_parser import get_parser  # noqa: PLC0415 - importing Airflow takes seconds

    found = [command[1:] for command in shell_commands() if command[0] == "airflow"]
    assert [command[0] for command in found] == ["api-server", "celery", "celery", "db"]
    for command in found:
        get_parser().parse_args(command)


def test_python_modules__exist() -> None:
    modules = [command[2] for command in shell_commands() if command[:2] == ["python", "-m"]]
    assert modules == ["plugins.state", "plugins.first_user"]
    assert all(importlib.util.find_spec(module) for module in modules)
    assert [command[0] for command in shell_commands() if command[0] not in {"airflow", "python"}] == []


def test_first_user__gets_the_password_of_the_secret() -> None:
    (command,) = [one for one in shell_commands() if "plugins.first_user" in one]
    folder = Path(command[command.index("--password-file") + 1]).parent
    job = CELERY["createUserJob"]
    assert [(mount["name"], Path(mount["mountPath"])) for mount in job["extraVolumeMounts"]] == [
        (volume["name"], folder) for volume in job["extraVolumes"]
    ]
    init = SERVICES["init"]["command"][-1]
    assert {one for one in command if one.startswith("--")} == set(re.findall(r"--\w[\w-]+", init))


def test_state_store__is_upgraded_before_the_tables_that_pods_wait_for() -> None:
    first, second = (one for one in shell_commands() if one[-1] in {"upgrade", "migrate"})
    assert first == ["python", "-m", "plugins.state", "upgrade"]
    assert second == ["airflow", "db", "migrate"]


@pytest.mark.parametrize("service", ["worker", "worker-newsletter"])
def test_newsletter__has_a_worker_of_its_own(service: str) -> None:
    values = COMPONENTS[service]
    command = SERVICES[service]["command"]
    assert values["args"][-1] == f"exec airflow {' '.join(command)}"
    assert values["queue"] == command[-1]


def test_newsletter__has_as_many_slots_as_in_the_compose_file() -> None:
    name = "AIRFLOW__CELERY__WORKER_CONCURRENCY"
    assert variables(NEWSLETTER) == {name: SERVICES["worker-newsletter"]["environment"][name]}
    assert variables(CELERY)["SYNC_NEWSLETTER__QUEUE"] == NEWSLETTER["queue"]


def test_probes__run_the_health_checks_of_the_compose_file() -> None:
    scheduler = SERVICES["scheduler"]["healthcheck"]["test"]
    for probe in ("livenessProbe", "startupProbe"):
        assert CELERY["scheduler"][probe]["command"] == scheduler[1:]
    worker = SERVICES["worker"]["healthcheck"]["test"]
    assert CELERY["workers"]["celery"]["livenessProbe"]["command"] == ["sh", "-c", worker[1]]


@pytest.mark.parametrize("component", ["dagProcessor", "triggerer"])
def test_probes__that_restart_ask_no_other_component(component: str) -> None:
    assert "command" not in CELERY[component]["livenessProbe"]


MEASURED = {
    name: int(megabytes)
    for name, megabytes in re.findall(r"^\| `([\w-]+)` \| (\d+) MB", DEPLOYMENT, re.MULTILINE)
}
"""The largest use seen, from the table of docs/deployment.md."""


@pytest.mark.parametrize("service", COMPONENTS)
def test_memory__is_requested_as_measured_and_limited_as_in_the_compose_file(service: str) -> None:
    resources = COMPONENTS[service]["resources"]
    assert mebibytes(resources["requests"]["memory"]) * 1.048576 >= MEASURED[service]
    limit = re.search(r"(\d+)g", SERVICES[service]["mem_limit"])
    assert limit is not None
    assert resources["limits"]["memory"] == f"{limit[1]}Gi"
    assert mebibytes(resources["requests"]["memory"]) <= mebibytes(resources["limits"]["memory"])


def mebibytes(text: str) -> int:
    return int(text[:-2]) * {"Mi": 1, "Gi": 1024}[text[-2:]]


def referenced_secrets() -> set[tuple[str, str]]:
    """Name and key of each secret; the keys of the chart's own references are in its `_helpers.yaml`."""
    data, redis = CELERY["data"], CELERY["redis"]
    return {
        (CELERY["fernetKeySecretName"], "fernet-key"),
        (CELERY["apiSecretKeySecretName"], "api-secret-key"),
        (CELERY["jwtSecretName"], "jwt-secret"),
        (data["metadataSecretName"], "connection"),
        (data["brokerUrlSecretName"], "connection"),
        (redis["passwordSecretName"], "password"),
        (CELERY["createUserJob"]["extraVolumes"][0]["secret"]["secretName"], "password"),
        *((one["secretName"], one["secretKey"]) for one in CELERY["secret"]),
    }


KUBECTL = """#!/bin/sh
# kubectl --namespace NAMESPACE get|create secret [generic] NAME [--from-file=KEY=PATH]…
echo "$@" >> "$KUBECTL_FOLDER/calls"
[ "$3" = create ] || exec test -d "$KUBECTL_FOLDER/$5"
name=$6
mkdir "$KUBECTL_FOLDER/$name"
shift 6
for option; do
  option=${option#--from-file=}
  cp "${option#*=}" "$KUBECTL_FOLDER/$name/${option%%=*}"
done
"""
"""Keeps the secrets as folders with a file for each key."""


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The secrets that deploy/helm/secrets.sh created, as folders."""
    (tmp_path / "kubectl").write_text(KUBECTL)
    (tmp_path / "kubectl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("KUBECTL_FOLDER", str(tmp_path / "cluster"))
    (tmp_path / "cluster").mkdir()
    create_secrets(tmp_path / "secrets")
    return tmp_path / "cluster"


def create_secrets(folder: Path) -> str:
    command = ("sh", HELM / "secrets.sh", "sync", "db.example.com", folder)
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_secrets__are_those_that_the_script_creates(cluster: Path) -> None:
    created = {(key.parent.name, key.name) for key in cluster.glob("*/*")}
    assert created == referenced_secrets()
    assert (cluster / "calls").read_text().splitlines()[0].startswith("--namespace sync get secret ")


def test_secrets__of_the_script_lead_to_the_database_and_the_broker(cluster: Path) -> None:
    state = json.loads((cluster / "sync-state" / "connection").read_text())
    database = (cluster / "sync-database" / "connection").read_text()
    assert (state["conn_type"], state["host"], state["schema"]) == (
        "postgres",
        "db.example.com",
        "sync_state",
    )
    assert state["extra"]["hash_key"]
    assert database == f"postgresql+psycopg2://airflow:{state['password']}@db.example.com:5432/airflow"
    password = (cluster / "sync-broker" / "password").read_text()
    assert (cluster / "sync-broker" / "connection").read_text() == f"redis://:{password}@airflow-redis:6379/0"


def test_secrets__that_exist_are_not_replaced(cluster: Path) -> None:
    before = {key: key.read_text() for key in cluster.glob("*/*")}
    printed = create_secrets(cluster.parent / "secrets of another day")
    assert printed.count("exists; nothing changed") == len({name for name, _ in referenced_secrets()})
    assert {key: key.read_text() for key in cluster.glob("*/*")} == before


@pytest.mark.parametrize("name", [*VALUE_FILES, "receiver-network-policy", "staging-claim"])
def test_secrets__are_in_no_file(name: str) -> None:
    """A name that says password, token or key has the name of a secret or of a key in it as value."""
    referenced = {text for pair in referenced_secrets() for text in pair} | {"sync-tls"}
    for key, value in leaves(read(name)):
        if re.search(r"password|secret|token|key$|pass$", key, re.IGNORECASE):
            assert value in referenced, key
        assert not re.search(r"://[^/\s]*:[^/\s]*@", str(value)), f"{key}: an address with a password"


def leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, key)
    else:
        yield key, value


def test_api_server__is_reached_by_the_ingress_controller_and_by_airflow_only() -> None:
    spec = read("receiver-network-policy")["spec"]
    assert spec["podSelector"] == {"matchLabels": {"tier": "airflow", "component": "api-server"}}
    assert spec["policyTypes"] == ["Ingress"]
    (rule,) = spec["ingress"]
    pods, namespace = rule["from"]
    assert pods == {"podSelector": {"matchLabels": {"tier": "airflow"}}}
    assert set(namespace) == {"namespaceSelector"}
    assert namespace["namespaceSelector"]["matchLabels"], "an empty selector is every namespace"
    published = SERVICES["api-server"]["ports"][0].rpartition(":")[2]
    assert rule["ports"] == [{"protocol": "TCP", "port": int(published)}]


def test_git_bundle__has_the_dag_files_of_the_image() -> None:
    (bundle,) = GIT["dagProcessor"]["dagBundleConfigList"]
    assert bundle["kwargs"]["tracking_ref"] == GIT["defaultAirflowTag"]
    assert (ROOT / bundle["kwargs"]["subdir"] / "sync_contacts.py").is_file()
    assert variables(GIT)["PYTHONPATH"], "include and plugins are those of the image"


def test_modules__that_the_workers_import_exist() -> None:
    config = json.loads(CELERY["config"]["celery"]["extra_celery_config"])
    assert config["imports"] == ["plugins.celery_liveness", "plugins.celery_warm_start"]
    assert all(importlib.util.find_spec(module) for module in config["imports"])
