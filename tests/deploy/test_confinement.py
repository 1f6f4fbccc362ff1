"""Containers without privileges and with a read-only root: all written files are on volumes or tmpfs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from tests.deploy.compose_file import AIRFLOW, COMPOSE, ROOT, SERVICES, environment_of, filled_in

AIRFLOW_HOME = "/opt/airflow"
TMP = "/tmp"  # noqa: S108 - in the containers
WRITTEN_BY_OTHERS = {
    # docker-library/postgres: data folder, socket; the entry point's here-documents (issues 154 and 205)
    "postgres": ["/var/lib/postgresql/data", "/var/run/postgresql", TMP],
    # docker-library/redis: --dir of the command; its configuration with the password
    "redis": ["/data", TMP],
    # caddyserver/caddy-docker: certificates and its own state
    "proxy": ["/data", "/config"],
    # deploy/backup.sh, deploy/restore.sh
    "backup": ["/scratch"],
    "restore": ["/scratch", "/opt/airflow/staging"],
    # tempfile
    "sandbox": [TMP],
}
PROGRAM = """
import json, os, tempfile
from pathlib import Path
from airflow.configuration import AIRFLOW_CONFIG, conf
from include.settings import read_settings
print(json.dumps({
    "airflow.cfg": AIRFLOW_CONFIG,
    "logs": conf.get("logging", "base_log_folder"),
    "dag processor's logs": conf.get("logging", "dag_processor_child_process_log_directory"),
    "tickets": conf.get("kerberos", "ccache"),
    "bundles": conf.get("dag_processor", "dag_bundle_storage_path", fallback="") or tempfile.gettempdir(),
    "temporary files": tempfile.gettempdir(),
    "staging": read_settings(Path("include/settings.toml")).run.staging_path.removeprefix("file://"),
    "home": os.environ["AIRFLOW_HOME"],
}))
"""


def writable(service: Mapping[str, Any]) -> list[PurePosixPath]:
    """Mount points that can be written to: volumes and tmpfs."""
    volumes = [one.split(":") for one in service.get("volumes", [])]
    mounted = [parts[1] for parts in volumes if "ro" not in parts[2:]]
    return [PurePosixPath(one.partition(":")[0]) for one in (*mounted, *service.get("tmpfs", []))]


def is_in(path: str, folders: list[PurePosixPath]) -> bool:
    return any(PurePosixPath(path).is_relative_to(folder) for folder in folders)


@pytest.mark.parametrize("name", SERVICES)
def test_container__has_no_privileges_and_a_read_only_root(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "devices", "pid", "network_mode"} & set(service)
    # The program of the image caddy carries this capability as a file attribute, and needs it to start.
    assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "proxy" else [])


@pytest.mark.parametrize("name", SERVICES)
def test_container__does_not_run_as_root(name: str) -> None:
    assert SERVICES[name]["user"].partition(":")[0] not in {"", "0", "root"}


@pytest.mark.parametrize("name", [name for name in SERVICES if name in WRITTEN_BY_OTHERS])
def test_paths__of_other_services_are_on_a_volume_or_tmpfs(name: str) -> None:
    for path in WRITTEN_BY_OTHERS[name]:
        assert is_in(path, writable(SERVICES[name])), path


def test_every_service__is_covered() -> None:
    assert set(SERVICES) == set(AIRFLOW) | set(WRITTEN_BY_OTHERS)


@pytest.fixture(scope="module")
def written() -> dict[str, dict[str, str]]:
    """The paths in Airflow's configuration and our settings, with the environment of each service."""
    return {name: _paths(environment_of(service, filled_in())) for name, service in AIRFLOW.items()}


def _paths(environment: Mapping[str, str]) -> dict[str, str]:
    relevant = tuple((name, environment[name]) for name in sorted(environment) if _is_relevant(name))
    return dict(_read_paths(relevant))


def _is_relevant(variable: str) -> bool:
    """Not the secrets: their files are not here, and they name no path."""
    return variable.startswith(("AIRFLOW", "SYNC_")) and not variable.endswith("_CMD")


@cache
def _read_paths(variables: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Ask Airflow for its paths, in a process with the AIRFLOW_HOME of the image (it does not exist here)."""
    others = {name: value for name, value in os.environ.items() if not _is_relevant(name)}
    container = {"AIRFLOW_HOME": AIRFLOW_HOME, "PYTHONPATH": f"{ROOT}", "TMPDIR": TMP}
    environment = others | dict(variables) | container
    done = subprocess.run(
        (sys.executable, "-c", PROGRAM),
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("name", AIRFLOW)
def test_paths__written_by_airflow_and_the_sync_are_on_a_volume_or_tmpfs(
    written: dict[str, dict[str, str]], name: str
) -> None:
    paths = dict(written[name])
    assert not is_in(paths.pop("home"), writable(AIRFLOW[name])), "the folder of the code is read-only"
    assert {key: path for key, path in paths.items() if not is_in(path, writable(AIRFLOW[name]))} == {}


def test_paths__without_airflow_config_fail_the_check() -> None:
    """Without the variable AIRFLOW_CONFIG the check finds a path that is not writable."""
    environment = environment_of(AIRFLOW["scheduler"], filled_in())
    del environment["AIRFLOW_CONFIG"]
    paths = _paths(environment)
    assert not is_in(paths["airflow.cfg"], writable(AIRFLOW["scheduler"]))


def test_writable__leaves_out_read_only_mounts() -> None:
    service = {"volumes": ["a:/a", "b:/b:ro", "c:/c:z"], "tmpfs": ["/t:size=1g"]}
    assert [str(one) for one in writable(service)] == ["/a", "/c", "/t"]


def test_configs__are_files_because_compose_cannot_write_into_a_read_only_container() -> None:
    """Compose copies `content` in later, and the daemon refuses this (docker/compose#12031, 2026-11-28)."""
    for config in COMPOSE["configs"].values():
        assert Path(ROOT / config["file"]).is_file()
        assert "content" not in config
