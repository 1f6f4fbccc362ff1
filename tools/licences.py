"""`make licences`: writes docs/licences.md, with the licence that each package of the image states.

It reads the installed packages' metadata: `License-Expression` (SPDX, PEP 639), else the classifiers, else
the first line of `License`. It marks copyleft and unknown licences, so that a person can check them.
"""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, metadata

from tools.requirements import ROOT, image_entries

PAGE = ROOT / "docs" / "licences.md"
HEADER = """# Licences

Written by `make licences` from the metadata of the packages in `requirements-image.txt`. Do not edit. The
environment is that of Linux and Python 3.11; what a package states about itself is not verified.

"""
COPYLEFT = re.compile(r"\b(A?GPL|LGPL|MPL|EPL|CDDL|EUPL)|GNU|Mozilla|copyleft", re.IGNORECASE)
UNKNOWN, NOT_INSTALLED = "unknown", "not installed here"


def main() -> None:
    """Write the page."""
    PAGE.write_text(render())


def render() -> str:
    """The page: the marked packages first, then all packages by name."""
    stated = {entry.name: licence(entry.name) for entry in image_entries()}
    marked = [name for name, text in stated.items() if mark(text)]
    rows = [f"| {name} | {text} | {mark(text)} |" for name, text in sorted(stated.items())]
    summary = f"{len(stated)} packages. Copyleft or unknown: {', '.join(sorted(marked)) or 'none'}.\n\n"
    return HEADER + summary + "| package | licence | |\n|---|---|---|\n" + "\n".join(rows) + "\n"


def mark(licence: str) -> str:
    """`copyleft`, `unknown`, or nothing."""
    return "copyleft" if COPYLEFT.search(licence) else UNKNOWN if licence == UNKNOWN else ""


def licence(name: str) -> str:
    """The licence that the package states; `not installed here` if a marker excludes it."""
    try:
        fields = metadata(name)
    except PackageNotFoundError:
        return NOT_INSTALLED
    return stated_licence(
        _first(fields.get_all("License-Expression")),
        fields.get_all("Classifier") or [],
        _first(fields.get_all("License")),
    )


def _first(values: list[str] | None) -> str | None:
    return values[0] if values else None


def stated_licence(expression: str | None, classifiers: list[str], text: str | None) -> str:
    """The most exact statement, as one line without the table's separator."""
    classified = [one.rpartition(" :: ")[2] for one in classifiers if one.startswith("License :: ")]
    lines = (text or "").strip().splitlines()
    found = expression or "; ".join(one for one in classified if one != "OSI Approved") or "".join(lines[:1])
    licence = found.strip().replace("|", "/")
    return UNKNOWN if licence.lower() in {"", "unknown"} else licence


if __name__ == "__main__":
    main()
