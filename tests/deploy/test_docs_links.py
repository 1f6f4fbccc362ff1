"""The pages of the project: their links lead to a file and a heading that exist, and every page is linked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "sandbox/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
LINK = re.compile(r"\]\(([^)\s]+)\)")
PATH_IN_CODE = re.compile(r"docs/[\w/.-]+\.md")
LONGEST_LINE = 110
CODE_BLOCK = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
PLACES_OF_CODE = ("dags", "plugins", "include", "sandbox", "tools", "tests")


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """File and heading of each link within the project."""
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if not target.startswith(("http:", "https:")):
            path, _, heading = target.partition("#")
            yield (page.parent / path).resolve() if path else page, heading


def anchors(page: Path) -> set[str]:
    """The headings as GitHub names them in a URL."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links__lead_to_what_exists(page: Path) -> None:
    for path, heading in links(page):
        assert path.exists(), f"{page.relative_to(ROOT)} links to {path}"
        if heading:
            assert heading in anchors(path), f"{page.relative_to(ROOT)} links to #{heading} of {path.name}"


def test_pages__are_all_linked() -> None:
    linked = {path for page in PAGES for path, _ in links(page)}
    folders = {path for path in linked if path.is_dir()}
    unlinked = [
        page
        for page in PAGES
        if page not in linked
        and not folders & set(page.parents)
        and page not in (ROOT / "README.md", ROOT / "sandbox" / "README.md")
    ]
    assert unlinked == []


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if "sandbox" not in page.parts and page.name != "licences.md"],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_prose__has_short_lines(page: Path) -> None:
    prose = CODE_BLOCK.sub("", page.read_text(encoding="utf-8"))
    long = [line for line in prose.splitlines() if len(line) > LONGEST_LINE and not line.startswith("|")]
    assert long == []


PATH_IN_PAGE = re.compile(r"`((?:dags|plugins|include|sandbox|tools|tests)/[\w/.-]+\.\w+)`")


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if "adr" not in page.parts and page.name != "CHANGELOG.md"],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_pages__name_files_that_exist(page: Path) -> None:
    """Decision records and the changelog are history: they keep the names of their day."""
    named = PATH_IN_PAGE.findall(page.read_text(encoding="utf-8"))
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_code__names_pages_that_exist() -> None:
    files = [
        file
        for place in PLACES_OF_CODE
        for ext in ("py", "html", "toml")
        for file in (ROOT / place).rglob(f"*.{ext}")
    ]
    files += [ROOT / name for name in ("Dockerfile", "Makefile", "docker-compose.yaml", ".env.example")]
    named = {
        (file, name) for file in files for name in PATH_IN_CODE.findall(file.read_text(encoding="utf-8"))
    }
    assert named
    assert [(file, name) for file, name in named if not (ROOT / name).exists()] == []


def walks() -> dict[str, list[str]]:
    """The files of each walk through the code, by its heading."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## (An? \w+, from .*?)\n(.*?)(?=^## )", page, re.DOTALL | re.MULTILINE)
    return {title: re.findall(r"^\d+\. `([^`]+)`", text, re.MULTILINE) for title, text in sections}


def test_walks__name_files_that_exist() -> None:
    assert [len(files) > 5 for files in walks().values()] == [True, True]
    assert [file for files in walks().values() for file in files if not (ROOT / file).exists()] == []


def test_walk_of_an_order__has_twelve_files_at_most() -> None:
    assert len(walks()["An order, from list to POST"]) <= 12
