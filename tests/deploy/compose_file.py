"""docker-compose.yaml as Compose reads it, with the environment of each container."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE_FILE = ROOT / "docker-compose.yaml"
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_FILE.read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
AIRFLOW = {
    name: service
    for name, service in SERVICES.items()
    if "AIRFLOW__CORE__EXECUTOR" in service.get("environment", {})
}
VARIABLE = re.compile(r"(?<!\$)\$\{([A-Z0-9_]+)(?::?([-?])([^}]*))?\}")


def example() -> dict[str, str]:
    """The variables of `.env.example`."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def filled_in(**changes: str) -> dict[str, str]:
    """The example with a value in every empty line, and with these variables."""
    return {name: value or f"some-{name.lower()}" for name, value in example().items()} | changes


def environment_of(service: Mapping[str, Any], dotenv: Mapping[str, str]) -> dict[str, str]:
    """The environment of a container: `environment` overrides `env_file`."""
    files = service.get("env_file", [])
    assert all(file == {"path": ".env", "required": False} for file in files)
    explicit = {name: _interpolate(str(value), dotenv) for name, value in service["environment"].items()}
    return (dict(dotenv) if files else {}) | explicit


def _interpolate(text: str, dotenv: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        name, operator, word = match.groups()
        assert operator != "?" or dotenv.get(name), f"docker compose would stop: {name} is missing"
        return dotenv.get(name) or (word if operator == "-" else "")

    return VARIABLE.sub(value, text).replace("$$", "$")
