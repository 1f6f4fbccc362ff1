"""A canary customer in the simulated shop: tests search for its data in all that Airflow stores."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import requests

EMAIL, FIRST, LAST, PHONE = "Piepmatz.Kanari@example.com", "Piepmatz", "Zwitscher", "+5511987650123"
CANARIES = ("piepmatz", "kanari", "zwitscher", "987650123")
DOCUMENT, ORDER, PURCHASE = "bird-document", "9900000000001-01", "9900000000001"
PRIVATE_FILES = {"environment.json", "keys.json", "passwords.json", "airflow.cfg"}
"""Files of the local Airflow that hold its connections and keys."""


def put_canary(vtex: str, day: date) -> None:
    """Create a customer with an order on that day; the order has an alias of the e-mail address."""
    person = {"email": EMAIL, "userId": "bird", "firstName": FIRST, "lastName": LAST, "homePhone": PHONE}
    names = {"first_name": FIRST, "last_name": LAST, "phone": PHONE}
    order = {
        "order_group": PURCHASE,
        "created": f"{day}T10:00:00.0000000",
        "authorized": f"{day}T10:01:00.0000000",
        "profile_id": "bird",
        **names,
    }
    for path, body in ((f"documents/{DOCUMENT}", person), (f"orders/{ORDER}", order)):
        requests.put(f"{vtex}/_sandbox/{path}", json=body, timeout=20).raise_for_status()


def find_places(home: Path, texts: Sequence[str]) -> set[str]:
    """Find the places in an AIRFLOW_HOME that contain one of these texts, in any case.

    A place is the first folder or file, or `database:table.column`. Compressed files are opened. The
    sandbox's own logs are left out.
    """
    words = [text.lower() for text in texts]
    found = {f"{file.stem}:{place}" for file in home.glob("*.db") for place in _in_database(file, words)}
    for file in (file for file in home.rglob("*") if file.is_file()):
        place = file.relative_to(home).parts[0]
        if file.name in PRIVATE_FILES or place == "sandbox" or ".db" in file.name:
            continue
        text = _text(file).lower()
        if any(word in text for word in words):
            found.add(place)
    return found


def _text(file: Path) -> str:
    if file.suffix == ".parquet":
        return repr(pq.read_table(file).to_pylist())
    if file.suffix == ".zst":
        with pa.CompressedInputStream(str(file), "zstd") as stream:
            return bytes(stream.read()).decode()
    return file.read_text(errors="replace")


def _in_database(file: Path, words: Sequence[str]) -> Iterator[str]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            rows = database.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - names from the database itself
            columns = [column[0] for column in rows.description]
            for row in rows:
                yield from (
                    f"{table}.{column}" for column in _columns_with(zip(columns, row, strict=True), words)
                )


def _columns_with(cells: Iterable[tuple[str, object]], words: Sequence[str]) -> Iterator[str]:
    for column, cell in cells:
        text = (cell.decode(errors="replace") if isinstance(cell, bytes) else str(cell)).lower()
        if any(word in text for word in words):
            yield column
