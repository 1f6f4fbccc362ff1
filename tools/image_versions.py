"""Stops the build of the image if it lowers a package of the base image.

    python image_versions.py note FILE              before pip: stores the installed versions
    python image_versions.py compare FILE [NAME …]  after pip: exit status 1 if a package is lower than before

The base image holds Airflow with the versions of Airflow's own constraints. pip replaces them by those of the
lock, and its output hides that. NAMEs may be lowered. The script runs in the base image before the project is
copied, so it uses only the standard library and `packaging`, which Airflow needs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import distributions
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version


def main(arguments: list[str]) -> int:
    """Exit status 0, or 1 with a sentence that names the lowered packages."""
    command, file, *accepted = arguments
    if command == "note":
        Path(file).write_text(json.dumps(installed()))
        return 0
    before, now = json.loads(Path(file).read_text()), installed()
    print(summary(before, now))
    lower = lowered(before, now, accepted)
    if lower:
        print(
            f"The lock lowers packages of the base image: {', '.join(lower)}. Run `make lock`, use another "
            "base image of the same Airflow, or accept them with --build-arg ALLOW_DOWNGRADE='name name'.",
            file=sys.stderr,
        )
    return 1 if lower else 0


def installed() -> dict[str, str]:
    """Versions by normalised name. The first one on the path counts, as for imports."""
    found: dict[str, str] = {}
    for one in distributions():
        found.setdefault(canonicalize_name(one.name), one.version)
    return found


def lowered(before: Mapping[str, str], now: Mapping[str, str], accepted: Iterable[str] = ()) -> list[str]:
    """`name 2.0 → 1.9` for each package that is lower or missing now and is not accepted."""
    names = sorted(before.keys() - set(map(canonicalize_name, accepted)))
    removed = [f"{name} {before[name]} → removed" for name in names if name not in now]
    lower = [name for name in names if name in now and Version(now[name]) < Version(before[name])]
    return [f"{name} {before[name]} → {now[name]}" for name in lower] + removed


def summary(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """One line for the build's log."""
    raised = [name for name in before.keys() & now.keys() if Version(now[name]) > Version(before[name])]
    added = now.keys() - before.keys()
    return f"Base image: {len(before)} packages; raised {len(raised)}, added {len(added)}."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
