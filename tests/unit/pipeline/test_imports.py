"""Imports: the queue, waiting, retries, files that are too large, and rows that are not accounted for."""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.connectif.client import ConnectifClient, FileTooLarge, Import, QueueFull
from include.errors import ConfigurationError, ContractError, SyncError, TemporaryError
from include.http.form import FileToSend
from include.http.transport import RequestRefused, VendorError
from include.outcomes import Reason
from include.pipeline.import_file import ImportFile, StagedFile
from include.pipeline.imports import Imported, Importer
from include.staging import Staging
from tests.virtual_time import ManualTime

REJECTED, UNCONFIRMED = Reason.TARGET_REJECTED.value, Reason.TARGET_UNCONFIRMED.value
NOT_NAMED = "Connectif's report does not name the row"
FILES = [ImportFile(f"contacts-{number:04}.csv", "contacts", 2, 35) for number in range(1, 14)]
ONE_LINE = b"_email,error\na@example.com,bad\n"
A_IS_BAD = ("a@example.com", REJECTED, "bad")


@dataclass
class FakeConnectif:
    """A queue of `size` imports. Each import ends after `looks` calls, with the next of `ends` (by default
    all rows are taken). Files above `most_bytes` are refused. The rows of `loses` are not counted, those of
    `refuses` count as errors."""

    size: int = 10
    looks: int = 1
    status: str = "finished"
    report: bytes | SyncError = b""
    full_for: int = 0
    most_bytes: int = 1_000_000
    loses: set[str] = field(default_factory=set)
    refuses: set[str] = field(default_factory=set)
    ends: deque[dict[str, int | None]] = field(default_factory=deque)
    posted: list[str] = field(default_factory=list)
    contents: list[list[str]] = field(default_factory=list)
    too_large: list[int] = field(default_factory=list)
    most_queued: int = 0
    forgotten: bool = False
    _left: dict[str, int] = field(default_factory=dict)
    _rows: dict[str, list[str]] = field(default_factory=dict)

    def create_import(self, kind: str, csv: FileToSend, *, override_existing: bool) -> Import:
        if self.full_for or len(self._left) >= self.size:
            self.full_for = max(0, self.full_for - 1)
            raise QueueFull("full")
        content = b"".join(csv.pieces())
        assert len(content) == csv.size
        if csv.size > self.most_bytes:
            self.too_large.append(csv.size)
            raise FileTooLarge("Connectif, create import: HTTP 413")
        self.posted.append(csv.name)
        self.contents.append(keys_in(content))
        import_id = f"id-{len(self.posted)}-{csv.name}"
        self._left[import_id], self._rows[import_id] = self.looks, self.contents[-1]
        self.most_queued = max(self.most_queued, len(self._left))
        return Import(import_id, "queued", None, None, None, None)

    def read_import(self, import_id: str) -> Import:
        if self.forgotten:
            raise RequestRefused("Connectif, read import: HTTP 404", status=404, error=VendorError())
        if (left := self._left.get(import_id, 0)) > 1:
            self._left[import_id] = left - 1
            return Import(import_id, "inProgress", 2, 1, 0, None)
        self._left.pop(import_id, None)
        rows = self._rows[import_id]
        errors = len(self.refuses & set(rows))
        success = len(rows) - errors - len(self.loses & set(rows))
        end = self.ends.popleft() if self.ends else {"success": success, "errors": errors}
        url = "https://files.example.com/1" if self.report else None
        return Import(import_id, self.status, len(rows), end.get("success"), end.get("errors"), url)

    def read_import_report(self, url: str) -> bytes:
        if isinstance(self.report, SyncError):
            raise self.report
        return self.report


def keys_in(content: bytes) -> list[str]:
    return [row["_email"] for row in csv.DictReader(io.StringIO(content.decode()))]


@pytest.fixture
def time() -> ManualTime:
    return ManualTime()


@pytest.fixture
def folder(tmp_path: Path) -> Staging:
    staging = Staging(tmp_path / "transform")
    for file in FILES:
        staging.write_bytes(file.staged_as, b"_email\na@example.com\nb@example.com\n")
    return staging


@pytest.fixture
def journal(tmp_path: Path) -> Staging:
    return Staging(tmp_path / "load")


