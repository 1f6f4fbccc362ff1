"""`make explain`: its output, and its messages for wrong arguments."""

from __future__ import annotations

import pytest

from include.outcomes import Kind
from include.pipeline.explanation import Explanation, Fact, Part, differing_fields, format_value
from tools.command import run_command
from tools.explain import as_text, main


def test_text__has_every_part_and_the_decision_last() -> None:
    parts = (
        Part("VTEX holds now", (Fact("name", "Ana", personal=True),)),
        Part("would be sent", (), "nothing"),
    )
    text = as_text(Explanation(Kind.CUSTOMER, "a…(15)", parts, ("It is sent.",), is_known=True))
    assert text.splitlines() == [
        "customer a…(15)",
        "",
        "VTEX HOLDS NOW",
        "  name: Ana",
        "",
        "WOULD BE SENT",
        "  (nothing)",
        "",
        "DECISION",
        "  It is sent.",
    ]


@pytest.mark.parametrize(("record", "kind"), [("", ""), ("35", "basket")])
def test_main__prints_its_usage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], record: str, kind: str
) -> None:
    monkeypatch.setenv("RECORD", record)
    monkeypatch.setenv("KIND", kind)
    assert main() == 2
    assert "usage: make explain RECORD=" in capsys.readouterr().err


def test_main__without_a_connection_says_which(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RECORD", "ana@example.com")
    assert run_command(main) == 1
    output = capsys.readouterr().err
    assert "There is no connection vtex_default" in output
    assert "ana@example.com" not in output


def test_shown__holds_no_whole_address() -> None:
    assert format_value("of ana@example.com, twice") == "of a…(15), twice"
    assert format_value(["ana@example.com", 3, True]) == "a…(15), 3, yes"


def test_differences__are_by_value() -> None:
    there = {"price": 19.9, "tags": ["b", "a"], "birth": "1990-01-31T00:00:00.000Z", "name": "Ana"}
    would = {"price": "19.90", "tags": ["a", "b"], "birth": "1990-01-31", "name": "Anna", "brand": ""}
    assert differing_fields(would, there) == ["name"]
