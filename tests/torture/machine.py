"""Ways to make this machine fail: file systems of its own size and rights, a PostgreSQL server of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

UNPRIVILEGED = 65534
_POSTGRES_PROGRAMS = Path("/usr/lib/postgresql")


class NotPossibleHere(Exception):
    """This machine does not allow the fault; the message says what is missing."""


@contextmanager
def file_system(folder: Path, *, megabytes: int = 8) -> Iterator[Path]:
    """A file system in memory, mounted on `folder` until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        raise NotPossibleHere("mounting a file system needs root")
    _mount("-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def own_file_system(folder: Path) -> Iterator[Path]:
    """Like `file_system` where this machine allows it, else an ordinary folder."""
    with ExitStack() as exits:
        try:
            exits.enter_context(file_system(folder))
        except NotPossibleHere:
            folder.mkdir(parents=True, exist_ok=True)
        yield folder


@contextmanager
def full(folder: Path, *, free_bytes: int = 0) -> Iterator[None]:
    """Only so many bytes are left on the file system until the block ends."""
    _require_own(folder)
    ballast = folder / "ballast"
    state = os.statvfs(folder)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(state.f_bavail * state.f_frsize - free_bytes, 1))
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """The file system accepts no writes until the block ends; no file on it may be open for writing."""
    _require_own(folder)
    _mount("-o", "remount,ro", str(folder))
    try:
        yield
    finally:
        _mount("-o", "remount,rw", str(folder))


@contextmanager
def without_rights(folder: Path) -> Iterator[None]:
    """Forbid the folder to every user until the block ends, also to this process."""
    mode = folder.stat().st_mode
    folder.chmod(0)
    with ExitStack() as exits:
        exits.callback(folder.chmod, mode)
        if os.geteuid() == 0:
            exits.callback(os.seteuid, 0)
            os.seteuid(UNPRIVILEGED)
        yield


_LOCKS = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Another process has begun to write to the SQLite file and does not end."""
    with subprocess.Popen(
        [sys.executable, "-c", _LOCKS, str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout
        assert process.stdin
        process.stdout.readline()
        try:
            yield
        finally:
            process.stdin.close()


def _require_own(folder: Path) -> None:
    if not folder.is_mount():
        raise NotPossibleHere(f"{folder.name} has no file system of its own: mounting one needs root")


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        raise NotPossibleHere(f"mount is not permitted: {done.stderr.strip()}")


@dataclass
class Postgres:
    """A PostgreSQL server of this test's own, which it may stop and start."""

    programs: Path
    folder: Path
    port: int

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-w", "-o", options, "-l", "/dev/null", "start")

    def stop(self, mode: str = "fast") -> None:
        """`fast` as by an administrator, `immediate` like a crash."""
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-w", "-m", mode, "stop")

    def restart(self, mode: str = "fast") -> None:
        self.stop(mode)
        self.start()

    def create(self) -> None:
        arguments = ("-U", "postgres", "-A", "trust", "--no-sync", "-D", str(self.folder / "data"))
        self._run("initdb", *arguments)

    def _run(self, program: str, *arguments: str) -> None:
        user = {"user": UNPRIVILEGED, "group": UNPRIVILEGED, "extra_groups": []} if os.geteuid() == 0 else {}
        done = subprocess.run(
            [str(self.programs / program), *arguments],
            check=False,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
            **user,  # type: ignore[call-overload]
        )
        assert done.returncode == 0, done.stdout


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A new server, removed when the block ends. It runs unprivileged: PostgreSQL refuses to run as root."""
    found = sorted(_POSTGRES_PROGRAMS.glob("*/bin/initdb"))
    if not found:
        raise NotPossibleHere(f"no PostgreSQL programs under {_POSTGRES_PROGRAMS}")
    folder = Path(tempfile.mkdtemp(prefix="postgres-", dir="/tmp"))
    if os.geteuid() == 0:
        os.chown(folder, UNPRIVILEGED, UNPRIVILEGED)
    server = Postgres(found[-1].parent, folder, _free_port())
    try:
        server.create()
        server.start()
        yield server
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            server.stop("immediate")
        shutil.rmtree(folder)


def _free_port() -> int:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return int(chosen.getsockname()[1])
