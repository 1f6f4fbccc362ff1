"""Checks the compose file against its schema and against the project, without Docker."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import yaml
from cryptography.fernet import Fernet

from include.settings import read_settings
from tests.deploy.airflow_options import UNDOCUMENTED, known_options, option_of
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
from tools.sandbox_shop import CONNECTIF_SECRET, VTEX_TOKEN, WEBHOOK_SECRET


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
        "worker-newsletter",
        "clean",
        "sandbox-connections",
    }
    assert {"postgres", "redis", "sandbox", "proxy", "backup", "restore"} <= set(SERVICES)


def test_variables__are_the_variables_of_the_example() -> None:
    used = {match[1] for match in VARIABLE.finditer(COMPOSE_FILE.read_text())}
    assert used == set(example())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that deploy/secrets.sh fills."""
    folder = tmp_path_factory.mktemp("made") / "secrets"
    subprocess.run(["sh", ROOT / "deploy" / "secrets.sh", folder], check=True, capture_output=True)
    return folder


def test_secrets__are_files_that_the_script_creates(made: Path) -> None:
    files = {Path(secret["file"]).name for secret in COMPOSE["secrets"].values()}
    assert files <= {file.name for file in made.iterdir()}
    for file in made.iterdir():
        assert len(file.read_text()) >= 40
        assert not file.read_text().endswith("\n"), "programs read the file as it is"
        assert file.stat().st_mode & 0o777 == 0o444, "each container has another user"
    assert made.stat().st_mode & 0o077 == 0, "other users of the machine cannot enter the folder"


def test_secrets__are_never_replaced(made: Path) -> None:
    before = {file.name: file.read_text() for file in made.iterdir()}
    subprocess.run(["sh", ROOT / "deploy" / "secrets.sh", made], check=True, capture_output=True)
    assert {file.name: file.read_text() for file in made.iterdir()} == before


def test_secrets__of_an_earlier_env_file_are_taken_over(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    shutil.copy(ROOT / "deploy" / "secrets.sh", tmp_path / "deploy")
    (tmp_path / ".env").write_text("POSTGRES_PASSWORD=from-before\nSTORE_HASH_KEY=a-key\nFERNET_KEY=\n")
    subprocess.run(["sh", tmp_path / "deploy" / "secrets.sh"], check=True, capture_output=True)
    made = {file.name: file.read_text() for file in (tmp_path / "secrets").iterdir()}
    assert made["postgres_password"] == "from-before"
    assert json.loads(made["connections.json"])["sync_state"]["extra"] == {"hash_key": "a-key"}
    assert len(made["fernet_key"]) == 44


def test_secrets__fit_together_and_are_valid(made: Path) -> None:
    Fernet((made / "fernet_key").read_text())
    password = (made / "postgres_password").read_text()
    for name in ("airflow_database", "result_backend", "connections.json"):
        assert password in (made / name).read_text()
    assert (made / "redis_password").read_text() in (made / "broker").read_text()


def test_secrets__are_not_variables() -> None:
    assert [name for name in example() if re.search("PASSWORD|SECRET|TOKEN|_KEY", name)] == []
    commands = {k: v for k, v in SERVICES["worker"]["environment"].items() if k.endswith("_CMD")}
    assert len(commands) == 6
    for name, service in AIRFLOW.items():
        mounted = {one if isinstance(one, str) else one["target"] for one in service["secrets"]}
        assert {command.removeprefix("cat /run/secrets/") for command in commands.values()} <= mounted, name
        assert "connections.json" in mounted


def test_admin_password__reaches_only_the_service_that_creates_the_user() -> None:
    having = {name for name, service in SERVICES.items() if "admin_password" in service.get("secrets", [])}
    assert having == {"init"}


@pytest.mark.parametrize("name", [name for name in SERVICES if "profiles" not in SERVICES[name]])
def test_service__that_keeps_running_has_a_health_check_and_restarts(name: str) -> None:
    service = SERVICES[name]
    if name == "init":
        assert service["restart"] == "no"
    elif name == "clean":
        assert service["restart"] == "unless-stopped"
    else:
        assert "healthcheck" in service
        assert service["restart"] == "unless-stopped"


def test_profiles__hold_what_is_not_always_needed() -> None:
    optional = {name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service}
    assert optional == {
        "sandbox": ["sandbox"],
        "sandbox-connections": ["sandbox"],
        "proxy": ["proxy"],
        "backup": ["backup"],
        "restore": ["backup"],
    }


def test_ports__are_published_on_loopback_only_by_default() -> None:
    published = [port for name in SERVICES if name != "proxy" for port in SERVICES[name].get("ports", [])]
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
    used = [volume.split(":")[:2] for service in SERVICES.values() for volume in service.get("volumes", [])]
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


def test_airflow_variables__are_options_of_airflow() -> None:
    names = [name for name in SERVICES["worker"]["environment"] if name.startswith("AIRFLOW__")]
    assert names
    for name in names:
        assert option_of(name) in known_options(), f"{name}: Airflow has no such option"


def test_undocumented_option__is_read_by_airflow() -> None:
    from airflow.jobs import scheduler_job_runner  # noqa: PLC0415 - importing Airflow takes seconds

    assert f'key="{UNDOCUMENTED[1]}"' in Path(scheduler_job_runner.__file__).read_text()


def test_state_connection__has_a_hash_key_and_its_own_database(made: Path) -> None:
    connection = json.loads((made / "connections.json").read_text())["sync_state"]
    assert connection["host"] in SERVICES
    assert connection["extra"]["hash_key"]
    assert connection["schema"] != SERVICES["postgres"]["environment"]["POSTGRES_DB"]
    script = ROOT / COMPOSE["configs"]["create-sync-state"]["file"]
    assert script.read_text().strip() == f"CREATE DATABASE {connection['schema']};"


def test_times_after_a_loss__meet_the_goals() -> None:
    """60 s for the newsletter and 150 s for a load after a kill; long tasks are not handed out twice."""
    from plugins.default_args import DEFAULT_ARGS, LONG_RETRY_ARGS  # noqa: PLC0415 - imports Airflow

    given = SERVICES["worker"]["environment"]
    noticed = sum(
        int(given[f"AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT{suffix}"])
        for suffix in ("", "_DETECTION_INTERVAL")
    )
    start = 5
    for args, goal in ((LONG_RETRY_ARGS, 60), (DEFAULT_ARGS, 150)):
        longest_delay = 2 * args["retry_delay"].total_seconds()  # Airflow adds up to the delay once more
        assert noticed + longest_delay + start <= goal
    visibility = int(given["AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT"])
    assert DEFAULT_ARGS["execution_timeout"].total_seconds() < visibility


def test_newsletter__has_a_worker_of_its_own() -> None:
    environment = environment_of(SERVICES["scheduler"], filled_in())
    queue = environment["SYNC_NEWSLETTER__QUEUE"]
    queues = {
        name: service["command"][-1]
        for name, service in SERVICES.items()
        if "celery" in service.get("command", ())
    }
    assert queues == {"worker": "default", "worker-newsletter": queue}


def test_logs__of_every_container_are_rotated() -> None:
    for name, service in SERVICES.items():
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}, name


