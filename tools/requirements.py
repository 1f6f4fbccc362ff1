"""Writes requirements.txt, requirements-image.txt and requirements-s3.txt from the lock, for `make lock`.

The lock holds everything with hashes, also development tools. requirements.txt is the short list: direct pins
for an existing Airflow. requirements-image.txt holds all packages that these pins need, with the hashes that
`pip install --require-hashes` demands. requirements-s3.txt holds, in the same way, what a bucket of S3 needs
beside them.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Set
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker

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
HASH = re.compile(r"--hash=sha256:([0-9a-f]+)")
IMAGE: dict[str, str | Set[str]] = {
    "implementation_name": "cpython",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    # one marker of the lock asks for the third number: whether it is below 3.11.3
    "python_full_version": "3.11.9",
    "python_version": "3.11",
    "sys_platform": "linux",
}
"""What the markers of the lock are compared with: the base image named in the Dockerfile."""


def main() -> None:
    """Write the files."""
    (ROOT / "requirements.txt").write_text(render())
    (ROOT / "requirements-image.txt").write_text(render_image())
    (ROOT / "requirements-s3.txt").write_text(render_s3())


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
    entries = entries_of((ROOT / "requirements.lock").read_text())
    kept = _in_image(entries)
    return HEADER + "\n" + "".join(entry.text for entry in entries if entry.name in kept)


def render_s3() -> str:
    """The text of requirements-s3.txt: the lock's entries for a bucket of S3 that the image does not have."""
    entries = entries_of((ROOT / "requirements.lock").read_text())
    kept = needed(entries, set(names("s3"))) - _in_image(entries)
    return HEADER + "\n" + "".join(entry.text for entry in entries if entry.name in kept)


def _in_image(entries: Iterable[Entry]) -> set[str]:
    return needed(entries, {name for group in SECTIONS.values() for name in names(group)})


@dataclass(frozen=True)
class Entry:
    """One pin of the lock: its text with marker, hashes and origin, and the names of what asked for it.

    `marker` is empty where the pin holds everywhere. `hashes` are SHA-256, one for each file of the version.
    """

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]
    parents: frozenset[str]
    text: str

    @classmethod
    def read(cls, text: str) -> Entry:
        """An entry from its lines. uv writes the origin as `# via name`, or one name a line."""
        lines = text.splitlines(keepends=True)
        comments = "".join(line for line in lines if line.startswith("    #"))
        pin = PIN.match(lines[0])
        if pin is None:
            raise ValueError(f"{lines[0].strip()} is not a pin of the lock: run `make lock`")
        hashes, origin = tuple(HASH.findall(text)), frozenset(VIA.findall(comments))
        return cls(pin["name"], pin["version"], pin["marker"] or "", hashes, origin, text)


def entries_of(lock: str) -> list[Entry]:
    """All pins of a lock, in its order."""
    return list(map(Entry.read, ENTRY.findall(lock)))


def image_entries() -> list[Entry]:
    """The pins that pip installs in the image: those of requirements-image.txt whose markers hold there."""
    entries = entries_of((ROOT / "requirements-image.txt").read_text())
    return [entry for entry in entries if not entry.marker or Marker(entry.marker).evaluate(IMAGE)]


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
