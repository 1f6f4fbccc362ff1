"""Reads the state of exports and the rows of their files.

A finished export is a ZIP with one or more CSV files (help centre 360015813220). Connectif does not document
the columns, so readers find theirs by name: `Purchase ID`, `purchaseId`, `ID de compra` …
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
from include.connectif.csv_text import CsvError, csv_rows
from include.errors import ContractError

DELIMITER = ","

# Names of activity types: help centre 23243787114524.
PURCHASE = "purchase"


@dataclass(frozen=True)
class Export:
    """State of an export: `{"id", "status", "total"?, "fileUrl"?}`.

    A finished export has a `file_url`. It is valid for 100 minutes, and each read renews it.
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
        """Parse Connectif's answer; KeyError or Unexpected if id or status are missing."""
        url, total = answers.parse_record(body).get("fileUrl"), body.get("total")
        return cls(
            answers.read_text(body, "id"),
            answers.read_text(body, "status"),
            total if type(total) is int and total > 0 else 0,
            url if isinstance(url, str) and url else None,
        )


@dataclass(frozen=True)
class WantedColumn:
    """The column that a file must have to be read: a test of its plain name, and its title for messages."""

    is_column: Callable[[str], bool]
    what: str

    def cells(self, row: Mapping[str, str]) -> Iterator[str]:
        """Yield the non-empty cells of every matching column."""
        return filter(None, (cell.strip() for column, cell in row.items() if self.is_column(column)))


def read_rows(archive: BinaryIO, wanted: WantedColumn | None = None) -> Iterator[dict[str, str]]:
    """Yield the rows of all files, as plain column name (see `plain_name`) → cell.

    ContractError if the archive is not a ZIP of CSV files or is too large. An export may also hold files
    without activities (`…-products.csv`). Files without a `wanted` column are skipped; ContractError if this
    skips all files with rows. An export without rows yields nothing. The rows are streamed and not written to
    disk.
    """
    read, skipped = False, False
    try:
        with zipfile.ZipFile(cast(IO[bytes], _BoundedFile(archive))) as files:
            for member in _list_csv_files(files):
                with files.open(member) as packed:
                    header, rows = _read_table(io.TextIOWrapper(packed, "utf-8-sig", newline=""))
                    if wanted is None or any(map(wanted.is_column, header)):
                        read = True
                        yield from rows
                    else:
                        skipped |= next(rows, None) is not None
        if wanted and skipped and not read:
            raise ContractError(f"Connectif: an export of activities has no column for the {wanted.what}")
    # RuntimeError: an encrypted member, or an unknown compression method
    except (zipfile.BadZipFile, zlib.error, EOFError, UnicodeDecodeError, CsvError, RuntimeError) as error:
        raise ContractError(
            f"Connectif: an export is not a ZIP of CSV files ({type(error).__name__})"
        ) from None


class _BoundedFile:
    """A file whose reads have a limit.

    zipfile reads the list of members in one piece and makes an object of each, before any other code can
    count them.
    """

    _MOST_AT_ONCE = 2_000_000

    def __init__(self, file: BinaryIO) -> None:
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable
        self._file = file

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes, or the rest of the file if the size is negative."""
        content = self._file.read(self._MOST_AT_ONCE + 1 if size < 0 else min(size, self._MOST_AT_ONCE + 1))
        if len(content) > self._MOST_AT_ONCE:
            raise ContractError(
                f"Connectif: an export has a list of files of more than {self._MOST_AT_ONCE:,} bytes"
            )
        return content


_MOST_MEMBERS = 1_000
_MOST_BYTES = 20_000_000_000
_READABLE_COMPRESSION = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""With other methods zipfile decompresses a whole piece at once, whatever size the archive states."""
_LARGEST_RATIO = 300
"""Text compresses to a tenth or a twentieth. Only a file made to do harm compresses to a thousandth."""


def _list_csv_files(files: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Return the CSV files of the archive, if it is within the limits. zipfile enforces the stated sizes."""
    members = files.infolist()
    found = [member for member in members if member.filename.lower().endswith(".csv")]
    unpacked = sum(member.file_size for member in found)
    if len(members) > _MOST_MEMBERS or unpacked > _MOST_BYTES:
        raise ContractError(
            f"Connectif: an export has {len(members):,} files and {unpacked:,} bytes, too many to read"
        )
    if any(one.file_size > _LARGEST_RATIO * max(one.compress_size, 1_000) for one in found):
        raise ContractError("Connectif: an export unpacks to more than 300 times its size")
    if any(one.compress_type not in _READABLE_COMPRESSION for one in found):
        raise ContractError("Connectif: an export has files in a compression other than deflate")
    if not found:
        raise ContractError("Connectif: an export has no CSV file")
    return found


def _read_table(text: io.TextIOWrapper) -> tuple[list[str], Iterator[dict[str, str]]]:
    lines = csv_rows(text, DELIMITER)
    header = [plain_name(title) for title in next(lines, [])]
    rows = (dict(zip_longest(header, cells[: len(header)], fillvalue="")) for cells in filter(None, lines))
    return header, rows


def plain_name(title: str) -> str:
    """Reduce a title to lower-case letters and digits: `Purchase ID`, `purchaseId` → `purchaseid`."""
    letters = unicodedata.normalize("NFKD", title).casefold()
    return re.sub(r"[^a-z0-9]", "", letters)


def is_purchase_id(column: str) -> bool:
    """Whether a column, by its plain name in English or Spanish, holds the shop's id of a purchase.

    Several columns may match: a value from a wrong column matches no purchase of the shop.
    """
    noun = next((word for word in ("purchase", "compra", "order", "pedido") if word in column), None)
    if noun is None or any(word in column for word in _OTHER_NOUNS):
        return False
    return any(word in column.replace(noun, "") for word in ("id", "number", "numero", "reference"))


_OTHER_NOUNS = ("cart", "carrito", "contact", "product", "date", "email")

PURCHASE_ID = WantedColumn(is_purchase_id, "purchase id")
