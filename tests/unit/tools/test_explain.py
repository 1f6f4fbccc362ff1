"""`make explain`: its output, and its messages for wrong arguments."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from include.outcomes import Kind
from include.pipeline.explain_history import Event
from include.pipeline.explanation import (
    Advice,
    Comparison,
    Conclusion,
    Explanation,
    Fact,
    Part,
    Presence,
    Row,
    RowGroup,
)
from tools.command import run_command
from tools.explain import main
from tools.explain_text import as_text

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
FOUND = Explanation(
    Kind.ORDER,
    "900-01",
    is_known=True,
    zone=ZoneInfo("America/Sao_Paulo"),
    conclusion=Conclusion(Presence.DIFFERS, "In Connectif, but 1 field differs from VTEX: price"),
    comparison=Comparison(
        (
            RowGroup("", (Row("contact email", "a…(15)", "not kept", "a…(15)", personal=True),)),
            RowGroup("Line 1", (Row("price", "19.90", None, "12.00", there_differs=True),)),
        ),
        True,
        "No other values are kept",
    ),
    history=(Event(NOON, "sent to Connectif", "sync_purchases/manual__1/0-20261123T120000-0123abcd"),),
    advice=(Advice("Run it alone", "airflow dags trigger sync_purchases"),),
    parts=(Part("Order 900-01 at VTEX", (Fact("status", "invoiced"),)),),
)


def test_text__has_the_conclusion_first_and_aligned_columns() -> None:
    assert as_text(FOUND).splitlines() == [
        "order 900-01",
        "In Connectif, but 1 field differs from VTEX: price",
        "All times are by the clock of America/Sao_Paulo.",
        "",
        "FIELDS",
        "  field          VTEX now  sent last  Connectif now",
        "  contact email  a…(15)    not kept   a…(15)",
        "  Line 1:",
        "  price          19.90     -          ≠ 12.00",
        "  No other values are kept.",
        "",
        "HISTORY",
        "  2026-11-23 09:00  sent to Connectif (sync_purchases/manual__1/0)",
        "",
        "WHAT TO DO",
        "  Run it alone.",
        "    airflow dags trigger sync_purchases",
        "",
        "Order 900-01 at VTEX",
        "  status  invoiced",
    ]


def test_text__of_an_unknown_record_has_every_section() -> None:
    nothing = Explanation(
        Kind.PRODUCT,
        "35",
        is_known=False,
        zone=ZoneInfo("UTC"),
        conclusion=Conclusion(Presence.UNKNOWN, "Not in VTEX's search and not in Connectif"),
        comparison=Comparison((), False, "No catalogue was sent yet"),
    )
    text = as_text(nothing)
    assert "nothing would be sent, and Connectif has nothing" in text
    assert "nothing is known" in text


def test_text__wraps_long_values_in_their_columns() -> None:
    long = Row("image url", "https://shop.example/" + "x" * 200, None, "y" * 200)
    group = Comparison((RowGroup("", (long,)),), False, "")
    lines = as_text(
        Explanation(Kind.PRODUCT, "35", True, ZoneInfo("UTC"), FOUND.conclusion, group)
    ).splitlines()
    assert max(map(len, lines)) <= 118
    assert sum(line.count("y") for line in lines if "xxx" in line or "yyy" in line) == 200


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
