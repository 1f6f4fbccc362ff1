"""Imports: the queue, the wait, what a retry does again, and reports of a form that nobody documents."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from include.connectif.client import ConnectifClient, Import, QueueFull
from include.errors import TemporaryError
from include.rest.form import FileToSend
from include.staging import Staging
from include.sync.imports import Imported, Importer, ImportFile, read_report

UNNAMED = ("", "Connectif's report does not name the row")
FILES = [ImportFile(f"contacts-{number:04}.csv", "contacts", 2, 35) for number in range(1, 14)]


@dataclass
class FakeConnectif:
    """A queue that takes `room` imports; each is over after `looks` looks at it."""

    room: int = 10
    looks: int = 1
    status: str = "finished"
    errors: int = 0
    report: bytes = b""
    full_for: int = 0
    posted: list[str] = field(default_factory=list)
    most_queued: int = 0
    _left: dict[str, int] = field(default_factory=dict)

    def create_import(self, kind: str, csv: FileToSend, *, override_existing: bool) -> Import:
        if self.full_for or len(self._left) >= self.room:
            self.full_for = max(0, self.full_for - 1)
            raise QueueFull("full")
        assert len(b"".join(csv.pieces())) == csv.size
        self.posted.append(csv.name)
        self._left[f"id-{len(self.posted)}-{csv.name}"] = self.looks
        self.most_queued = max(self.most_queued, len(self._left))
        return Import(f"id-{len(self.posted)}-{csv.name}", "queued", 0, 0, 0, None)

    def read_import(self, import_id: str) -> Import:
        if (left := self._left.get(import_id, 0)) > 1:
            self._left[import_id] = left - 1
            return Import(import_id, "inProgress", 2, 1, 0, None)
        self._left.pop(import_id, None)
        url = "https://files.example.com/1" if self.report else None
        return Import(import_id, self.status, 2, 2 - self.errors, self.errors, url)

    def read_import_report(self, url: str) -> bytes:
        return self.report


class Time:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def folder(tmp_path: Path) -> Staging:
    staging = Staging(tmp_path / "transform")
    for file in FILES:
        staging.write_bytes(file.staged_as, b"_email\na@example.com\nb@example.com\n")
    return staging


@pytest.fixture
def journal(tmp_path: Path) -> Staging:
    return Staging(tmp_path / "load")


def importer(connectif: FakeConnectif, folder: Staging, journal: Staging, time: Time) -> Importer:
    return Importer(
        cast("ConnectifClient", connectif), folder, journal,
        poll_seconds=5, patience_minutes=10, sleep=time.sleep, clock=lambda: time.now,
    )  # fmt: skip


def names(results: list[Imported]) -> list[str]:
    return [result.file.name for result in results]


def test_importer__posts_in_order_and_at_most_ten_wait(folder: Staging, journal: Staging, time: Time) -> None:
    connectif = FakeConnectif(room=99, looks=3)
    results = list(importer(connectif, folder, journal, time).run(FILES, "_email"))
    assert names(results) == connectif.posted == [file.name for file in FILES]
    assert connectif.most_queued == 10


def test_importer__a_queue_that_others_share_is_waited_for(
    folder: Staging, journal: Staging, time: Time
) -> None:
    connectif = FakeConnectif(room=3, looks=2)
    results = list(importer(connectif, folder, journal, time).run(FILES, "_email"))
    assert names(results) == connectif.posted == [file.name for file in FILES]


def test_importer__a_queue_full_of_others_imports_is_looked_at_seldom(
    folder: Staging, journal: Staging, time: Time
) -> None:
    connectif = FakeConnectif(full_for=3)
    results = list(importer(connectif, folder, journal, time).run(FILES[:1], "_email"))
    assert len(results) == 1
    assert time.slept == [50.0] * 3


def test_importer__a_queue_that_stays_full_is_left_to_a_retry(
    folder: Staging, journal: Staging, time: Time
) -> None:
    with pytest.raises(TemporaryError, match=r"full of others' imports for 10 minutes"):
        list(importer(FakeConnectif(room=0), folder, journal, time).run(FILES[:1], "_email"))
    assert 600 <= time.now < 700


def test_importer__looks_less_and_less_often(folder: Staging, journal: Staging, time: Time) -> None:
    list(importer(FakeConnectif(looks=7), folder, journal, time).run(FILES[:1], "_email"))
    assert time.slept == [1, 2, 4, 5, 5, 5]


def test_importer__patience_has_an_end_and_a_retry_goes_on_waiting(
    folder: Staging, journal: Staging, time: Time
) -> None:
    connectif = FakeConnectif(looks=1_000)
    with pytest.raises(TemporaryError, match=r"still 'inProgress' after 10 minutes"):
        list(importer(connectif, folder, journal, time).run(FILES[:2], "_email"))
    connectif.looks = 0
    connectif._left.clear()
    results = list(importer(connectif, folder, journal, time).run(FILES[:2], "_email"))
    assert names(results) == [file.name for file in FILES[:2]]
    assert connectif.posted == [file.name for file in FILES[:2]], "nothing was posted twice"


def test_importer__a_retry_posts_only_what_was_not_accepted(
    folder: Staging, journal: Staging, time: Time
) -> None:
    connectif = FakeConnectif()
    running = importer(connectif, folder, journal, time).run(FILES, "_email")
    next(running)
    running.close()  # type: ignore[attr-defined]  # a kill: ten are posted, one result was taken
    assert len(connectif.posted) == 10
    results = list(importer(connectif, folder, journal, time).run(FILES, "_email"))
    assert names(results) == [file.name for file in FILES]
    assert connectif.posted == [file.name for file in FILES]


@pytest.mark.parametrize("status", ["error", "cancelled"])
def test_importer__a_failed_import_is_sent_again_by_a_retry(
    status: str, folder: Staging, journal: Staging, time: Time
) -> None:
    connectif = FakeConnectif(status=status)
    with pytest.raises(
        TemporaryError, match=f"as '{status}' after 2 of 2 rows.*a retry sends the file again"
    ):
        list(importer(connectif, folder, journal, time).run(FILES[:1], "_email"))
    connectif.status = "finished"
    assert len(list(importer(connectif, folder, journal, time).run(FILES[:1], "_email"))) == 1
    assert connectif.posted == [FILES[0].name] * 2


@pytest.mark.parametrize(
    ("errors", "report", "refused"),
    [
        (0, b"", []),
        (1, b"_email,error\na@example.com,bad\n", [("a@example.com", "bad")]),
        (2, b"_email,error\na@example.com,bad\n", [("a@example.com", "bad"), UNNAMED]),
        (1, b"", [UNNAMED]),
        (1, b"_email,error\na@example.com,bad\nb@example.com,worse\n", [("a@example.com", "bad")]),
    ],
)  # fmt: skip
def test_importer__as_many_refused_rows_as_connectif_counts(
    errors: int, report: bytes, refused: list[Any], folder: Staging, journal: Staging
) -> None:
    connectif = FakeConnectif(errors=errors, report=report)
    (result,) = importer(connectif, folder, journal, Time()).run(FILES[:1], "_email")
    assert result.errors == errors
    assert list(result.refused.itertuples(index=False, name=None)) == refused


# --- the report of refused rows


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (b"_email,_name,error\na@example.com,Ana,not a date\n", [("a@example.com", "not a date")]),
        (b"\xef\xbb\xbf_email,Error message\r\na@example.com,no\r\n", [("a@example.com", "no")]),
        (b"line,_email,code,reason,detail\n3,a@example.com,E1,x,y\n", [("a@example.com", "x: y")]),
        (b"fila,motivo\n3,mal\n", [("", "mal")]),
        (b"_email,unheard of\na@example.com,x\n", [("a@example.com", "")]),
        (b"_email,error\na@example.com,not b@example.com\n", [("a@example.com", "not ***")]),
        (b"_email,error\na@example.com,\n", [("a@example.com", "")]),
        (b"_email,error\nNA,null\n", [("NA", "null")]),
        (b"Email,Error message\na@example.com,no date\n", [("a@example.com", "no date")]),
        (b"_email,error\n", []),
        (b"", []),
        (b"  \n", []),
    ],
)  # fmt: skip
def test_read_report__finds_key_and_reason_in_columns_unknown_to_us(
    report: bytes, expected: list[Any]
) -> None:
    assert list(read_report(report, "_email", sent=["_email"]).itertuples(index=False, name=None)) == expected


def test_read_report__cells_that_we_sent_are_no_reason() -> None:
    report = b"_email,health_details,error\na@example.com,asthma,no date\n"
    found = read_report(report, "_email", sent=["_email", "health_details"])
    assert list(found["detail"]) == ["no date"]


def test_read_report__a_line_with_too_many_cells_loses_no_neighbour() -> None:
    report = b"_email,error\na@example.com,no\nb@example.com,one, two, three\nc@example.com,no\n"
    assert list(read_report(report, "_email", sent=["_email"])["key"]) == ["a@example.com", "c@example.com"]


def test_read_report__odd_bytes_break_nothing() -> None:
    found = read_report("_email,error\na@example.com,não é\n".encode("latin-1"), "_email", sent=["_email"])
    assert list(found["key"]) == ["a@example.com"]
