"""The pages in docs/reference are what `make docs` prints, and every setting has a comment."""

from __future__ import annotations

import re

import pytest

from include.settings import SETTINGS_FILE, Settings
from tools.docs import PAGES, REFERENCE
from tools.settings_reference import read_comments


def without_schedule(page: str) -> str:
    """The page without the schedule's values: an operator may change these in include/settings.toml."""
    before, separator, rest = page.partition("## schedule\n")
    schedule, _, after = rest.partition("\n## ")
    return before + separator + re.sub(r"(?m)^- Default: .*$", "", schedule) + after


@pytest.mark.parametrize("name", PAGES)
def test_page__is_what_make_docs_prints(name: str) -> None:
    written = (REFERENCE / name).read_text(encoding="utf-8")
    assert without_schedule(written) == without_schedule(PAGES[name]()), "run `make docs`"


def test_reference__has_no_other_page() -> None:
    assert {page.name for page in REFERENCE.glob("*.md")} == set(PAGES)


def test_settings__each_have_a_comment() -> None:
    comments = {
        (each.section, each.name): each.text
        for each in read_comments(SETTINGS_FILE.read_text(encoding="utf-8"))
    }
    expected = {
        (section, name)
        for section, field in Settings.model_fields.items()
        for name in field.annotation.model_fields  # type: ignore[union-attr]
    }
    assert set(comments) == expected
    assert [setting for setting, text in comments.items() if not text] == []


def test_comment__keeps_code_and_the_introduction_of_its_section_apart() -> None:
    source = "[run]\n# About runs.\n#\n# Minutes:\n#     an example\n# End.\noverlap_minutes = 1\n"
    (comment,) = read_comments(source)
    assert comment.introduction == ["About runs."]
    assert comment.text == ["Minutes:", "", "```toml", "an example", "```", "", "End."]
