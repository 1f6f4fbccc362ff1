"""Where hosts, ports and paths of the containers are on this machine: one table, applied to texts.

A container has a network and a root of its own. Here all services share both. So every address and path that
the compose file names is replaced, in commands, variables, health checks and secrets alike.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.processes import LOOPBACK, free_port

LISTENERS = {"postgres": 5432, "redis": 6379, "api-server": 8080, "scheduler": 8974}
SANDBOX = {"vtex": 8101, "connectif": 8102}


@dataclass(frozen=True)
class Places:
    """The folder of a cluster, and a free port of this machine for each port that containers listen on."""

    home: Path
    ports: Mapping[int, int]

    @classmethod
    def choose(cls, home: Path, wanted: Mapping[int, int] | None = None) -> Places:
        """Take the wanted ports, and free ones for the rest."""
        numbers = (*LISTENERS.values(), *SANDBOX.values())
        return cls(home, {number: (wanted or {}).get(number) or free_port() for number in numbers})

    def url(self, container_port: int) -> str:
        """The address of a listener here."""
        return f"http://{LOOPBACK}:{self.ports[container_port]}"

    def folder(self, name: str) -> Path:
        """`image`, `secrets`, `logs` (of the processes), `tmp/<service>` or `volumes/<name>`."""
        return self.home / name

    def paths(self, container: str) -> dict[str, str]:
        """Paths of a container and where they are here. Longer ones come first."""
        volumes = self.folder("volumes")
        return {
            "/opt/airflow/logs": str(volumes / "logs"),
            "/opt/airflow/staging": str(volumes / "staging"),
            "/opt/airflow": str(self.folder("image")),
            "/run/secrets": str(self.folder("secrets")),
            "/data": str(volumes / "redis"),
            "/scratch": str(volumes / "scratch"),
            "/tmp": str(self.folder(f"tmp/{container}")),  # noqa: S108 - in the container
        }

    def addresses(self) -> dict[str, str]:
        """Addresses in texts and what they are here."""
        named = {**LISTENERS, "sandbox": SANDBOX["vtex"]}
        here = {f"{host}:{port}": f"{LOOPBACK}:{self.ports[port]}" for host, port in named.items()}
        here[f"sandbox:{SANDBOX['connectif']}"] = f"{LOOPBACK}:{self.ports[SANDBOX['connectif']]}"
        here |= {f"localhost:{port}": f"{LOOPBACK}:{number}" for port, number in self.ports.items()}
        for host in ("postgres", "redis"):
            port = LISTENERS[host]
            here[f'"host": "{host}", "port": {port}'] = f'"host": "{LOOPBACK}", "port": {self.ports[port]}'
        here[f"--port {LISTENERS['redis']}"] = f"--port {self.ports[LISTENERS['redis']]} --bind {LOOPBACK}"
        return here

    def translate(self, text: str, container: str) -> str:
        """A text of the compose file with the addresses and paths of this machine."""
        for there, here in self.addresses().items():
            text = text.replace(there, here)
        paths = self.paths(container)
        known = "|".join(map(re.escape, paths))
        return re.sub(rf"(?<![\w.-])({known})(?![\w-])", lambda match: paths[match[1]], text)

    def added(self, service: str, container: str) -> dict[str, str]:
        """Variables that a container does not need: it has its ports, host name and home for itself."""
        image = self.folder("image")
        return {
            "AIRFLOW_HOME": str(image),
            "HOSTNAME": container,
            "TMPDIR": str(self.folder(f"tmp/{container}")),
            "AIRFLOW__API__HOST": LOOPBACK,
            "AIRFLOW__API__PORT": str(self.ports[LISTENERS["api-server"]]),
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_HOST": LOOPBACK,
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": str(self.ports[LISTENERS["scheduler"]]),
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
            "PGPORT": str(self.ports[LISTENERS["postgres"]]),
            **({"PGHOST": LOOPBACK} if service in {"backup", "restore"} else {}),
        }