def importer(
    connectif: FakeConnectif, folder: Staging, journal: Staging, time: ManualTime, **options: Any
) -> Importer:
    return Importer(
        cast("ConnectifClient", connectif), folder, journal,
        poll_seconds=5, patience_minutes=10, sleep=time.sleep, clock=time.clock, **options,
    )  # fmt: skip


def names(results: list[Imported]) -> list[str]:
    return [result.file.name for result in results]


def lines(result: Imported) -> list[Any]:
    """Key, reason, and Connectif's own text, else the detail."""
    rows = result.not_taken.itertuples(index=False, name=None)
    return [(key, reason, private or detail) for key, reason, detail, private in rows]


def emails(count: int) -> list[str]:
    return [f"person{number:04}@example.com" for number in range(count)]


def staged(folder: Staging, emails: Iterable[str], name: str = "contacts-0001.csv") -> ImportFile:
    content = "".join(f"{line}\n" for line in ["_email", *emails]).encode()
    file = ImportFile(name, "contacts", content.count(b"\n") - 1, len(content), override_existing=False)
    folder.write_bytes(file.staged_as, content)
    return file


def test_importer__posts_in_order_and_queues_at_most_ten(
    folder: Staging, journal: Staging, time: ManualTime
) -> None:
    connectif = FakeConnectif(size=99, looks=3)
    results = list(importer(connectif, folder, journal, time).run(FILES, "_email"))
    assert names(results) == connectif.posted == [file.name for file in FILES]
    assert connectif.most_queued == 10


def test_importer__waits_for_a_queue_that_others_share(
    folder: Staging, journal: Staging, time: ManualTime
) -> None:
    connectif = FakeConnectif(size=3, looks=2)
    results = list(importer(connectif, folder, journal, time).run(FILES, "_email"))
    assert names(results) == connectif.posted == [file.name for file in FILES]


def test_importer__rarely_tries_a_queue_full_of_other_imports(
    folder: Staging, journal: Staging, time: ManualTime
) -> None:
    connectif = FakeConnectif(full_for=3)
    results = list(importer(connectif, folder, journal, time).run(FILES[:1], "_email"))
    assert len(results) == 1
    assert time.slept == [50.0] * 3


def test_importer__leaves_a_queue_that_stays_full_to_a_retry(
    folder: Staging, journal: Staging, time: ManualTime
) -> None:
    with pytest.raises(TemporaryError, match=r"full of imports of other senders for 10 minutes"):
        list(importer(FakeConnectif(size=0), folder, journal, time).run(FILES[:1], "_email"))
    assert 600 <= time.now < 700


def test_importer__polls_less_and_less_often(folder: Staging, journal: Staging, time: ManualTime) -> None:
    list(importer(FakeConnectif(looks=7), folder, journal, time).run(FILES[:1], "_email"))
    assert time.slept == [1, 2, 4, 5, 5, 5]


def test_importer__stops_waiting_and_a_retry_waits_again(
    folder: Staging, journal: Staging, time: ManualTime
) -> None:
    connectif = FakeConnectif(looks=1_000)
    with pytest.raises(TemporaryError, match=r"still 'inProgress' after 10 minutes"):
        list(importer(connectif, folder, journal, time).run(FILES[:2], "_email"))
    connectif._left.clear()
    results = list(importer(connectif, folder, journal, time).run(FILES[:2], "_email"))
    assert names(results) == [file.name for file in FILES[:2]]
    assert connectif.posted == [file.name for file in FILES[:2]], "nothing was posted twice"


def test_importer__a_retry_posts_only_what_was_not_accepted(
    folder: Staging, journal: Staging, time: ManualTime
) -> None:
    connectif = FakeConnectif()
    running = importer(connectif, folder, journal, time).run(FILES, "_email")
    next(running)
    running.close()  # type: ignore[attr-defined]  # a kill: ten files are posted, one result was read
    assert len(connectif.posted) == 10
    results = list(importer(connectif, folder, journal, time).run(FILES, "_email"))
    assert names(results) == [file.name for file in FILES]
    assert connectif.posted == [file.name for file in FILES]


