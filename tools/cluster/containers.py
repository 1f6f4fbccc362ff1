"""One container as a session of processes: its command, its environment, its health check."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.cluster.compose import Service
from tools.cluster.places import SANDBOX, Places
from tools.processes import LOOPBACK, ProcessFailed, deferring_signals, family, kill, start, stop
from tools.processes import Service as Process

PLAIN = ("bash", "sh", "python", "caddy")
"""Commands that the base image's entry point runs as they are. To all others it adds `airflow`."""


@dataclass(frozen=True)
class Machine:
    """What all containers share: the table of places, and the `bin` folders of the packages and programs."""

    places: Places
    packages: Path
    programs: Path

    def path(self) -> str:
        """PATH for every process."""
        return os.pathsep.join((str(self.packages), str(self.programs), os.environ["PATH"]))


class Container:
    """A service, or one of its copies, that can be started, killed, stopped and checked."""

    def __init__(
        self,
        service: Service,
        name: str,
        machine: Machine,
        *,
        command: Sequence[str] = (),
        options: Sequence[str] = (),
        user: int | None = None,
    ) -> None:
        self.service, self.name = service, name
        self.machine, self._user = machine, user
        self._own = machine.places.added(service.name, name)
        self._command = tuple(command) or (*self._translated(), *self._added(), *options)
        self.process: Process | None = None
        self.starts = 0
        self.wanted = False

    @property
    def log(self) -> Path:
        """Standard output and error of all its starts."""
        return self.machine.places.folder("logs") / f"{self.name}.log"

    def environment(self) -> dict[str, str]:
        """The variables of the compose file with the places of this machine."""
        places = self.machine.places
        given = {n: places.translate(text, self.name) for n, text in self.service.environment.items()}
        always = {"PATH": self.machine.path(), "LANG": "C.UTF-8", "HOME": self._own["TMPDIR"]}
        return always | given | self._own

    def start(self) -> None:
        """Start with an empty temporary folder, as a new container has."""
        self._empty_tmp()
        with deferring_signals():
            self.process = start(
                self.name,
                self._command,
                environment=self.environment(),
                cwd=self._cwd(),
                log=self.log,
                user=self._user,
                append=True,
            )
        self.starts += 1
        self.wanted = True  # only now: what is wanted and does not run is started again

    def wait(self) -> None:
        """Wait for the end of a container that does its work once. ProcessFailed if it fails."""
        self.wanted = False
        if self.process is not None and self.process.process.wait() != 0:
            self.process.check()

    def kill(self) -> None:
        """SIGKILL to all processes at once."""
        self.wanted = False
        if self.process is not None:
            kill(self.process)

    def stop(self, seconds: float | None = None) -> None:
        """SIGTERM, then SIGKILL after the stop period of the compose file."""
        if self.process is not None:
            self.wanted = False
            stop([self.process], self.service.stop_seconds if seconds is None else seconds)

    def is_running(self) -> bool:
        """Whether its first process runs."""
        return self.process is not None and self.process.process.poll() is None

    def pids(self) -> list[int]:
        """All its processes."""
        return family(self.process) if self.process and self.is_running() else []

    def is_healthy(self) -> bool:
        """Whether it runs and its health check passes now; without a check, whether it runs."""
        check = self.service.health
        if check is None or not self.is_running():
            return self.is_running()
        command = [self.machine.places.translate(word, self.name) for word in check.command]
        try:
            done = subprocess.run(
                command,
                env=self.environment(),
                cwd=self._cwd(),
                check=False,
                capture_output=True,
                timeout=check.timeout,
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def _cwd(self) -> Path:
        return self.machine.places.folder("image") if self._user is None else Path("/")

    def _empty_tmp(self) -> None:
        folder = self.machine.places.folder(f"tmp/{self.name}")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)

    def _translated(self) -> tuple[str, ...]:
        words = self.service.command
        if not words:
            raise ProcessFailed(f"{self.name}: the service has no command, and its image is not known here")
        plain = words if words[0] in PLAIN else ("airflow", *words)
        here = (self.machine.places.translate(word, self.name) for word in plain)
        return tuple(LOOPBACK if word == "0.0.0.0" else word for word in here)  # noqa: S104 - compared only

    def _added(self) -> tuple[str, ...]:
        """Arguments that a container does not need."""
        ports: Mapping[int, int] = self.machine.places.ports
        if self.service.name == "sandbox":
            vtex, connectif = ports[SANDBOX["vtex"]], ports[SANDBOX["connectif"]]
            return ("--vtex-port", str(vtex), "--connectif-port", str(connectif))
        if self.service.command[:2] == ("celery", "worker"):
            return ("--celery-hostname", self.name)
        return ()
