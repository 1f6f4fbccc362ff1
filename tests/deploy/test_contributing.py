"""The lists in CONTRIBUTING.md name the files that such a change touches, and no others."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest

from include.outcomes import Reason

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
LISTS = ("Add a contact field", "Add a reason", "Add a pipeline")
DAILY = ("contacts", "products", "purchases")
CODE = ("include", "plugins", "dags")
CHANGELOG = "CHANGELOG.md"
WITH_A_RULE_OF_THEIR_OWN = frozenset({"_email", "_name", "_surname"})
"""The key of a contact, and the names that the mass-change guard counts."""


def listed(title: str) -> list[str]:
    """The paths of a list, in its order."""
    (section,) = re.findall(rf"^### {title}\n(.*?)(?=^##)", TEXT, re.DOTALL | re.MULTILINE)
    return re.findall(r"^- `([^`]+)`", section, re.MULTILINE)


@cache
def sources(*places: str) -> dict[str, str]:
    """The text of each source file below these folders, by its path."""
    files = (
        file for place in places for file in (ROOT / place).rglob("*") if file.suffix in {".py", ".toml"}
    )
    return {str(file.relative_to(ROOT)): file.read_text(encoding="utf-8") for file in files}


def naming_all(patterns: Iterable[str], texts: dict[str, str]) -> set[str]:
    """The files in which each pattern occurs."""
    compiled = [re.compile(pattern, re.MULTILINE) for pattern in patterns]
    return {path for path, text in texts.items() if all(pattern.search(text) for pattern in compiled)}


def naming(pattern: str, texts: dict[str, str]) -> set[str]:
    return naming_all([pattern], texts)


@pytest.mark.parametrize("title", LISTS)
def test_lists__name_files_that_exist(title: str) -> None:
    assert [path for path in listed(title) if not (ROOT / path).exists()] == []
    assert CHANGELOG in listed(title)


def test_paths_in_the_text__exist() -> None:
    paths = re.findall(r"`((?:include|plugins|dags|tools|tests|docs|sandbox)/[\w/.*-]+)`", TEXT)
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_contact_field__is_named_by_the_listed_files_only() -> None:
    from include.contacts.fields import CONTACT_FIELDS  # noqa: PLC0415 - heavy

    code = sources(*CODE)
    ordinary = [field.target for field in CONTACT_FIELDS if field.target not in WITH_A_RULE_OF_THEIR_OWN]
    assert ordinary
    expected = {path for path in listed("Add a contact field") if path.endswith(".py")}
    assert {target: naming(f'"{target}"', code) for target in ordinary} == dict.fromkeys(ordinary, expected)
    page = (ROOT / "docs" / "contacts.md").read_text(encoding="utf-8")
    assert [field.target for field in CONTACT_FIELDS if f"| `{field.target}` |" not in page] == []


def test_reason__is_registered_in_the_listed_files_only() -> None:
    members = [rf"\bReason\.{reason.name}\b|^    {reason.name} = " for reason in Reason]
    expected = {path for path in listed("Add a reason") if path.endswith(".py")}
    assert naming_all(members, sources("include", "plugins", "dags", "tools")) == expected


@pytest.mark.parametrize("reason", Reason)
def test_reason__is_given_by_code_and_shown_by_a_test(reason: Reason) -> None:
    registered = set(listed("Add a reason"))
    assert naming(rf"\bReason\.{reason.name}\b", sources("include")) - registered, "no code gives it"
    cases = {str(file): file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("*.json")}
    tests = sources("tests") | cases
    assert naming(rf'\bReason\.{reason.name}\b|"{reason}"', tests), "no test shows it"


def test_pipeline__is_registered_in_the_listed_files_only() -> None:
    names = [
        rf'\b{name.upper()}\b|"{name}"|\bsync_{name}\b|\binclude\.{name}\b|^ *{name}(?: =|: )|\[{name}\]'
        for name in DAILY
    ]
    code = sources(*CODE) | {"pyproject.toml": (ROOT / "pyproject.toml").read_text(encoding="utf-8")}
    others = {"tools/local_stack.py", "README.md", CHANGELOG}
    assert naming_all(names, code) == set(listed("Add a pipeline")) - others
    assert naming_all(names, sources("tools")) >= {"tools/local_stack.py"}


def test_pipeline__touches_twelve_files_at_most() -> None:
    assert len(listed("Add a pipeline")) <= 12
