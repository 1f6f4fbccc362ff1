"""Writes requirements.txt: what an image adds to Airflow, as direct pins with the versions of the lock.

`make lock` runs it after resolving. The lock holds everything with hashes, development tools included;
requirements.txt is the short list that the Dockerfile and Astro install.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADER = "# Written by `make lock` from pyproject.toml and requirements.lock. Do not edit."
SECTIONS = {
    "the sync": None,
    "CeleryExecutor, PostgreSQL and FAB of docker-compose.yaml": "deploy",
    "the sandbox, for its profile in docker-compose.yaml": "sandbox",
}
PIN = re.compile(r"^(?P<name>[a-z0-9.-]+)==(?P<version>[^ ;\\]+)(?: ; (?P<marker>[^\\]+?))? *\\?$")


def main() -> None:
    """Write the file."""
    (ROOT / "requirements.txt").write_text(render())


def render() -> str:
    """The text of requirements.txt. KeyError where the lock lacks a direct dependency: run `make lock`."""
    pins = locked((ROOT / "requirements.lock").read_text())
    blocks = [
        "\n".join([f"# {title}", *(line for name in names(group) for line in pins[name])])
        for title, group in SECTIONS.items()
    ]
    return "\n\n".join([HEADER, *blocks]) + "\n"


def names(group: str | None) -> list[str]:
    """The names that pyproject.toml gives: the project's own dependencies, or those of a group."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    given = project["project"]["dependencies"] if group is None else project["dependency-groups"][group]
    return [re.split(r"[<>=!~\[ ;]", one)[0].lower() for one in given]


def locked(lock: str) -> dict[str, list[str]]:
    """Pins by name; several lines where the version depends on Python's."""
    found: dict[str, list[str]] = {}
    for match in filter(None, map(PIN.match, lock.splitlines())):
        name, version, marker = match["name"], match["version"], match["marker"]
        found.setdefault(name, []).append(f"{name}=={version}" + (f" ; {marker}" if marker else ""))
    return found


if __name__ == "__main__":
    main()
