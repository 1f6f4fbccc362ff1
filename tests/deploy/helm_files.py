"""The files of deploy/helm, merged as Helm merges several --values: maps by key, all else replaced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
HELM = ROOT / "deploy" / "helm"
SCHEMA = Path(__file__).with_name("helm_chart.schema.yaml")
VALUE_FILES = ("values", "kubernetes-executor", "git-bundle")


def read(name: str) -> dict[str, Any]:
    """A file of deploy/helm by its name without `.yaml`."""
    read_file: dict[str, Any] = yaml.safe_load((HELM / f"{name}.yaml").read_text())
    return read_file


def merged(*names: str) -> dict[str, Any]:
    """The values that Helm has after these files, the last one first in rank."""
    values: dict[str, Any] = {}
    for name in names:
        values = _merge(values, read(name))
    return values


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    both = {
        key: _merge(base[key], value)
        if isinstance(base.get(key), dict) and isinstance(value, dict)
        else value
        for key, value in over.items()
    }
    return base | both


CELERY = merged("values")
KUBERNETES = merged("values", "kubernetes-executor")
GIT = merged("values", "git-bundle")
NEWSLETTER: dict[str, Any] = CELERY["workers"]["celery"]["sets"][0]


def variables(values: dict[str, Any]) -> dict[str, str]:
    """The variables of an `env` list."""
    return {one["name"]: one["value"] for one in values.get("env", [])}
