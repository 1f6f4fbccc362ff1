"""Writes requirements.txt and requirements-image.txt from the lock. `make lock` runs it after resolving.

The lock holds everything with hashes, also development tools. requirements.txt is the short list: direct pins
for an existing Airflow. requirements-image.txt holds all packages that these pins need, with the hashes that
`pip install --require-hashes` demands.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Set
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADER = "# Written by `make lock` from pyproject.toml and requirements.lock. Do not edit."
SECTIONS = {
    "the sync": None,
    "CeleryExecutor, PostgreSQL and FAB of docker-compose.yaml": "deploy",
    "the sandbox, for its profile in docker-compose.yaml": "sandbox",
}
PIN = re.compile(r"^(?P<name>[a-z0-9.-]+)==(?P<version>[^ ;\\]+)(?: ; (?P<marker>[^\\]+?))? *\\?$")
ENTRY = re.compile(r"^[a-z0-9.-]+==.*\n(?:    .*\n)*", re.MULTILINE)
VIA = re.compile(r"# (?:via|  ) *([a-z0-9.-]+)")


def main() -> None:
    """Write both files."""
    (ROOT / "requirements.txt").write_text(render())
    (ROOT / "requirements-image.txt").write_text(render_image())


def render() -> str:
    """The text of requirements.txt. KeyError if the lock lacks a direct dependency: run `make lock`."""
    pins = locked((ROOT / "requirements.lock").read_text())
    blocks = [
        "\n".join([f"# {title}", *(line for name in names(group) for line in pins[name])])
        for title, group in SECTIONS.items()
    ]
    return "\n\n".join([HEADER, *blocks]) + "\n"


def render_image() -> str:
    """The text of requirements-image.txt: the lock's entries without those for development only."""
    entries = list(map(Entry.read, ENTRY.findall((ROOT / "requirements.lock").read_text())))
    kept = needed(entries, {name for group in SECTIONS.values() for name in names(group)})
    return HEADER + "\n" + "".join(entry.text for entry in entries if entry.name in kept)


@dataclass(frozen=True)
class Entry:
    """One pin of the lock: its text with marker, hashes and origin, and the names of its parents."""

    name: str
    text: str
    parents: frozenset[str]

    @classmethod
    def read(cls, text: str) -> Entry:
        """Read an entry from its lines. uv writes the origin as `# via name`, or one name a line."""
        comments = "".join(line for line in text.splitlines(keepends=True) if line.startswith("    #"))
        return cls(text.partition("==")[0], text, frozenset(VIA.findall(comments)))


def needed(entries: Iterable[Entry], roots: Set[str]) -> set[str]:
    """The roots and all names that they need, at any depth."""
    found = set(roots)
    while more := {entry.name for entry in entries if entry.name not in found and entry.parents & found}:
        found |= more
    return found


def names(group: str | None) -> list[str]:
    """The names in pyproject.toml: the project's own dependencies, or those of a group."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    given = project["project"]["dependencies"] if group is None else project["dependency-groups"][group]
    return [re.split(r"[<>=!~\[ ;]", one)[0].lower() for one in given]


def locked(lock: str) -> dict[str, list[str]]:
    """Pins by name; several lines if the version depends on Python's."""
    found: dict[str, list[str]] = {}
    for match in filter(None, map(PIN.match, lock.splitlines())):
        name, version, marker = match["name"], match["version"], match["marker"]
        found.setdefault(name, []).append(f"{name}=={version}" + (f" ; {marker}" if marker else ""))
    return found


if __name__ == "__main__":
    main()
