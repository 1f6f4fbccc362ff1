"""Checks the compose file against its schema and against the project, without Docker."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import yaml

from include.settings import read_settings
from tests.deploy.compose_file import (
    AIRFLOW,
    COMPOSE,
    COMPOSE_FILE,
    ROOT,
    SERVICES,
    VARIABLE,
    environment_of,
    example,
    filled_in,
)


def test_compose__matches_the_compose_specification() -> None:
    command = (sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec")
    checked = subprocess.run((*command, str(COMPOSE_FILE)), capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_services__include_all_that_airflow_needs() -> None:
    assert set(AIRFLOW) == {
        "init",
        "api-server",
        "scheduler",
        "dag-processor",
        "triggerer",
        "worker",
        "sandbox-connections",
    }
    assert {"postgres", "redis", "sandbox"} <= set(SERVICES)


def test_variables__are_the_variables_of_the_example() -> None:
    used = {match[1] for match in VARIABLE.finditer(COMPOSE_FILE.read_text())}
    assert used == set(example())


def test_secrets__are_required_and_not_in_the_files() -> None:
    text = COMPOSE_FILE.read_text()
    example = (ROOT / ".env.example").read_text()
    for name in (
        "POSTGRES_PASSWORD",
        "REDIS_PASSWORD",
        "FERNET_KEY",
        "JWT_SECRET",
        "API_SECRET_KEY",
        "STORE_HASH_KEY",
        "ADMIN_PASSWORD",
    ):
        assert f"${{{name}:?" in text, f"docker compose must stop if {name} is missing"
        assert f"\n{name}=\n" in example


@pytest.mark.parametrize("name", [name for name in SERVICES if "profiles" not in SERVICES[name]])
def test_service__that_keeps_running_has_a_health_check_and_restarts(name: str) -> None:
    service = SERVICES[name]
    if name == "init":
        assert service["restart"] == "no"
    else:
        assert "healthcheck" in service
        assert service["restart"] == "unless-stopped"


def test_sandbox__starts_only_with_its_profile() -> None:
    assert {name for name in SERVICES if SERVICES[name].get("profiles")} == {"sandbox", "sandbox-connections"}
    assert all(SERVICES[name]["profiles"] == ["sandbox"] for name in ("sandbox", "sandbox-connections"))


def test_ports__are_published_on_loopback_only_by_default() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith(("127.0.0.1:", "${AIRFLOW_BIND:-127.0.0.1}:")) for port in published)


def test_dependencies__name_services_that_can_satisfy_the_condition() -> None:
    for name, service in SERVICES.items():
        for needed, how in service.get("depends_on", {}).items():
            assert needed in SERVICES, f"{name} waits for {needed}"
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[needed]
            else:
                assert SERVICES[needed]["restart"] == "no"


def test_volumes__are_declared_and_use_folders_that_the_image_creates() -> None:
    used = [volume.split(":") for service in SERVICES.values() for volume in service.get("volumes", [])]
    assert {name for name, _ in used} == set(COMPOSE["volumes"])
    mkdir = re.search(r"mkdir -p (.+)", (ROOT / "Dockerfile").read_text())
    assert mkdir is not None
    targets = {Path(target) for _, target in used if target.startswith("/opt/airflow/")}
    assert targets == {Path("/opt/airflow") / folder for folder in mkdir[1].split()}


def test_staging__is_on_the_shared_volume_of_every_airflow_container() -> None:
    for name, service in AIRFLOW.items():
        path = environment_of(service, filled_in())["SYNC_RUN__STAGING_PATH"].removeprefix("file://")
        assert f"staging:{path}" in service["volumes"], name


@pytest.mark.parametrize("name", AIRFLOW)
def test_settings__of_the_env_file_reach_every_airflow_container(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dotenv = filled_in(
        SYNC_SCHEDULE__TIME_ZONE="Europe/Madrid", SYNC_RUN__STAGING_PATH="s3://aws@bucket/sync"
    )
    environment = environment_of(AIRFLOW[name], dotenv)
    for variable, value in environment.items():
        if variable.startswith("SYNC_"):
            monkeypatch.setenv(variable, value)
    settings = read_settings(ROOT / "include" / "settings.toml")
    assert settings.schedule.time_zone == "Europe/Madrid"
    assert settings.run.staging_path == "s3://aws@bucket/sync"


def test_passwords__of_the_env_file_reach_only_the_service_that_needs_them() -> None:
    for name, service in AIRFLOW.items():
        environment = environment_of(service, filled_in())
        for variable, needs in {
            "ADMIN_PASSWORD": name == "init",
            "SANDBOX_VTEX_TOKEN": False,
            "SANDBOX_CONNECTIF_SECRET": False,
        }.items():
            assert bool(environment.get(variable)) == needs, f"{name}: {variable}"


def test_airflow_variables__are_options_of_airflow() -> None:
    from airflow.configuration import conf  # noqa: PLC0415 - importing Airflow takes seconds
    from airflow.providers_manager import ProvidersManager  # noqa: PLC0415

    known = {
        (section, option)
        for section, options in conf.configuration_description.items()
        for option in options["options"]
    }
    for _, config in ProvidersManager().provider_configs:
        known |= {(section, option) for section, options in config.items() for option in options["options"]}
    names = [name for name in SERVICES["worker"]["environment"] if name.startswith("AIRFLOW__")]
    assert names
    for name in names:
        section, option = name.removeprefix("AIRFLOW__").lower().split("__", 1)
        assert (section, option) in known, f"{name}: Airflow has no such option"


def test_state_connection__is_json_with_a_hash_key_and_its_own_database() -> None:
    connection = json.loads(SERVICES["worker"]["environment"]["AIRFLOW_CONN_SYNC_STATE"])
    assert connection["host"] in SERVICES
    assert connection["extra"]["hash_key"]
    assert connection["schema"] != SERVICES["postgres"]["environment"]["POSTGRES_DB"]
    script = ROOT / COMPOSE["configs"]["create-sync-state"]["file"]
    assert script.read_text().strip() == f"CREATE DATABASE {connection['schema']};"


def test_sandbox_connections__match_the_settings_file() -> None:
    rows = yaml.safe_load((ROOT / "airflow_settings.yaml").read_text())["airflow"]["connections"]
    by_id = {row["conn_id"]: row for row in rows}
    environment = SERVICES["sandbox-connections"]["environment"]
    script = SERVICES["sandbox-connections"]["command"][-1]
    for conn_id, variable in (("vtex_default", "VTEX"), ("connectif_default", "CONNECTIF")):
        connection = json.loads(environment[variable])
        assert f'airflow connections add {conn_id} --conn-json "$${variable}"' in script
        assert connection["login"] == by_id[conn_id]["conn_login"]
        assert connection["conn_type"] == by_id[conn_id]["conn_type"]
        assert connection.get("extra", {}) == by_id[conn_id]["conn_extra"]
        assert connection["host"].split(":")[1] == "//sandbox"


def commands() -> list[str]:
    """Every shell line and argument list that a container runs, as a text."""
    found = []
    for service in SERVICES.values():
        command = service.get("command", [])
        found += command[-1].splitlines() if command[:2] == ["bash", "-ec"] else [" ".join(command)]
    return found


def test_python_modules__exist() -> None:
    modules = {match[1] for line in commands() for match in re.finditer(r"python -m (\S+)", line)}
    assert modules == {"plugins.state", "sandbox"}
    for module in modules:
        spec = importlib.util.find_spec(module)
        assert spec is not None, f"python -m {module}"
        if spec.submodule_search_locations is not None:
            assert importlib.util.find_spec(f"{module}.__main__") is not None


def test_airflow_commands__exist() -> None:
    from airflow.cli.cli_parser import get_parser  # noqa: PLC0415 - importing Airflow takes seconds

    parser = get_parser()
    for arguments in (
        *([name] for name in ("api-server", "scheduler", "dag-processor", "triggerer")),
        ["db", "migrate"],
        ["jobs", "check", "--job-type", "DagProcessorJob", "--hostname", "h"],
        ["pools", "set", "default_pool", "16", "text"],
        ["connections", "add", "vtex_default", "--conn-json", "{}"],
    ):
        joined = " ".join(arguments[:2])
        assert any(joined in line for line in (*commands(), str(SERVICES))), joined
        parser.parse_args(arguments)


def test_pool__matches_the_settings_file() -> None:
    (pool,) = yaml.safe_load((ROOT / "airflow_settings.yaml").read_text())["airflow"]["pools"]
    assert f"airflow pools set {pool['pool_name']} {pool['pool_slot']} " in SERVICES["init"]["command"][-1]


def test_image__contains_the_folders_of_the_project() -> None:
    copied = set(re.findall(r"^COPY --chown=\S+ (\S+) \1$", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    assert copied == {"dags", "plugins", "include", "sandbox"}
    assert all((ROOT / folder).is_dir() for folder in copied)
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert kept == copied | {"requirements-image.txt", "requirements-s3.txt", "tools/image_versions.py"}


def test_base_image__has_the_locked_airflow() -> None:
    pin = re.search(r"^apache-airflow==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert pin is not None
    for file in ("Dockerfile", "docker-compose.yaml", ".env.example"):
        assert set(re.findall(r"apache/airflow:([0-9.]+)", (ROOT / file).read_text())) == {pin[1]}, file


def test_python_path__makes_the_connection_types_visible() -> None:
    assert SERVICES["worker"]["environment"]["PYTHONPATH"] == "/opt/airflow:/opt/airflow/plugins"
    names = {point.name for point in entry_points(group="apache_airflow_provider")}
    assert "provider_info" in names
