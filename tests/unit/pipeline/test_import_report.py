"""Connectif's report of failed rows, which has no documented form: the row of each line is found."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.pipeline.import_file import ImportFile, StagedFile
from include.pipeline.import_report import Refusals, read_refusals
from include.staging import Staging

HEADER = "_email,_name,health_details"
PEOPLE = ["ana@example.com,Ana,asthma", "bo@example.com,Bo,", "cid@example.com,Cid,", "di@example.com,Di,flu"]


def staged(folder: Path, header: str, rows: list[str]) -> StagedFile:
    content = "".join(f"{line}\n" for line in [header, *rows]).encode()
    file = ImportFile("contacts-0001.csv", "contacts", len(rows), len(content))
    staging = Staging(folder)
    staging.write_bytes(file.staged_as, content)
    return StagedFile(staging, file)


@pytest.fixture
def sent(tmp_path: Path) -> StagedFile:
    return staged(tmp_path, HEADER, PEOPLE)


@pytest.mark.parametrize(
    ("report", "named"),
    [
        (b"_email,_name,error\nana@example.com,Ana,not a date\n", {"ana@example.com": "not a date"}),
        (b"\xef\xbb\xbf_email,Error message\r\nana@example.com,no\r\n", {"ana@example.com": "no"}),
        (b"line,_email,code,reason,detail\n3,ana@example.com,E1,x,y\n", {"ana@example.com": "x: y"}),
        (b"_email,unheard of\nana@example.com,x\n", {"ana@example.com": ""}),
        (b"_email,error\nana@example.com,not b@example.com\n", {"ana@example.com": "not b@example.com"}),
        (b"_email,error\nana@example.com,\n", {"ana@example.com": ""}),
        (b"Email,Error message\nana@example.com,no date\n", {"ana@example.com": "no date"}),
        (b"Correo electr\xc3\xb3nico;Motivo\nANA@example.com;mal\n", {"ana@example.com": "mal"}),
        (b"who\tmotivo\nana@example.com\tmal\n", {"ana@example.com": "mal"}),
        (b"_email,error\r ana@example.com ,no\r", {"ana@example.com": "no"}),
        (b"_email,health_details,error\nana@example.com,asthma,no date\n", {"ana@example.com": "no date"}),
        (b"_email,error\nana@example.com,bad\nana@example.com,bad\n", {"ana@example.com": "bad"}),
        (b"error,_email\none,ana@example.com,more,cells\n", {"ana@example.com": "one"}),
        ("_email,error\nana@example.com,não é\n".encode("latin-1"), {"ana@example.com": "n�o �"}),
        ("_email,error\nana@example.com,no\n".encode("utf-16"), {"ana@example.com": "no"}),
        (b"_email,error\nana@example.com," + b"x" * 200_000 + b"\n", {"ana@example.com": "x" * 2_000}),
    ],
)  # fmt: skip
def test_report__finds_key_and_reason_in_unknown_columns(
    report: bytes, named: dict[str, str], sent: StagedFile
) -> None:
    assert read_refusals(report, sent, "_email") == Refusals(named)


def test_report__a_line_of_another_length_loses_no_other_line(sent: StagedFile) -> None:
    report = b"_email,error\nana@example.com,no\nbo@example.com,one, two, three\ncid@example.com\n\n"
    found = read_refusals(report, sent, "_email")
    assert found.named == {"ana@example.com": "no", "bo@example.com": "one", "cid@example.com": ""}


def test_report__a_key_that_was_not_sent_names_no_row(sent: StagedFile) -> None:
    found = read_refusals(b"_email,error\nana@example.com,no\nx@example.com,why\n", sent, "_email")
    assert found == Refusals({"ana@example.com": "no"}, ["why"], None)


@pytest.mark.parametrize(
    "report",
    [
        b"", b"  \n", b"_email,error\n", b"<html>\n_email,error\nana@example.com,no\n", b"\x00\x00",
        b"\xff\xfe", b"PK\x03\x04", b"[]",
    ],
)  # fmt: skip
def test_report__without_a_readable_line(report: bytes, sent: StagedFile) -> None:
    assert read_refusals(report, sent, "_email") == Refusals(suspects=None)


# --- by line number


@pytest.mark.parametrize(
    ("report", "named"),
    [
        (b"line,error\n5,bad\n", {"di@example.com": "bad"}),
        (b"row;error\n0;bad\n3;worse\n", {"ana@example.com": "bad", "di@example.com": "worse"}),
        (b"fila,motivo\n5,mal\n2,peor\n", {"di@example.com": "mal", "ana@example.com": "peor"}),
        (b"line,_name,error\n3,Bo,bad\n", {"bo@example.com": "bad"}),
        (b"line,_name,error\n3,Cid,bad\n", {"cid@example.com": "bad"}),
        (b"Line number,error,_name\n3,bad,Di\n", {"di@example.com": "bad"}),
        ("N.º de línea,motivo\n5,mal\n".encode(), {"di@example.com": "mal"}),
    ],
)
def test_report__by_line_number_if_one_way_of_counting_fits(
    report: bytes, named: dict[str, str], sent: StagedFile
) -> None:
    assert read_refusals(report, sent, "_email") == Refusals(named)


@pytest.mark.parametrize(
    ("report", "suspects"),
    [
        (b"line,error\n3,bad\n", {"bo@example.com", "cid@example.com", "di@example.com"}),
        (b"line,error\n4,bad\n", {"cid@example.com", "di@example.com"}),
        (b"line,error\n1,bad\n", {"ana@example.com", "bo@example.com"}),
    ],
)
def test_report__by_line_number_if_several_ways_fit_gives_suspects(
    report: bytes, suspects: set[str], sent: StagedFile
) -> None:
    assert read_refusals(report, sent, "_email") == Refusals({}, ["bad"], suspects)


@pytest.mark.parametrize(
    "report",
    [
        b"line,error\n6,bad\n",
        b"line,error\n-1,bad\n",
        b"line,error\n0,bad\n5,bad\n",
        b"line,error\n5,bad\n,bad\n",
        b"line,error\nfive,bad\n",
        b"line,_name,error\n3,Zoe,bad\n",
        b"number,error\n5,bad\n",
    ],
)
def test_report__by_line_number_that_fits_no_row(report: bytes, sent: StagedFile) -> None:
    found = read_refusals(report, sent, "_email")
    assert (found.named, set(found.unnamed), found.suspects) == ({}, {"bad"}, None)


def test_report__a_line_number_is_not_taken_for_a_product_id(tmp_path: Path) -> None:
    sent = staged(tmp_path, "productId,name", ["2,Kettle", "3,Pot", "4,Cup"])
    assert read_refusals(b"line,error\n4,bad\n", sent, "productId").named == {"4": "bad"}, (
        "its line is 4, too"
    )
    assert read_refusals(b"line,error\n2,bad\n", sent, "productId").named == {}
    assert read_refusals(b"Product ID,error\n2,bad\n", sent, "productId").named == {"2": "bad"}


@given(
    count=st.integers(1, 12),
    at=st.sets(st.integers(0, 11), min_size=1),
    first=st.sampled_from([0, 1, 2]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
def test_report__by_line_number_never_names_another_row(
    count: int, at: set[int], first: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """With each way to count: only the refused row may be named, and it is always a suspect."""
    places = sorted(place for place in at if place < count) or [0]
    keys = [f"n{number}@example.com" for number in range(count)]
    sent = staged(tmp_path_factory.mktemp("property"), "_email", keys)
    report = "".join(["line,error\n", *(f"{place + first},bad\n" for place in places)]).encode()
    found = read_refusals(report, sent, "_email")
    refused = {keys[place] for place in places}
    if found.named:
        assert found.named.keys() == refused
    else:
        assert found.suspects is not None
        assert refused <= found.suspects
