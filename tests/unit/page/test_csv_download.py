"""CSV files: no cell is calculated, no address is in them, and they hold exactly the records."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from include.outcomes import Outcome, PipelineName, Reason
from include.page.csv_download import RECORD_COLUMNS, csv_file, record_rows, safe_cell
from include.state import FoundRecord, StoredOutcome

ZONE = ZoneInfo("America/Sao_Paulo")
CALCULATED = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
NASTY = st.text(st.sampled_from([*CALCULATED, *";|,\"' \n1a"]), max_size=12) | st.text(max_size=20)
AT = datetime(2026, 11, 23, 12, 30, 15, 123, tzinfo=UTC)


def read(content: bytes, separator: str = ",") -> list[list[str]]:
    text = content.decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))


@given(st.lists(st.lists(NASTY, min_size=1, max_size=4), max_size=4))
@example([["=1+1", "-5", "@SUM(A1)", "\t=1"]])
@example([['a;"=1'], ["a;=1+1"], ["a\n=1"], ["  =1"], ["a\r-1"]])
def test_cells__are_never_calculated_in_any_language(rows: list[list[str]]) -> None:
    """A spreadsheet may separate cells by a comma, or by another character of its language."""
    content = b"".join(csv_file(["a"], [rows]))
    assert content.startswith(b"\xef\xbb\xbf"), "Excel recognises UTF-8 by the byte order mark"
    assert [cell for cells in read(content) for cell in cells if cell.startswith(CALCULATED)] == []
    for separator in ";|\t":
        found = [cell.lstrip(' "\t\r\n') for cells in read(content, separator) for cell in cells]
        assert [cell for cell in found if cell.startswith(CALCULATED)] == [], separator


@given(st.text(st.characters(exclude_characters="@", categories=["L", "N", "Zs"]), max_size=30))
def test_cells__of_harmless_texts_stay_as_they_are(text: str) -> None:
    assert safe_cell(text) == text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (3, "3"),
        ("1339-01", "1339-01"),
        ("a-b, c", "a-b, c"),
        ("-5", "'-5"),
        ("=1", "'=1"),
        ("+55", "'+55"),
        ("\tx", "'\tx"),
        ("100 %", "100 %"),
    ],
)
def test_cells__ids_keep_their_form(value: object, shown: str) -> None:
    assert safe_cell(value) == shown


@given(st.emails(), NASTY, NASTY)
def test_cells__hold_no_address(email: str, before: str, after: str) -> None:
    assert email not in safe_cell(f"{before} {email} {after}")


def record(key: str, reason: Reason | None = Reason.EMAIL_MISSING, run: str = "dag/run/0") -> StoredOutcome:
    outcome = reason.outcome if reason else Outcome.SENT
    return StoredOutcome(key, outcome, reason, "the detail", run, 2, AT, AT)


def test_rows__name_the_reason_and_the_shops_time() -> None:
    run = "sync_contacts/scheduled__1/0-20261123T120000-1a2b3c4d"
    rows = list(record_rows([FoundRecord(PipelineName.CONTACTS, record("c1", run=run))], ZONE))
    assert dict(zip(RECORD_COLUMNS, rows[0], strict=True)) == {
        "pipeline": "contacts",
        "key": "c1",
        "outcome": "rejected",
        "reason": "email_missing",
        "meaning": Reason.EMAIL_MISSING.meaning,
        "detail": "the detail",
        "attempts": 2,
        "first seen": "2026-11-23T09:30:15-03:00",
        "last seen": "2026-11-23T09:30:15-03:00",
        "run": "sync_contacts/scheduled__1/0",
    }


def test_rows__of_a_sent_record_have_no_reason() -> None:
    rows = list(record_rows([FoundRecord(PipelineName.CONTACTS, record("c1", reason=None))], ZONE))
    assert rows[0][2:5] == (Outcome.SENT, "", "")


def test_rows__of_a_person_have_the_first_digits_of_the_hash() -> None:
    person = "0123456789abcdef" * 4
    rows = list(record_rows([FoundRecord(PipelineName.NEWSLETTER, record(person))], ZONE))
    assert rows[0][1] == "0123456789ab…"
    assert person not in str(rows)


def test_file__is_written_in_pieces() -> None:
    pieces = list(csv_file(["a", "b"], [[["1", "x"]], [["2", "y"], ["3", "z"]]]))
    assert len(pieces) == 3
    assert read(b"".join(pieces)) == [["a", "b"], ["1", "x"], ["2", "y"], ["3", "z"]]