@pytest.mark.parametrize("status", ["error", "cancelled"])
def test_importer__a_retry_sends_a_failed_import_again(
    status: str, folder: Staging, journal: Staging, time: ManualTime
) -> None:
    connectif = FakeConnectif(status=status)
    with pytest.raises(
        TemporaryError, match=f"with status '{status}' after 2 of 2 rows.*a retry sends the file again"
    ):
        list(importer(connectif, folder, journal, time).run(FILES[:1], "_email"))
    connectif.status = "finished"
    assert len(list(importer(connectif, folder, journal, time).run(FILES[:1], "_email"))) == 1
    assert connectif.posted == [FILES[0].name] * 2


def test_importer__a_retry_sends_an_unknown_import_again(
    folder: Staging, journal: Staging, time: ManualTime
) -> None:
    connectif = FakeConnectif(forgotten=True)
    with pytest.raises(TemporaryError, match=r"does not know the import of contacts-0001\.csv any more"):
        list(importer(connectif, folder, journal, time).run(FILES[:1], "_email"))
    connectif.forgotten = False
    assert len(list(importer(connectif, folder, journal, time).run(FILES[:1], "_email"))) == 1
    assert connectif.posted == [FILES[0].name] * 2


# --- rows in the counts and in the report


@pytest.mark.parametrize(
    ("end", "report", "expected"),
    [
        ({"success": 2, "errors": 0}, b"", []),
        ({"success": 2}, b"", []),
        ({"success": 5, "errors": 0}, b"", []),
        ({"success": 1, "errors": 1}, ONE_LINE, [A_IS_BAD]),
        ({"success": 1, "errors": 1}, ONE_LINE.replace(b"a@e", b"A@E"), [A_IS_BAD]),
        ({"success": 1}, ONE_LINE, [A_IS_BAD]),
        ({"success": 2, "errors": 1}, ONE_LINE, [A_IS_BAD]),
        ({"success": 1, "errors": 1}, b"", [("", REJECTED, NOT_NAMED)]),
        ({"success": 1, "errors": 1}, b"_email,error\nx@example.com,bad\n", [("", REJECTED, "bad")]),
        (
            {"success": 1, "errors": 1},
            b"_email,error\na@example.com,bad\nb@example.com,worse\n",
            [("a@example.com", REJECTED, "bad"), ("b@example.com", REJECTED, "worse")],
        ),
        (
            {"success": 1, "errors": 1},
            b"_email,error\na@example.com,bad\na@example.com,worse\n",
            [("a@example.com", REJECTED, "bad; worse")],
        ),
        (
            {"success": 0, "errors": 2},
            b"_email,error\na@example.com,bad\n",
            [("a@example.com", REJECTED, "bad"), ("b@example.com", REJECTED, NOT_NAMED)],
        ),
        (
            {"success": 0, "errors": 7},
            b"",
            [("a@example.com", REJECTED, NOT_NAMED), ("b@example.com", REJECTED, NOT_NAMED)],
        ),
    ],
)  # fmt: skip
def test_importer__counts_every_refused_row_and_names_it_if_possible(
    end: dict[str, int | None], report: bytes, expected: list[Any], folder: Staging, journal: Staging
) -> None:
    connectif = FakeConnectif(ends=deque([end]), report=report)
    (result,) = importer(connectif, folder, journal, ManualTime()).run(FILES[:1], "_email")
    assert lines(result) == expected
    assert connectif.posted == [FILES[0].name]
    unknown = any(not key for key, *_ in expected)
    assert result.doubtful == ({"a@example.com", "b@example.com"} if unknown else set())


SHORT: list[dict[str, int | None]] = [
    {"success": 1, "errors": 0},
    {"success": 1},
    {"success": None, "errors": 1},
    {"success": 0, "errors": 1},
    {},
    {"success": 0, "errors": 0},
    {"success": None, "errors": None},
]


@pytest.mark.parametrize("end", SHORT)
def test_importer__rows_that_are_not_accounted_for_are_sent_again(
    end: dict[str, int | None], folder: Staging, journal: Staging
) -> None:
    connectif = FakeConnectif(ends=deque([end]))
    results = list(importer(connectif, folder, journal, ManualTime()).run(FILES[:1], "_email"))
    sent = [email for content in connectif.contents for email in content]
    assert sent == ["a@example.com", "b@example.com"] * 2
    assert sum(result.file.rows for result in results) == 2
    assert all(result.not_taken.empty and not result.doubtful for result in results)