def test_memory__of_every_container_is_limited() -> None:
    assert all("mem_limit" in service for service in SERVICES.values())


def test_health_checks__do_not_import_airflow() -> None:
    for name, service in SERVICES.items():
        command = str(service.get("healthcheck", {}).get("test", ""))
        assert not re.search(r"\b(airflow|celery|python)\s", command), name


def test_liveness_file__is_the_one_of_the_health_check() -> None:
    from plugins.celery_liveness import LIVENESS  # noqa: PLC0415 - imports Celery

    assert f"/tmp/{LIVENESS} " in SERVICES["worker"]["healthcheck"]["test"][-1]  # noqa: S108 - in the container
    imports = json.loads(SERVICES["worker"]["environment"]["AIRFLOW__CELERY__EXTRA_CELERY_CONFIG"])["imports"]
    assert imports == ["plugins.celery_liveness", "plugins.celery_warm_start"]


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
        extra = {key: value for key, value in connection["extra"].items() if key != "webhook_secret"}
        assert extra == by_id[conn_id]["conn_extra"]
        assert connection["host"].split(":")[1] == "//sandbox"


def test_sandbox_connections__hold_the_credentials_of_the_sandbox() -> None:
    environment = SERVICES["sandbox-connections"]["environment"]
    vtex, connectif = (json.loads(environment[variable]) for variable in ("VTEX", "CONNECTIF"))
    assert (vtex["password"], connectif["password"]) == (VTEX_TOKEN, CONNECTIF_SECRET)
    assert connectif["extra"] == {"webhook_secret": WEBHOOK_SECRET}


def commands() -> list[str]:
    """Every shell line and argument list that a container runs, as a text."""
    found = []
    for service in SERVICES.values():
        command = service.get("command", [])
        found += command[-1].splitlines() if command[:2] == ["bash", "-ec"] else [" ".join(command)]
    return found


def test_python_modules__exist() -> None:
    modules = {match[1] for line in commands() for match in re.finditer(r"python -m (\S+)", line)}
    assert modules == {"plugins.state", "plugins.first_user", "sandbox"}
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
        ["api-server", "--proxy-headers"],
        ["celery", "worker", "--skip-serve-logs", "--queues", "newsletter"],
        ["connections", "add", "vtex_default", "--conn-json", "{}"],
    ):
        joined = " ".join(arguments[:2])
        assert any(joined in line for line in (*commands(), str(SERVICES))), joined
        parser.parse_args(arguments)


def test_pool__matches_the_settings_file() -> None:
    (pool,) = yaml.safe_load((ROOT / "airflow_settings.yaml").read_text())["airflow"]["pools"]
    slots = SERVICES["init"]["environment"]["AIRFLOW__CORE__DEFAULT_POOL_TASK_SLOT_COUNT"]
    assert (pool["pool_name"], str(pool["pool_slot"])) == ("default_pool", slots)
    assert "pools" not in SERVICES["init"]["command"][-1], "a pool that an operator changed stays so"


def test_image__contains_the_folders_of_the_project() -> None:
    copied = set(re.findall(r"^COPY --chown=\S+ (\S+) \1$", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    copied -= {"deploy/clean.sh"}
    assert copied == {"dags", "plugins", "include", "sandbox"}
    assert all((ROOT / folder).is_dir() for folder in copied)
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    build = {"requirements-image.txt", "requirements-s3.txt", "tools/image_versions.py", "deploy/clean.sh"}
    assert kept == copied | build


def test_base_image__has_the_locked_airflow() -> None:
    pin = re.search(r"^apache-airflow==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert pin is not None
    for file in ("Dockerfile", "docker-compose.yaml", ".env.example"):
        assert set(re.findall(r"apache/airflow:([0-9.]+)", (ROOT / file).read_text())) == {pin[1]}, file


def test_python_path__makes_the_connection_types_visible() -> None:
    assert SERVICES["worker"]["environment"]["PYTHONPATH"] == "/opt/airflow:/opt/airflow/plugins"
    names = {point.name for point in entry_points(group="apache_airflow_provider")}
    assert "provider_info" in names
