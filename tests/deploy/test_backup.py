"""The commands for backup and restore of docker-compose.yaml, on a private PostgreSQL."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.cluster.compose import read_compose, read_env_file
from tools.cluster.postgres import PostgresFolder, programs, user
from tools.processes import LOOPBACK, ProcessFailed, free_port, start, stop

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = read_compose(read_env_file(ROOT / ".env.example"))


class Deployment:
    """The databases and the staged files, and the two scripts with the variables of their services."""

    def __init__(self, port: int, folder: Path) -> None:
        self.port, self.folder = port, folder
        self.kept = folder / "staging"
        for name in ("staging/shop/kept", "staging/shop/sync_contacts", "scratch"):
            (folder / name).mkdir(parents=True)
        (folder / "password").write_text("secret")

    def run(self, service: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        there = dict(COMPOSE[service].environment)
        here = {"PGHOST": LOOPBACK, "PGPORT": str(self.port), "PASSWORD_FILE": str(self.folder / "password")}
        here |= {"KEPT": str(self.kept), "SCRATCH": str(self.folder / "scratch"), "PATH": os.environ["PATH"]}
        script = ROOT / "deploy" / Path(COMPOSE[service].command[-1]).name
        return subprocess.run(
            ["bash", script], env=there | here, input=given, capture_output=True, check=False
        )

    def sql(self, database: str, text: str) -> str:
        command = [
            "psql",
            "-qAtX",
            "-h",
            LOOPBACK,
            "-p",
            str(self.port),
            "-U",
            "airflow",
            "-d",
            database,
            "-c",
            text,
        ]
        environment = {"PATH": os.environ["PATH"], "PGPASSWORD": "secret"}
        return subprocess.run(
            command, env=environment, capture_output=True, check=True, text=True
        ).stdout.strip()


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    try:
        programs()
    except ProcessFailed as missing:
        pytest.skip(str(missing))
    server = PostgresFolder(free_port())
    log = tmp_path_factory.mktemp("log") / "postgres.log"
    services = []
    try:
        server.create(COMPOSE["postgres"], "secret")
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        services.append(
            start("postgres", server.command(), environment=environment, cwd=Path("/"), log=log, user=user())
        )
        ready = ["pg_isready", "-q", "-t", "30", "-h", LOOPBACK, "-p", str(server.port)]
        for _ in range(100):
            if subprocess.run(ready, check=False).returncode == 0:
                break
        yield Deployment(server.port, tmp_path_factory.mktemp("deployment"))
    finally:
        stop(services)
        server.remove()


def test_restore__brings_back_both_databases_and_the_kept_files(deployment: Deployment) -> None:
    kept, other = deployment.kept / "shop/kept/sent.parquet", deployment.kept / "shop/sync_contacts/rows.csv"
    kept.write_text("before")
    other.write_text("before")
    for database in ("airflow", "sync_state"):
        deployment.sql(database, "CREATE TABLE things (name text); INSERT INTO things VALUES ('before')")
    saved = deployment.run("backup")
    assert saved.returncode == 0, saved.stderr

    for database in ("airflow", "sync_state"):
        deployment.sql(database, "UPDATE things SET name = 'after'; CREATE TABLE newer (name text)")
    kept.write_text("after")
    (deployment.kept / "shop/kept/newer").write_text("after")
    other.write_text("after")
    restored = deployment.run("restore", saved.stdout)
    assert restored.returncode == 0, restored.stderr
    for database in ("airflow", "sync_state"):
        assert deployment.sql(database, "SELECT name FROM things") == "before"
        assert deployment.sql(database, "SELECT to_regclass('newer') IS NULL") == "t"
    assert kept.read_text() == "before"
    assert not (deployment.kept / "shop/kept/newer").exists()
    assert other.read_text() == "after", "files of a run are not in the backup, and stay"
    assert list((deployment.folder / "scratch").iterdir()) == []


def test_restore__while_airflow_is_connected_changes_nothing(deployment: Deployment) -> None:
    saved = deployment.run("backup")
    command = ["psql", "-qX", "-h", LOOPBACK, "-p", str(deployment.port), "-U", "airflow", "-d", "airflow"]
    environment = {"PATH": os.environ["PATH"], "PGPASSWORD": "secret"}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as client:
        assert client.stdin
        assert client.stdout
        client.stdin.write(b"SELECT 'connected';\n")
        client.stdin.flush()
        while b"connected" not in client.stdout.readline():
            pass
        refused = deployment.run("restore", saved.stdout)
        client.stdin.close()
    assert refused.returncode == 1
    assert b"1 connections use the databases; nothing was changed" in refused.stderr


def test_restore__of_a_damaged_backup_changes_nothing(deployment: Deployment) -> None:
    saved = deployment.run("backup").stdout
    place = saved.index(b"PGDMP") + 200
    damaged = saved[:place] + bytes([saved[place] ^ 1]) + saved[place + 1 :]
    deployment.sql("airflow", "CREATE TABLE IF NOT EXISTS still (name text)")
    refused = deployment.run("restore", damaged)
    assert refused.returncode == 1
    assert b"the backup is damaged; nothing was changed" in refused.stderr
    assert deployment.sql("airflow", "SELECT to_regclass('still') IS NULL") == "f"


def test_backup__with_a_wrong_password_fails(deployment: Deployment) -> None:
    (deployment.folder / "password").write_text("wrong")
    try:
        failed = deployment.run("backup")
    finally:
        (deployment.folder / "password").write_text("secret")
    assert failed.returncode != 0
    assert failed.stdout == b""