@pytest.mark.parametrize("end", SHORT)
def test_importer__rows_that_are_lost_twice_are_unconfirmed_without_a_search(
    end: dict[str, int | None], folder: Staging, journal: Staging, caplog: pytest.LogCaptureFixture
) -> None:
    connectif = FakeConnectif(ends=deque([end, end]))
    made = importer(connectif, folder, journal, ManualTime(), searches_rows=False)
    (result,) = made.run(FILES[:1], "_email")
    assert connectif.posted == [FILES[0].name] * 2
    both = {"a@example.com", "b@example.com"}
    if end.get("success") or end.get("errors"):
        assert result.unconfirmed == 1
        assert {key for key, *_ in lines(result)} == {""}
        assert result.doubtful == both
    else:  # all rows: none is doubtful
        assert result.unconfirmed == 2
        assert {key for key, *_ in lines(result)} == both
        assert result.doubtful == set()
        assert lines(result)[0][2].endswith("accounts for 0 of 2 rows")
    assert f"{result.unconfirmed} not accounted for" in caplog.text
    assert "example.com" not in caplog.text


@pytest.mark.parametrize(("count", "most_imports"), [(2, 4), (100, 17), (5_000, 28)])
def test_importer__finds_a_row_that_is_always_lost(
    count: int, most_imports: int, folder: Staging, journal: Staging, time: ManualTime
) -> None:
    file = staged(folder, emails(count))
    lost = emails(count)[-1]
    connectif = FakeConnectif(loses={lost})
    results = list(importer(connectif, folder, journal, time).run([file], "_email"))
    assert [(key, reason) for result in results for key, reason, _ in lines(result)] == [(lost, UNCONFIRMED)]
    assert not any(result.doubtful for result in results)
    assert sum(result.file.rows for result in results) == count
    assert len(connectif.posted) <= most_imports


def test_importer__finds_a_refused_row_without_a_name_among_added_contacts(
    folder: Staging, journal: Staging, time: ManualTime
) -> None:
    file = staged(folder, emails(50))
    refused = {emails(50)[7], emails(50)[31]}
    results = list(importer(FakeConnectif(refuses=refused), folder, journal, time).run([file], "_email"))
    assert {line for result in results for line in lines(result)} == {
        (email, REJECTED, NOT_NAMED) for email in refused
    }
    assert not any(result.doubtful for result in results)


def test_importer__the_search_ends(folder: Staging, journal: Staging, time: ManualTime) -> None:
    file = staged(folder, emails(1_000))
    connectif = FakeConnectif(loses=set(emails(1_000)[::2]))
    results = list(importer(connectif, folder, journal, time).run([file], "_email"))
    assert sum(result.unconfirmed for result in results) == 500
    assert sum(result.file.rows for result in results) == 1_000
    assert len(connectif.posted) <= 1 + 2 * 40 * 2
    named = {key for result in results for key, *_ in lines(result) if key}
    assert connectif.loses <= named.union(*(result.doubtful for result in results))
    assert named <= connectif.loses


def test_importer__a_retry_remembers_that_a_file_was_sent_again(
    folder: Staging, journal: Staging, time: ManualTime
) -> None:
    connectif = FakeConnectif(loses={"b@example.com"})
    running = importer(connectif, folder, journal, time).run(FILES[:1], "_email")
    next(running)
    running.close()  # type: ignore[attr-defined]
    posted = list(connectif.posted)
    results = list(importer(connectif, folder, journal, time).run(FILES[:1], "_email"))
    assert connectif.posted[: len(posted)] == posted
    assert connectif.posted.count(FILES[0].name) == 1, "its halves are known"
    assert [line[:2] for result in results for line in lines(result)] == [("b@example.com", UNCONFIRMED)]


