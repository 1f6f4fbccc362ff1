"""The pictures of the docs: their pages, and the message without a browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import browser
from tools.airflow_forms import FORMS
from tools.processes import ProcessFailed
from tools.screenshots import PICTURES, SHOTS, write_pages

LARGEST_BYTES = 250_000


def test_pages__are_written_for_every_picture(tmp_path: Path) -> None:
    write_pages(tmp_path)
    for page, _, _ in SHOTS.values():
        text = (tmp_path / page).read_text()
        assert text.startswith("<!doctype html>")
        assert "@" not in text
    assert (tmp_path / "static" / "page.css").exists()


def test_pictures__exist_and_are_small() -> None:
    assert {picture.name for picture in PICTURES.glob("*.png")} == {*SHOTS, *FORMS}
    assert all(picture.stat().st_size < LARGEST_BYTES for picture in PICTURES.glob("*.png"))


def test_docs__show_every_picture() -> None:
    text = "".join(page.read_text() for page in PICTURES.parent.rglob("*.md"))
    assert [name for name in (*SHOTS, *FORMS) if f"pictures/{name})" not in text] == []


def test_no_browser__names_the_programs_that_it_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")
    with pytest.raises(ProcessFailed, match=r"No Chromium .*/nowhere/chromium.*make screenshots"):
        browser.find_browser()
