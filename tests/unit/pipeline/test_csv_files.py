"""CSV files for imports: below the size limit, with one set of columns each, complete or absent."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.connectif.limits import IMPORT_BYTES
from include.errors import ConfigurationError
from include.pipeline.csv_files import CsvFiles, copy_changed_rows, read_rows, split_file
from include.pipeline.import_file import ImportFile, StagedFile
from include.staging import Staging


@pytest.fixture
def folder(tmp_path: Path) -> Staging:
    return Staging(tmp_path / "transform")


def rows(count: int, *, first: int = 0, width: int = 10, **more: str) -> pd.DataFrame:
    keys = [f"{number:0{width}}" for number in range(first, first + count)]
    return pd.DataFrame(
        {"productId": keys, **{name: [value] * count for name, value in more.items()}}, dtype="str"
    )


def read(folder: Staging, file: ImportFile) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(folder.read_bytes(file.staged_as).decode())))


def test_csv_files__append_all_chunks_to_one_file(folder: Staging) -> None:
    with CsvFiles(folder, "products") as files:
        files.append(rows(3))
        files.append(rows(2, first=3))
    assert files.files == [ImportFile("products-0001.csv", "products", 5, 77, override_existing=True)]
    assert [row["productId"] for row in read(folder, files.files[0])] == [f"{n:010}" for n in range(5)]


def test_csv_files__without_rows_write_no_file(folder: Staging) -> None:
    with CsvFiles(folder, "products") as files:
        files.append(rows(0))
    assert files.files == []
    assert folder.names() == []


def test_csv_files__each_set_of_columns_has_its_own_files(folder: Staging) -> None:
    with CsvFiles(folder, "contacts", prefix="consent", override_existing=False) as files:
        files.append(rows(1, name="Ana"))
        files.append(rows(1))
        files.append(rows(1, first=1, name="Bo"))
    assert [(f.name, f.rows, f.override_existing) for f in files.files] == [
        ("consent-0001.csv", 2, False),
        ("consent-0002.csv", 1, False),
    ]
    for file in files.files:
        for row in read(folder, file):
            assert all(row.values()), "no blank cell beside a filled one"


def test_csv_files__keep_unusual_text(folder: Staging) -> None:
    texts = ['say "hi"', "a,b", "line\nbreak", "é|ü", "", " lead", "'"]
    with CsvFiles(folder, "products") as files:
        files.append(pd.DataFrame({"productId": list("abcdefg"), "name": texts}, dtype="str"))
    assert [row["name"] for row in read(folder, files.files[0])] == texts


@pytest.mark.parametrize("chunk", [1, 3, 7, 50, 400])
def test_csv_files__no_file_is_larger_than_allowed(folder: Staging, chunk: int) -> None:
    with CsvFiles(folder, "products", most_bytes=1_000) as files:
        for first in range(0, 400, chunk):
            files.append(rows(min(chunk, 400 - first), first=first))
    written = [len(folder.read_bytes(file.staged_as)) for file in files.files]
    assert max(written) <= 1_000 + len("productId") + 3
    assert sum(file.rows for file in files.files) == 400
    found = [row["productId"] for file in files.files for row in read(folder, file)]
    assert sorted(found) == [f"{n:010}" for n in range(400)]


def test_csv_files__long_descriptions_stay_below_connectifs_limit(folder: Staging) -> None:
    with CsvFiles(folder, "products") as files:
        for first in range(0, 3_000, 1_000):
            files.append(rows(1_000, first=first, description="d" * 25_000))
    sizes = [len(folder.read_bytes(file.staged_as)) for file in files.files]
    assert max(sizes) < IMPORT_BYTES
    assert sum(file.rows for file in files.files) == 3_000


def test_csv_files__a_crash_leaves_no_finished_file(folder: Staging) -> None:
    with pytest.raises(RuntimeError), CsvFiles(folder, "products") as files:  # noqa: PT012 - the block is the thing
        files.append(rows(3))
        files.append(rows(3, name="x"))
        raise RuntimeError
    assert folder.names() == []


def test_csv_files__are_listed_by_name(folder: Staging) -> None:
    with CsvFiles(folder, "products", most_bytes=100) as files:
        files.append(rows(1, name="stays open"))
        files.append(rows(30))
    names = [file.name for file in files.files]
    assert names == sorted(names)
    assert names[0] == "products-0001.csv"


def test_csv_files__more_than_64_sets_of_columns_are_refused(folder: Staging) -> None:
    with CsvFiles(folder, "contacts") as files:
        for number in range(64):
            files.append(rows(1, **{f"field{number}": "x"}))
    assert len(files.files) == 64
    with pytest.raises(ConfigurationError, match="more than 64 sets"), CsvFiles(folder, "x") as more:  # noqa: PT012
        for number in range(65):
            more.append(rows(1, **{f"field{number}": "x"}))
    assert folder.names("x-") == []


# --- reading and copying


@pytest.fixture
def few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.pipeline.csv_files._ROWS_AT_A_TIME", 3)


@pytest.mark.usefixtures("few_at_a_time")
def test_read_rows__yields_chunks_of_texts(folder: Staging) -> None:
    with CsvFiles(folder, "products") as files:
        files.append(rows(7, name="NA", code="007"))
    chunks = list(read_rows(StagedFile(folder, files.files[0])))
    assert [len(chunk) for chunk in chunks] == [3, 3, 1]
    assert set(pd.concat(chunks)["name"]) == {"NA"}
    assert set(pd.concat(chunks)["code"]) == {"007"}


@pytest.mark.usefixtures("few_at_a_time")
def test_read_rows__yields_only_the_requested_columns(folder: Staging) -> None:
    with CsvFiles(folder, "products") as files:
        files.append(rows(4, name="x"))
    (chunk, *_) = read_rows(StagedFile(folder, files.files[0]), ["productId"])
    assert list(chunk.columns) == ["productId"]


def without(column: str, values: set[str]) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda rows: rows[~rows[column].isin(values)]


@pytest.mark.usefixtures("few_at_a_time")
def test_copy_changed_rows__leaves_out_rows_in_any_chunk(folder: Staging, tmp_path: Path) -> None:
    with CsvFiles(folder, "contacts") as files:
        files.append(rows(10, name='say "hi", Ana'))
    (file,) = files.files
    target = Staging(tmp_path / "load")
    gone = {"0000000000", "0000000004", "0000000009", "x"}
    copied = copy_changed_rows(StagedFile(folder, file), target, without("productId", gone))
    assert copied is not None
    copy = copied.file
    assert copied.folder is target
    assert (copy.name, copy.rows) == (file.name, 7)
    assert copy.size == len(target.read_bytes(copy.staged_as))
    assert read(target, copy) == [row for row in read(folder, file) if row["productId"][-1] not in "049"]


@pytest.mark.usefixtures("few_at_a_time")
def test_copy_changed_rows__without_rows_returns_no_file(folder: Staging, tmp_path: Path) -> None:
    with CsvFiles(folder, "contacts") as files:
        files.append(rows(4))
    keys = {f"{number:010}" for number in range(4)}
    staged = StagedFile(folder, files.files[0])
    assert copy_changed_rows(staged, Staging(tmp_path / "load"), without("productId", keys)) is None


@pytest.mark.usefixtures("few_at_a_time")
@given(count=st.integers(1, 20), pieces=st.integers(1, 20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
def test_split_file__keeps_the_rows_in_order(folder: Staging, count: int, pieces: int) -> None:
    with CsvFiles(folder, "contacts", override_existing=False) as files:
        files.append(rows(count, name='a "b", c'))
    (file,) = files.files
    made = split_file(StagedFile(folder, file), folder.within("halves"), pieces)
    assert [row for piece in made for row in read(folder.within("halves"), piece)] == read(folder, file)
    assert len(made) <= min(pieces, count)
    assert max(piece.rows for piece in made) == -(-count // pieces)
    assert {(piece.kind, piece.override_existing) for piece in made} == {("contacts", False)}
    assert made[0].name == "contacts-0001-0001.csv"
    for piece in made:
        assert piece.size == len(folder.within("halves").read_bytes(piece.staged_as))