def test_importer__does_not_miss_rows_that_the_filter_left_out(
    folder: Staging, journal: Staging, time: ManualTime
) -> None:
    """Rows are counted as they were sent, also by a retry that finds the import in progress."""

    def without_a(file: StagedFile) -> StagedFile:
        return StagedFile(journal, staged(journal, ["b@example.com"], file.file.name))

    connectif = FakeConnectif(looks=1_000)
    options: dict[str, Any] = {
        "file_filter": without_a,
        "poll_seconds": 5,
        "patience_minutes": 1,
        "sleep": time.sleep,
    }
    made = Importer(cast("ConnectifClient", connectif), folder, journal, clock=time.clock, **options)
    with pytest.raises(TemporaryError):
        list(made.run(FILES[:1], "_email"))
    connectif._left.clear()
    (result,) = made.run(FILES[:1], "_email")
    assert connectif.contents == [["b@example.com"]]
    assert (result.file.rows, result.unconfirmed) == (1, 0)


@pytest.mark.parametrize(
    "report",
    [
        RequestRefused("HTTP 404", status=404, error=VendorError()),
        TemporaryError("HTTP 503"),
        ConfigurationError("HTTP 403"),
        ContractError("more than 3 redirects"),
        b"<html><body>error,line</body></html>",
        b"\xff\xfe\x00",
        b"PK\x03\x04",
        b'{"errors": [{"line": 2}]}',
        b"_email,error\n",
        b"\n\n",
        b'_email,error\n"a@example.com,bad\n',
    ],
)
def test_importer__an_unreadable_report_loses_only_the_names(
    report: bytes | SyncError, folder: Staging, journal: Staging
) -> None:
    file = staged(folder, [f"{letter}@example.com" for letter in "abcdef"])
    connectif = FakeConnectif(ends=deque([{"success": 4, "errors": 2}]), report=report)
    (result,) = importer(connectif, folder, journal, ManualTime(), searches_rows=False).run([file], "_email")
    assert [(key, reason) for key, reason, _ in lines(result)] == [("", REJECTED)] * 2
    assert len(result.doubtful) == 6


COUNTS = st.none() | st.integers(0, 9)


