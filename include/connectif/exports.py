"""Exports of activities: their state, and what is in their files.

A finished export is a ZIP with one or more CSV files (help centre 360015813220). Which columns they have is
documented nowhere, so readers look for theirs by name: `Purchase ID`, `purchaseId`, `ID de compra` …
"""

from __future__ import annotations

import io
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import IO, Any, BinaryIO, cast

from include.connectif import answers
from include.connectif.csv_text import Broken, csv_rows
from include.errors import ContractError

DELIMITER = ","

# Names of activity types: help centre 23243787114524.
PURCHASE = "purchase"


@dataclass(frozen=True)
class Export:
    """State of an export: `{"id", "status", "total"?, "fileUrl"?}`.

    `file_url` is there once it is finished, is renewed by each read, and holds for 100 minutes.
    """

    id: str
    status: str
    total: int
    file_url: str | None

    @property
    def is_over(self) -> bool:
        return self.status not in {"queued", "inProgress"}

    @classmethod
    def from_answer(cls, body: Any, _headers: Mapping[str, str]) -> Export:
        """As Connectif answers it; KeyError or Unexpected where it lacks its id or its status."""
        url, total = answers.record(body).get("fileUrl"), body.get("total")
        return cls(
            answers.text(body, "id"),
            answers.text(body, "status"),
            total if type(total) is int and total > 0 else 0,
            url if isinstance(url, str) and url else None,
        )


@dataclass(frozen=True)
class Wanted:
    """The column that a file of an export must have to be read: by its plain name, and what it is called."""

    is_column: Callable[[str], bool]
    what: str

    def cells(self, row: Mapping[str, str]) -> Iterator[str]:
        """The filled cells of every column that is one."""
        return filter(None, (cell.strip() for column, cell in row.items() if self.is_column(column)))


def rows_of(archive: BinaryIO, wanted: Wanted | None = None) -> Iterator[dict[str, str]]:
    """The rows of all files, as plain column name (see `plain_name`) → cell; ContractError for no ZIP of CSV,
    or for one beyond all measure.

    Beside the activities an export may hold files on other things (`…-products.csv`): those without a
    `wanted` column are passed over, ContractError when all that have rows are. An export without any row
    yields nothing. Streams, and nothing of the archive is written anywhere.
    """
    read, passed_over = False, False
    try:
        with zipfile.ZipFile(cast(IO[bytes], _Bounded(archive))) as files:
            for member in _csv_files(files):
                with files.open(member) as packed:
                    header, rows = _table_of(io.TextIOWrapper(packed, "utf-8-sig", newline=""))
                    if wanted is None or any(map(wanted.is_column, header)):
                        read = True
                        yield from rows
                    else:
                        passed_over |= next(rows, None) is not None
        if wanted and passed_over and not read:
            raise ContractError(f"Connectif: an export of activities without a column for the {wanted.what}")
    # RuntimeError: an encrypted member, or an unknown way of packing
    except (zipfile.BadZipFile, zlib.error, EOFError, UnicodeDecodeError, Broken, RuntimeError) as error:
        raise ContractError(
            f"Connectif: an export that is no ZIP of CSV files ({type(error).__name__})"
        ) from None


class _Bounded:
    """A file that gives at most so many bytes at once: zipfile reads the list of members in one piece, and
    makes an object of each, before anything else can count them."""

    _MOST_AT_ONCE = 2_000_000

    def __init__(self, file: BinaryIO) -> None:
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable
        self._file = file

    def read(self, size: int = -1) -> bytes:
        """All that is left only near the end of the file, where zipfile looks for the list."""
        content = self._file.read(self._MOST_AT_ONCE + 1 if size < 0 else min(size, self._MOST_AT_ONCE + 1))
        if len(content) > self._MOST_AT_ONCE:
            raise ContractError(
                f"Connectif: an export whose list of files has more than {self._MOST_AT_ONCE:,} bytes"
            )
        return content


_MOST_MEMBERS = 1_000
_MOST_BYTES = 20_000_000_000
_PACKED = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""Of the others zipfile unpacks all that a piece holds at once, whatever size is announced."""
_LARGEST_RATIO = 300
"""Text packs to a tenth or a twentieth; only what was made for it packs to a thousandth."""


def _csv_files(files: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The CSV files of the archive; zipfile reads no more of one than it is said to hold."""
    members = files.infolist()
    found = [member for member in members if member.filename.lower().endswith(".csv")]
    unpacked = sum(member.file_size for member in found)
    if len(members) > _MOST_MEMBERS or unpacked > _MOST_BYTES:
        raise ContractError(f"Connectif: an export of {len(members):,} files and {unpacked:,} bytes")
    if any(one.file_size > _LARGEST_RATIO * max(one.compress_size, 1_000) for one in found):
        raise ContractError("Connectif: an export that unpacks to more than 300 times its size")
    if any(one.compress_type not in _PACKED for one in found):
        raise ContractError("Connectif: an export that is packed in another way than by deflate")
    if not found:
        raise ContractError("Connectif: an export that holds no CSV file")
    return found


def _table_of(text: io.TextIOWrapper) -> tuple[list[str], Iterator[dict[str, str]]]:
    lines = csv_rows(text, DELIMITER)
    header = [plain_name(title) for title in next(lines, [])]
    rows = (dict(zip_longest(header, cells[: len(header)], fillvalue="")) for cells in filter(None, lines))
    return header, rows


def plain_name(title: str) -> str:
    """`Purchase ID`, `purchase_id`, `purchaseId` → `purchaseid`; `ID de la compra` → `iddelacompra`."""
    letters = unicodedata.normalize("NFKD", title).casefold()
    return re.sub(r"[^a-z0-9]", "", letters)


def is_purchase_id(column: str) -> bool:
    """Whether a column, by its plain name, holds the shop's id of a purchase, in English or Spanish.

    Several may: ids are so distinct that a wrong column names no purchase of ours.
    """
    noun = next((word for word in ("purchase", "compra", "order", "pedido") if word in column), None)
    if noun is None or any(word in column for word in _NOT_OF_A_PURCHASE):
        return False
    return any(word in column.replace(noun, "") for word in ("id", "number", "numero", "reference"))


_NOT_OF_A_PURCHASE = ("cart", "carrito", "contact", "product", "date", "email")

PURCHASE_ID = Wanted(is_purchase_id, "purchase id")
