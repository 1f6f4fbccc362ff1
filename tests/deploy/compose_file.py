"""docker-compose.yaml as Compose reads it, with the environment of each container."""

from __future__ import annotations

from typing import Any

import yaml

from tools.cluster.compose import COMPOSE_FILE, ROOT, VARIABLE, environment_of, read_env_file

COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_FILE.read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
AIRFLOW = {
    name: service
    for name, service in SERVICES.items()
    if "AIRFLOW__CORE__EXECUTOR" in service.get("environment", {})
}


def example() -> dict[str, str]:
    """The variables of `.env.example`."""
    return read_env_file(ROOT / ".env.example")


def filled_in(**changes: str) -> dict[str, str]:
    """The example with a value in every empty line, and with these variables."""
    return {name: value or f"some-{name.lower()}" for name, value in example().items()} | changes


__all__ = [
    "AIRFLOW",
    "COMPOSE",
    "COMPOSE_FILE",
    "ROOT",
    "SERVICES",
    "VARIABLE",
    "environment_of",
    "example",
    "filled_in",
]
