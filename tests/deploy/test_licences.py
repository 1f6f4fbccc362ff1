"""docs/licences.md lists the licences that the installed packages state."""

from __future__ import annotations

import sys

import pytest

from tools.licences import PAGE, mark, render, stated_licence


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the page lists the packages of Python 3.11")
def test_page__is_the_output_of_make_licences() -> None:
    assert render() == PAGE.read_text(), "run `make licences`"


@pytest.mark.parametrize(
    ("expression", "classifiers", "text", "expected"),
    [
        ("MIT", ["License :: OSI Approved :: Apache Software License"], "BSD", "MIT"),
        (None, ["License :: OSI Approved :: BSD License", "Topic :: X"], "long text", "BSD License"),
        (None, ["License :: OSI Approved"], "ISC", "ISC"),
        (None, [], "MIT License\n\nCopyright", "MIT License"),
        (None, [], "GPL | MIT", "GPL / MIT"),
        (None, [], "UNKNOWN", "unknown"),
        (None, [], " ", "unknown"),
        (None, [], None, "unknown"),
    ],
)
def test_licence__is_the_most_exact_statement(
    expression: str | None, classifiers: list[str], text: str | None, expected: str
) -> None:
    assert stated_licence(expression, classifiers, text) == expected


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("MIT", ""),
        ("Apache-2.0 AND MIT", ""),
        ("BSD License", ""),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", "copyleft"),
        ("Mozilla Public License 2.0 (MPL 2.0)", "copyleft"),
        ("LGPL-3.0-only", "copyleft"),
        ("AGPL-3.0-or-later", "copyleft"),
        ("LGPL with exceptions", "copyleft"),
        ("GNU Lesser General Public License v3 (LGPLv3)", "copyleft"),
        ("GPLv2", "copyleft"),
        ("unknown", "unknown"),
    ],
)
def test_mark__flags_licences_that_a_person_must_check(licence: str, expected: str) -> None:
    assert mark(licence) == expected
