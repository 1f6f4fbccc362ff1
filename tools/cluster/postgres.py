"""A private PostgreSQL as the image `postgres` sets it up: data of its own, a user, two databases."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tools.cluster.compose import Service
from tools.processes import LOOPBACK, ProcessFailed

UNPRIVILEGED = 65534
"""PostgreSQL refuses to run as root."""
_DEBIAN = Path("/usr/lib/postgresql")


def programs() -> Path:
    """The folder with `initdb` and `postgres`; Debian does not put it on PATH. ProcessFailed without one."""
    found = [Path(path).resolve().parent for name in ("postgres",) if (path := shutil.which(name))]
    found += sorted(path.parent for path in _DEBIAN.glob("*/bin/initdb"))
    for folder in reversed(found):
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise ProcessFailed("PostgreSQL's programs are missing (initdb, postgres): apt-get install postgresql")


def user() -> int | None:
    """The user that PostgreSQL runs as: the caller, or an unprivileged one instead of root."""
    return UNPRIVILEGED if os.geteuid() == 0 else None


class PostgresFolder:
    """The data folder, outside of the cluster's private home, because another user owns it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.folder = Path(tempfile.mkdtemp(prefix="cluster-postgres-"))
        self.data = self.folder / "data"
        if user() is not None:
            os.chown(self.folder, UNPRIVILEGED, UNPRIVILEGED)

    def remove(self) -> None:
        """Delete the data."""
        shutil.rmtree(self.folder)

    def command(self) -> tuple[str, ...]:
        """The server in the foreground."""
        listen = ("-c", f"listen_addresses={LOOPBACK}", "-p", str(self.port), "-k", str(self.folder))
        return (str(programs() / "postgres"), "-D", str(self.data), *listen)

    def create(self, service: Service, password: str) -> None:
        """`initdb`, the user, the database and the scripts of /docker-entrypoint-initdb.d."""
        environment = service.environment
        secret = self.folder / "password"
        secret.write_text(password)
        secret.chmod(0o444)
        name = environment["POSTGRES_USER"]
        login = ("-U", name, "--pwfile", str(secret), "--auth", "scram-sha-256")
        texts = ("--encoding", "UTF8", "--locale", "C.UTF-8")
        self._run("initdb", "-D", str(self.data), *login, *texts, "--no-sync")
        secret.unlink()
        scripts = [file.read_text() for path, file in service.configs.items() if "initdb.d" in path]
        for statement in (f"CREATE DATABASE {environment['POSTGRES_DB']};", *scripts):
            self._run("postgres", "--single", "-D", str(self.data), "postgres", text=statement)

    def _run(self, program: str, *arguments: str, text: str = "") -> None:
        done = subprocess.run(
            [str(programs() / program), *arguments],
            check=False,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            user=user(),
            group=user(),
            extra_groups=None if user() is None else [],
        )
        if done.returncode != 0 or "ERROR:" in done.stdout:
            raise ProcessFailed(f"{program} failed: {done.stdout}")
