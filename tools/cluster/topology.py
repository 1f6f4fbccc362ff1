"""All services of the compose file in the order of their dependencies; stops all of them at the end."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tools.cluster import postgres
from tools.cluster.compose import COMPLETED, ROOT, ComposeError, Service, read_compose, read_env_file
from tools.cluster.containers import Container, Machine
from tools.cluster.image import copy_code, install_packages
from tools.cluster.places import LISTENERS, SANDBOX, Places
from tools.processes import ProcessFailed, Started, free_port, stop, tail

HOME = ROOT / ".airflow" / "cluster"
PROFILES = frozenset({"sandbox"})
COPIES = {"worker": 2}
READY_SECONDS = 300.0
VOLUMES = ("logs", "staging", "redis", "scratch")
MISSING = {
    "redis-server": "apt-get install redis-server",
    "redis-cli": "apt-get install redis-tools",
    "pg_isready": "apt-get install postgresql-client",
    "curl": "apt-get install curl",
}


@dataclass(frozen=True)
class ClusterSettings:
    """Variables in place of `.env`, wanted ports, further arguments of the sandbox, and how long to wait."""

    home: Path = HOME
    dotenv: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[int, int] = field(default_factory=dict)
    sandbox_options: Sequence[str] = ()
    copies: Mapping[str, int] = field(default_factory=lambda: COPIES)
    ready_seconds: float = READY_SECONDS


def require_programs() -> None:
    """ProcessFailed with what to install if this machine lacks a program of the containers."""
    postgres.programs()
    for program, command in MISSING.items():
        if shutil.which(program) is None:
            raise ProcessFailed(f"{program} is missing on this machine: {command}")


class Cluster(Started):
    """A context manager: inside it every service runs. `containers` has them by name; copies are numbered.

    Databases, volumes and secrets are new at each start. `restart_ended` applies the restart policy.
    """

    def __init__(self, settings: ClusterSettings, say: Callable[[str], None] = lambda _line: None) -> None:
        super().__init__()
        require_programs()
        self.settings = settings
        self.places = Places.choose(settings.home.resolve(), settings.ports)
        self.containers: dict[str, Container] = {}
        self.seconds_until_healthy: dict[str, float] = {}
        self._say = say

    @property
    def url(self) -> str:
        """Airflow's address."""
        return self.places.url(LISTENERS["api-server"])

    @property
    def vtex(self) -> str:
        """The simulated VTEX."""
        return self.places.url(SANDBOX["vtex"])

    @property
    def connectif(self) -> str:
        """The simulated Connectif."""
        return self.places.url(SANDBOX["connectif"])

    def secret(self, name: str) -> str:
        """A secret's text, such as `admin_password`."""
        return (self.places.folder("secrets") / name).read_text()

    def of(self, service: str) -> list[Container]:
        """The containers of a service."""
        return [one for one in self.containers.values() if one.service.name == service]

    def restart_ended(self) -> list[str]:
        """Start every container again that ended by itself and has a restart policy; their names."""
        ended = [one for one in self.containers.values() if one.wanted and not one.is_running()]
        for one in ended:
            if not one.service.restarts:
                raise ProcessFailed(f"{one.name} ended; the end of {one.log}:\n{tail(one.log)}")
            one.start()
        return [one.name for one in ended]

    def start_another(self, service: str, *options: str) -> tuple[Container, str]:
        """Start one more copy of a service that listens, at a port of its own. Returns it and its address.

        It ends with the cluster.
        """
        (first,) = self.of(service)
        port = free_port()
        places = replace(self.places, ports={**self.places.ports, LISTENERS[service]: port})
        machine = replace(first.machine, places=places)
        another = Container(first.service, f"{service}-{port}", machine, options=options)
        self.containers[another.name] = another
        another.start()
        self.wait_until_healthy([another])
        return another, places.url(LISTENERS[service])

    def wait_until_healthy(self, containers: Sequence[Container]) -> None:
        """Wait for the health checks. ProcessFailed if a container ends or stays unhealthy."""
        begun, waiting = time.monotonic(), list(containers)
        while waiting:
            for one in list(waiting):
                if one.is_healthy():
                    waiting.remove(one)
                    self.seconds_until_healthy[one.name] = time.monotonic() - begun
                elif not one.is_running():
                    raise ProcessFailed(f"{one.name} ended; the end of {one.log}:\n{tail(one.log)}")
            if waiting and time.monotonic() - begun > self.settings.ready_seconds:
                names = ", ".join(one.name for one in waiting)
                raise ProcessFailed(
                    f"{names}: not healthy in {self.settings.ready_seconds:.0f} s; see {waiting[0].log}"
                )
            time.sleep(0.5 if waiting else 0)

    # --- start and stop

    def _start(self) -> None:
        home = self.settings.home
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o700)
        packages = install_packages(home, self._say)
        for name in ("volumes", "secrets", "tmp", "logs"):
            if name != "logs" or not (home / "logs" / "install.log").exists():
                shutil.rmtree(home / name, ignore_errors=True)
        for log in (home / "logs").glob("*.log"):
            if log.name != "install.log":
                log.unlink()
        for name in VOLUMES:
            self.places.folder(f"volumes/{name}").mkdir(parents=True)
        copy_code(self.places.folder("image"), packages / "python")
        # Airflow derives the folder of its logs from AIRFLOW_HOME, where the container has the volume.
        (self.places.folder("image") / "logs").symlink_to(self.places.folder("volumes/logs"))
        self._make_secrets()
        machine = Machine(self.places, packages, postgres.programs())
        services = {
            name: one
            for name, one in read_compose(self._dotenv()).items()
            if not one.profiles or one.profiles & PROFILES
        }
        for wave in order(services):
            self._start_wave([services[name] for name in wave], machine)

    def _dotenv(self) -> dict[str, str]:
        example = read_env_file(ROOT / ".env.example")
        return example | {"AIRFLOW_BASE_URL": self.url} | dict(self.settings.dotenv)

    def _make_secrets(self) -> None:
        """As an operator makes them, then with the addresses of this machine."""
        folder = self.places.folder("secrets")
        subprocess.run(
            ["sh", str(ROOT / "deploy" / "secrets.sh"), str(folder)], check=True, capture_output=True
        )
        for file in folder.iterdir():
            text = self.places.translate(file.read_text(), "")
            file.unlink()
            file.write_text(text)

    def _start_wave(self, services: Sequence[Service], machine: Machine) -> None:
        self._say(f"starting {', '.join(one.name for one in services)}")
        wave = [one for service in services for one in self._containers_of(service, machine)]
        self.containers |= {one.name: one for one in wave}
        for one in wave:
            one.start()
        self.wait_until_healthy([one for one in wave if one.service.restarts])
        for one in wave:
            if not one.service.restarts:
                one.wait()

    def _containers_of(self, service: Service, machine: Machine) -> list[Container]:
        if service.name == "postgres":
            return [self._postgres(service, machine)]
        copies = self.settings.copies.get(service.name, 1)
        names = [service.name] if copies == 1 else [f"{service.name}-{n}" for n in range(1, copies + 1)]
        options = tuple(self.settings.sandbox_options) if service.name == "sandbox" else ()
        return [Container(service, name, machine, options=options) for name in names]

    def _postgres(self, service: Service, machine: Machine) -> Container:
        folder = postgres.PostgresFolder(self.places.ports[LISTENERS["postgres"]])
        self._exits.callback(folder.remove)
        self._exits.callback(self._stop)  # before the folder is removed
        folder.create(service, self.secret("postgres_password"))
        return Container(service, "postgres", machine, command=folder.command(), user=postgres.user())

    def _stop(self) -> None:
        """Airflow's processes first, then what they use."""
        last = {"postgres", "redis"}
        for group in (False, True):
            running = [
                one for one in self.containers.values() if (one.name in last) is group and one.is_running()
            ]
            for one in running:
                one.wanted = False
            stop([one.process for one in running if one.process is not None])


def order(services: Mapping[str, Service]) -> list[list[str]]:
    """The names in waves: a wave needs only services of earlier ones, which must be healthy or completed."""
    waves: list[list[str]] = []
    placed: set[str] = set()
    for name, service in services.items():
        for needed, condition in service.needs.items():
            if needed not in services:
                raise ComposeError(f"{name} waits for {needed}, which does not start")
            if (condition == COMPLETED) is services[needed].restarts:
                raise ComposeError(f"{name} waits until {needed} is {condition}, which never happens")
    while len(placed) < len(services):
        wave = [name for name, one in services.items() if name not in placed and one.needs.keys() <= placed]
        if not wave:
            raise ComposeError(f"these services wait for each other: {sorted(services.keys() - placed)}")
        waves.append(wave)
        placed |= set(wave)
    return waves
