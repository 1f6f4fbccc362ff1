"""The tables and the exit status of `make torture`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.torture.tried import Tried
from tools import torture
from tools.torture import KINDS, main, report

ROWS = [
    Tried("hostile answers", "vtex.PRICE", "half", peak_mb=80.4, seconds=0.25),
    Tried("hostile answers", "vtex.PRICE", "deep", "no error, and a wrong result", 90.0, 1.5),
    Tried("canaries", "contacts", "name in log"),
]


def test_report__has_tables_then_problems_then_sums() -> None:
    assert [" ".join(line.split()) for line in report(ROWS)] == [
        "hostile answers tried held worst MB worst s",
        "vtex.PRICE 2 1 90 1.5",
        "",
        "canaries tried held worst MB worst s",
        "contacts 1 1 - -",
        "",
        "hostile answers, vtex.PRICE, deep: no error, and a wrong result",
        "hostile answers: 2 tried, 1 held, 1 not, at most 90 MB, at most 1.5 s",
        "canaries: 1 tried, 1 held, 0 not",
    ]


@pytest.mark.parametrize(("problem", "status"), [("", 0), ("green", 1)])
def test_main__runs_the_given_kinds(
    problem: str, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def rows(folder: Path) -> Iterator[Tried]:
        assert list(folder.iterdir()) == []
        yield Tried("kills", "contacts", "after line 1", problem)

    monkeypatch.setattr(torture, "KINDS", {"kills": rows, "faults": None})
    assert main(["kills"]) == status
    printed = capsys.readouterr()
    assert "kills: 1 tried" in printed.out
    assert "kills: finished, 1 tried" in printed.err


def test_main__refuses_an_unknown_kind(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["nothing"])
    assert "hostile" in capsys.readouterr().err


def test_kinds__each_is_one_word() -> None:
    assert all(kind.isalpha() for kind in KINDS)
