"""Reads docker-compose.yaml as Compose does, as far as the file uses it. All else is an error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE_FILE = ROOT / "docker-compose.yaml"
VARIABLE = re.compile(r"(?<!\$)\$\{([A-Z0-9_]+)(?::?([-?])([^}]*))?\}")
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
HEALTHY, COMPLETED = "service_healthy", "service_completed_successfully"


class ComposeError(ValueError):
    """The compose file needs a variable that is missing, or uses what this reader does not know."""


@dataclass(frozen=True)
class HealthCheck:
    """A command (`CMD`: arguments, `CMD-SHELL`: one shell line) and its times in seconds."""

    command: tuple[str, ...]
    interval: float
    timeout: float
    retries: int
    start_period: float


@dataclass(frozen=True)
class Service:
    """A service with interpolated values. `volumes` and `configs` map paths of the container to their names.

    `needs` maps services to the condition for a start, and `secrets` names in /run/secrets to files here.
    """

    name: str
    image: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    needs: Mapping[str, str]
    health: HealthCheck | None
    profiles: frozenset[str]
    secrets: Mapping[str, Path]
    configs: Mapping[str, Path]
    volumes: Mapping[str, str]
    restarts: bool
    stop_seconds: float = field(default=10.0)


def read_env_file(path: Path) -> dict[str, str]:
    """The variables of an env file such as `.env.example`: `NAME=value`, no quotes, comments with `#`."""
    lines = path.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def read_compose(dotenv: Mapping[str, str], file: Path = COMPOSE_FILE) -> dict[str, Service]:
    """All services by name, with the variables of `dotenv` in place of `.env`."""
    document: dict[str, Any] = yaml.safe_load(file.read_text())
    folder = file.parent
    named = {
        kind: {name: folder / entry["file"] for name, entry in document.get(kind, {}).items()}
        for kind in ("secrets", "configs")
    }
    return {
        name: _service(name, fields, dotenv, named["secrets"], named["configs"])
        for name, fields in document["services"].items()
    }


def _service(
    name: str,
    fields: Mapping[str, Any],
    dotenv: Mapping[str, str],
    secrets: Mapping[str, Path],
    configs: Mapping[str, Path],
) -> Service:
    return Service(
        name=name,
        image=interpolate(str(fields.get("image", "")), dotenv),
        command=tuple(interpolate(str(word), dotenv) for word in fields.get("command", ())),
        environment=environment_of(fields, dotenv),
        needs={needed: how["condition"] for needed, how in fields.get("depends_on", {}).items()},
        health=_health(fields["healthcheck"], dotenv) if "healthcheck" in fields else None,
        profiles=frozenset(fields.get("profiles", ())),
        secrets=_mounted_secrets(fields, secrets),
        configs={one["target"]: configs[one["source"]] for one in fields.get("configs", ())},
        volumes=dict(_volume(text) for text in fields.get("volumes", ())),
        restarts=fields.get("restart", "no") != "no",
        stop_seconds=seconds(str(fields.get("stop_grace_period", "10s"))),
    )


def environment_of(fields: Mapping[str, Any], dotenv: Mapping[str, str]) -> dict[str, str]:
    """The environment of a container: `environment` overrides `env_file`."""
    files = fields.get("env_file", [])
    if any(file != {"path": ".env", "required": False} for file in files):
        raise ComposeError(f"env_file {files}: this reader knows only an optional .env")
    given = fields.get("environment", {})
    explicit = {name: interpolate(str(value), dotenv) for name, value in given.items()}
    return (dict(dotenv) if files else {}) | explicit


def interpolate(text: str, dotenv: Mapping[str, str]) -> str:
    """Replace `${NAME}`, `${NAME:-default}` and `${NAME:?message}`, then `$$` by `$`."""

    def value(match: re.Match[str]) -> str:
        name, operator, word = match.groups()
        if operator == "?" and not dotenv.get(name):
            raise ComposeError(f"docker compose would stop: {name} is missing ({word})")
        return dotenv.get(name) or (word if operator == "-" else "")

    return VARIABLE.sub(value, text).replace("$$", "$")


def seconds(text: str) -> float:
    """A duration of Compose, such as `1m30s`."""
    parts = re.findall(r"(\d+)(ms|s|m|h)", text)
    if "".join(number + unit for number, unit in parts) != text:
        raise ComposeError(f"{text!r} is not a duration")
    return sum(int(number) * UNITS[unit] for number, unit in parts)


def _health(given: Mapping[str, Any], dotenv: Mapping[str, str]) -> HealthCheck:
    """The defaults are those of the Compose specification (read 2026-11-29)."""
    kind, *words = (interpolate(str(word), dotenv) for word in given["test"])
    if kind not in {"CMD", "CMD-SHELL"}:
        raise ComposeError(f"healthcheck {kind}: this reader knows CMD and CMD-SHELL")
    return HealthCheck(
        command=tuple(words) if kind == "CMD" else ("/bin/sh", "-c", *words),
        interval=seconds(str(given.get("interval", "30s"))),
        timeout=seconds(str(given.get("timeout", "30s"))),
        retries=int(given.get("retries", 3)),
        start_period=seconds(str(given.get("start_period", "0s"))),
    )


def _mounted_secrets(fields: Mapping[str, Any], files: Mapping[str, Path]) -> dict[str, Path]:
    mounts = [
        one if isinstance(one, dict) else {"source": one, "target": one} for one in fields.get("secrets", ())
    ]
    return {one["target"]: files[one["source"]] for one in mounts}


def _volume(text: str) -> tuple[str, str]:
    name, target = text.split(":")[:2]
    return target, name