@given(rows=st.integers(1, 6), success=COUNTS, errors=COUNTS, named=st.sets(st.integers(0, 9)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
def test_importer__counts_only_confirmed_rows_as_sent(
    rows: int,
    success: int | None,
    errors: int | None,
    named: set[int],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    place = tmp_path_factory.mktemp("property")
    folder = Staging(place / "transform")
    emails = [f"n{number}@example.com" for number in range(rows)]
    file = staged(folder, emails)
    report = "".join(
        ["_email,error\n", *(f"n{number}@example.com,bad\n" for number in sorted(named))]
    ).encode()
    end = {"success": success, "errors": errors}
    connectif = FakeConnectif(ends=deque([end, end]), report=report)
    made = importer(connectif, folder, Staging(place / "load"), ManualTime(), searches_rows=False)
    (result,) = made.run([file], "_email")
    sent = rows - len(result.not_taken)
    assert 0 <= sent <= (success or 0)
    assert len(result.not_taken) >= min(rows, errors or 0)
    keys = [key for key, *_ in lines(result) if key]
    assert len(keys) == len(set(keys))
    assert {*keys, *result.doubtful} <= set(emails)
    unknown = len(result.not_taken) - len(keys)
    assert unknown <= len(result.doubtful)
    assert bool(unknown) == bool(result.doubtful)
    if success == rows and not errors:
        assert sent == rows


@given(
    lost=st.sets(st.integers(0, 30)),
    refused=st.sets(st.integers(0, 30)),
    most_bytes=st.integers(100, 2_000),
    files=st.lists(st.integers(1, 12), min_size=1, max_size=3),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
def test_importer__each_row_is_sent_named_or_doubtful(
    lost: set[int],
    refused: set[int],
    most_bytes: int,
    files: list[int],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Each row of the files has exactly one result: lost, refused without a name, too large or taken."""
    place = tmp_path_factory.mktemp("property")
    folder, rows = Staging(place / "transform"), emails(sum(files))
    made = [
        staged(folder, rows[sum(files[:at]) : sum(files[: at + 1])], f"contacts-{at:04}.csv")
        for at in range(len(files))
    ]
    all_lost, all_refused = (
        {email for n, email in enumerate(rows) if n in some} for some in (lost, refused - lost)
    )
    connectif = FakeConnectif(loses=all_lost, refuses=all_refused, most_bytes=most_bytes)
    results = list(importer(connectif, folder, Staging(place / "load"), ManualTime()).run(made, "_email"))
    assert sum(result.file.rows for result in results) == len(rows)
    assert {email for content in connectif.contents for email in content} == set(rows)
    named = {key: reason for result in results for key, reason, _ in lines(result) if key}
    doubtful = set().union(*(result.doubtful for result in results))
    assert all_lost | all_refused <= named.keys() | doubtful
    assert all(named[key] == (UNCONFIRMED if key in all_lost else REJECTED) for key in named)
    assert sum(result.unconfirmed for result in results) == len(all_lost)
    assert sum(len(result.not_taken) for result in results) == len(all_lost | all_refused)


# --- files that are too large


def test_importer__splits_a_file_that_is_too_large(
    folder: Staging, journal: Staging, time: ManualTime, caplog: pytest.LogCaptureFixture
) -> None:
    file = staged(folder, emails(64))
    connectif = FakeConnectif(most_bytes=file.size // 5)
    results = list(importer(connectif, folder, journal, time).run([file], "_email"))
    assert [email for content in connectif.contents for email in content] == emails(64)
    assert sum(result.file.rows for result in results) == 64
    assert len(connectif.contents) == 8
    assert len(connectif.too_large) == 3, "64, 32 and 16 rows; the others are known to be too large"
    assert all(result.not_taken.empty for result in results)
    assert "HTTP 413: " in caplog.text


def test_importer__does_not_try_later_files_above_the_known_limit(
    folder: Staging, journal: Staging, time: ManualTime
) -> None:
    """The limit also holds for another importer of the same run."""
    files = [staged(folder, emails(64 + number), f"contacts-{number:04}.csv") for number in range(1, 6)]
    connectif = FakeConnectif(most_bytes=files[0].size // 5)
    list(importer(connectif, folder, journal, time).run(files[:3], "_email"))
    refused = len(connectif.too_large)
    assert refused <= 5
    list(importer(connectif, folder, journal, time).run(files[3:], "_email"))
    assert len(connectif.too_large) == refused
    expected = [email for number in range(1, 6) for email in emails(64 + number)]
    assert [email for content in connectif.contents for email in content] == expected


def test_importer__rejects_a_row_that_is_too_large_by_name(
    folder: Staging, journal: Staging, time: ManualTime
) -> None:
    giant = f"{'x' * 5_000}@example.com"
    file = staged(folder, [*emails(5), giant, *emails(3)])
    connectif = FakeConnectif(most_bytes=1_000)
    results = list(importer(connectif, folder, journal, time).run([file], "_email"))
    assert [line for result in results for line in lines(result)] == [
        (giant, REJECTED, "413: the row is too large")
    ]
    assert [email for content in connectif.contents for email in content] == [*emails(5), *emails(3)]


def test_importer__a_retry_continues_with_the_pieces(
    folder: Staging, journal: Staging, time: ManualTime
) -> None:
    file = staged(folder, emails(40))
    connectif = FakeConnectif(most_bytes=file.size // 3)
    running = importer(connectif, folder, journal, time).run([file], "_email")
    next(running)
    running.close()  # type: ignore[attr-defined]
    before = len(connectif.too_large)
    results = list(importer(connectif, folder, journal, time).run([file], "_email"))
    assert sum(result.file.rows for result in results) == 40
    assert [email for content in connectif.contents for email in content] == emails(40)
    assert len(connectif.too_large) == before


def test_importer__names_a_limit_that_is_too_small(
    folder: Staging, journal: Staging, time: ManualTime
) -> None:
    connectif = FakeConnectif(most_bytes=0)
    with pytest.raises(ConfigurationError, match=r"takes no file of \d+ bytes or more \(413\).*Raise the"):
        list(importer(connectif, folder, journal, time).run([staged(folder, emails(2_000))], "_email"))
    assert len(connectif.too_large) < 600


@pytest.mark.parametrize("count", [1, 3])
def test_importer__rejects_each_row_if_connectif_takes_none(
    count: int, folder: Staging, journal: Staging, time: ManualTime
) -> None:
    file = staged(folder, emails(count))
    results = list(importer(FakeConnectif(most_bytes=0), folder, journal, time).run([file], "_email"))
    assert [key for result in results for key, *_ in lines(result)] == emails(count)
