"""Starts a complete Airflow on this machine, and stops all its processes afterwards.

`make demo`, `make airflow` and the integration tests use it. It writes only to its `AIRFLOW_HOME`: the
database, the logs, the generated password and keys (only their owner can read them). All servers listen on
the loopback interface.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

from tools.airflow_rest import AirflowRest, RestError
from tools.processes import (
    LOOPBACK,
    ProcessFailed,
    Service,
    Started,
    deferring_signals,
    free_port,
    run,
    start,
    stop,
)
from tools.sandbox_shop import as_environment, store_connection

ROOT = Path(__file__).resolve().parent.parent
DAG_IDS = frozenset(
    {"sync_contacts", "sync_products", "sync_purchases", "update_newsletter", "check_setup", "reconcile"}
)
USERNAME = "admin"
AUTH_MANAGER = "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
STORE_UPGRADE = ("-m", "plugins.state", "upgrade")
COMPONENTS = {
    "api-server": ("api-server", "--workers", "1"),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
ENVIRONMENT = "environment.json"
HEALTH_NAMES = {"scheduler": "scheduler", "dag-processor": "dag_processor", "triggerer": "triggerer"}


@dataclass(frozen=True)
class StackSettings:
    """The options of a local Airflow.

    `home` is the AIRFLOW_HOME. `port` 0 takes a free port. `database_url` None means SQLite in `home`.
    The stack is ready when all `dag_ids` are parsed. `scheduled` False switches cron schedules off, so that
    only triggered runs and back-fills exist. Every process gets `connections` as environment variables, and
    `sync_state`, a SQLite file in `home`. `prepare` holds arguments of Python commands that run at each
    start, after the database exists.
    """

    home: Path
    dags: Path = ROOT / "dags"
    plugins: Path = ROOT / "plugins"
    dag_ids: frozenset[str] = DAG_IDS
    port: int = 0
    database_url: str | None = None
    triggerer: bool = False
    scheduled: bool = False
    parallelism: int = 4
    connections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    prepare: tuple[tuple[str, ...], ...] = (STORE_UPGRADE,)
    ready_seconds: float = 180.0


@dataclass(frozen=True)
class Keys:
    """Generated once for each AIRFLOW_HOME and kept there, so that a restart can read its data."""

    password: str
    fernet_key: str
    jwt_secret: str
    api_secret: str
    hash_key: str

    @classmethod
    def of(cls, home: Path) -> Keys:
        """Read `keys.json` of this home, or create it."""
        path = home / "keys.json"
        if not path.exists():
            words = [secrets.token_urlsafe(n) for n in (12, 48, 48, 32)]
            fresh = cls(words[0], Fernet.generate_key().decode(), words[1], words[2], words[3])
            write_private(path, json.dumps(vars(fresh)))
        return cls(**json.loads(path.read_text()))


class LocalStack(Started):
    """A context manager: inside it Airflow runs and `rest` calls it. At the end all processes are stopped.

    `say` gets the lines of progress while it starts.
    """

    def __init__(self, settings: StackSettings, say: Callable[[str], None] = lambda _line: None) -> None:
        super().__init__()
        self.settings = settings
        self.home = settings.home.resolve()
        self.home.mkdir(parents=True, exist_ok=True)
        self.home.chmod(0o700)
        self.keys = Keys.of(self.home)
        self.state = self.home / "sync_state.db"
        self.port = settings.port or free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        self.rest = AirflowRest(self.url, USERNAME, self.keys.password)
        self.services: list[Service] = []
        self._say = say
        self._exits.callback(self.rest.close)

    def log(self, name: str) -> Path:
        """The log file of a component or of a preparation step."""
        return self.home / "logs" / "components" / f"{name}.log"

    def check(self) -> None:
        """Raise `ProcessFailed` if a component has ended."""
        for service in self.services:
            service.check()

    def _stop(self) -> None:
        stop(self.services)
        self.services.clear()

    def _start(self) -> None:
        environment = self.environment()
        write_environment(self.home, environment)
        self._migrate(environment)
        for arguments in self.settings.prepare:
            name = "-".join(word.strip("-") for word in arguments)
            run(name, (sys.executable, *arguments), environment=environment, cwd=ROOT, log=self.log(name))
        begun = datetime.now(UTC)
        for name, arguments in COMPONENTS.items():
            if name != "triggerer" or self.settings.triggerer:
                command = (sys.executable, "-m", "airflow", *arguments)
                with deferring_signals():
                    self.services.append(
                        start(name, command, environment=environment, cwd=ROOT, log=self.log(name))
                    )
        self._say("waiting for the scheduler, the API and the DAGs")
        self._wait_until_ready(begun)

    def _migrate(self, environment: Mapping[str, str]) -> None:
        """Upgrade Airflow's database, which takes seconds, unless this version has done so."""
        done = self.home / "migrated"
        url = environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
        mark = f"{version('apache-airflow')} {hashlib.sha256(url.encode()).hexdigest()}"
        if done.exists() and done.read_text() == mark:
            return
        self._say("creating Airflow's database")
        command = (sys.executable, "-m", "airflow", "db", "migrate")
        run("db-migrate", command, environment=environment, cwd=ROOT, log=self.log("db-migrate"))
        done.write_text(mark)

    def _wait_until_ready(self, begun: datetime) -> None:
        deadline = time.monotonic() + self.settings.ready_seconds
        while True:
            self.check()
            with suppress(RestError):
                if self._healthy() and self._parsed(begun):
                    return
            if time.monotonic() > deadline:
                raise ProcessFailed(
                    f"Airflow was not ready in {self.settings.ready_seconds:.0f} s; see {self.log('')}"
                )
            time.sleep(0.5)

    def _healthy(self) -> bool:
        """Whether all components are healthy. The API for tasks starts at its first call, which takes
        seconds, so call it before a task does.
        """
        self.rest.wake_execution_api()
        health = self.rest.health()
        parts = {HEALTH_NAMES[s.name] for s in self.services if s.name in HEALTH_NAMES}
        return all(health.get(part) == "healthy" for part in {"metadatabase", *parts})

    def _parsed(self, begun: datetime) -> bool:
        """Whether all expected DAGs were parsed since the start. An import error raises ProcessFailed."""
        errors = [e["stack_trace"] for e in self.rest.import_errors() if _instant(e["timestamp"]) >= begun]
        errors += [e["error"] for e in self.rest.plugin_errors()]
        if errors:
            raise ProcessFailed("Airflow cannot import this project:\n" + "\n".join(dict.fromkeys(errors)))
        parsed = {d["dag_id"] for d in self.rest.dags() if _instant(d["last_parsed_time"]) >= begun}
        return self.settings.dag_ids <= parsed

    def environment(self) -> dict[str, str]:
        """The environment of every process of this Airflow: the caller's, without its Airflow settings."""
        chosen = self.settings
        passwords = self.home / "passwords.json"
        write_private(passwords, json.dumps({USERNAME: self.keys.password}))
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "LOCAL_"))}
        sections: dict[str, dict[str, object]] = {
            "core": {
                "dags_folder": chosen.dags,
                "plugins_folder": chosen.plugins,
                "load_examples": False,
                "executor": "LocalExecutor",
                "parallelism": chosen.parallelism,
                "fernet_key": self.keys.fernet_key,
                "execution_api_server_url": f"{self.url}/execution/",
                "auth_manager": AUTH_MANAGER,
                "simple_auth_manager_users": f"{USERNAME}:admin",
                "simple_auth_manager_passwords_file": passwords,
                "test_connection": "Enabled",
            },
            "database": {"sql_alchemy_conn": chosen.database_url or f"sqlite:///{self.home / 'airflow.db'}"},
            "api": {
                "host": LOOPBACK,
                "port": self.port,
                "base_url": self.url,
                "secret_key": self.keys.api_secret,
            },
            "api_auth": {"jwt_secret": self.keys.jwt_secret},
            # A locked SQLite database delays a task's call by five seconds. By default it waits up to 90.
            "workers": {"execution_api_retries": 20, "execution_api_retry_wait_max": 2},
            "scheduler": {"scheduler_idle_sleep_time": 0.2, "use_job_schedule": chosen.scheduled},
            "dag_processor": {"refresh_interval": 5, "min_file_process_interval": 10, "parsing_processes": 1},
            "logging": {"base_log_folder": self.home / "logs"},
        }
        airflow = {
            f"AIRFLOW__{section.upper()}__{key.upper()}": str(value)
            for section, options in sections.items()
            for key, value in options.items()
        }
        paths = {
            "AIRFLOW_HOME": str(self.home),
            "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "plugins"))),
        }
        state = {"sync_state": store_connection(self.state, self.keys.hash_key)}
        connections = as_environment({**chosen.connections, **state})
        return inherited | airflow | paths | connections | self._sync() | dict(chosen.environment)

    def _sync(self) -> dict[str, str]:
        """Settings of the sync that must stay in this home. Runs write only to a simulated shop."""
        return {
            "SYNC_RUN__STAGING_PATH": (self.home / "staging").as_uri(),
            "SYNC_RUN__LIVE": os.environ.get("SYNC_RUN__LIVE", "sandbox"),
        }


def write_environment(home: Path, environment: Mapping[str, str]) -> None:
    """Store the variables that connect a process to this Airflow (see `tools.airflow_environment`)."""
    names = [name for name in environment if name.startswith(("AIRFLOW", "SYNC_")) or name == "PYTHONPATH"]
    write_private(home / ENVIRONMENT, json.dumps({name: environment[name] for name in names}))


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read. No other user can read it at any time."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


def _instant(text: str | None) -> datetime:
    return datetime.fromisoformat(text) if text else datetime.min.replace(tzinfo=UTC)
