"""The contents of an export's files.

Connectif does not document the columns for the API: the sandbox uses the API's field ids and its own names.
The activity types `purchase` and `contact-created` are Connectif's (help centre 23243787114524); the names of
the two newsletter types are invented.
"""

import csv
import io
import json
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import count, islice
from pathlib import Path
from threading import Event
from typing import Any

from sandbox.connectif.fields import FieldKind
from sandbox.connectif.rules_contacts import READ_ONLY, SYSTEM_FIELDS
from sandbox.connectif.schema import Ids
from sandbox.core.database import Database

PAGE_ROWS = 5_000

_NEWSLETTER = """
    SELECT row, at AS date, contact_row, email, NULL, NULL, NULL, NULL FROM newsletter_changes
    WHERE status = '{status}' AND at BETWEEN :start AND :end AND row > :after ORDER BY row LIMIT :rows"""
ACTIVITIES = {
    "purchase": """
        SELECT p.row, p.purchase_date AS date, p.contact_row, c.email,
               p.purchase_id, p.cart_id, p.total_price, p.total_quantity
        FROM purchases p JOIN contacts c ON c.row = p.contact_row
        WHERE p.purchase_date BETWEEN :start AND :end AND p.row > :after ORDER BY p.row LIMIT :rows""",
    "contact-created": """
        SELECT row, created_at AS date, row AS contact_row, email, NULL, NULL, NULL, NULL
        FROM contacts WHERE created_at BETWEEN :start AND :end AND row > :after ORDER BY row LIMIT :rows""",
    "newsletter-subscribed": _NEWSLETTER.format(status="subscribed"),
    "newsletter-unsubscribed": _NEWSLETTER.format(status="unsubscribed"),
}
ACTIVITY_HEADER = (
    "activityType",
    "date",
    "contactId",
    "_email",
    "purchaseId",
    "cartId",
    "totalPrice",
    "totalQuantity",
)
_TOTALS = {
    "_totalPurchases": "(SELECT COUNT(*) FROM purchases WHERE contact_row = contacts.row)",
    "_totalPurchasesAmount": (
        "(SELECT COALESCE(SUM(total_price), 0.0) FROM purchases WHERE contact_row = contacts.row)"
    ),
}
_CONTACT_DATES = {key for key, field in SYSTEM_FIELDS.items() if field.kind is FieldKind.DATE} | {
    key for key, column in READ_ONLY.items() if column.endswith("_at")
}
# The formats of moment.js, in English.
_DATES: dict[str, Callable[[datetime], str]] = {
    "L": lambda at: f"{at:%m/%d/%Y}",
    "LL": lambda at: f"{at:%B} {at.day}, {at.year}",
    "LLL": lambda at: f"{at:%B} {at.day}, {at.year} {at.hour % 12 or 12}:{at:%M %p}",
}


@dataclass(frozen=True)
class FileStyle:
    """The name of the files, their delimiter, the most rows in a file, and other titles for columns."""

    name: str
    delimiter: str
    rows: int
    titles: dict[str, str]


class Sheet:
    """Header and rows of one export. Reads page by page, so that it never holds the lock for long."""

    def __init__(self, database: Database, ids: Ids, date_format: str, stopping: Event) -> None:
        self._database, self._ids = database, ids
        self._format = _DATES.get(date_format)
        self._stopping = stopping
        self.header: list[str] = list(ACTIVITY_HEADER)

    def activities(self, filters: dict[str, Any]) -> Iterator[list[Any]]:
        """The activities type by type; all types if the filters name none."""
        limits = {"start": filters["fromDate"], "end": filters["toDate"]}
        for name in filters.get("activityTypes") or ACTIVITIES:
            for row in self._paged(ACTIVITIES[name], limits):
                contact = self._ids.of("contacts", row["contact_row"])
                yield [name, self._date(row["date"]), contact, *tuple(row)[3:]]

    def contacts(self, custom: list[str]) -> Iterator[list[Any]]:
        """All contacts; `custom` are the keys of the custom fields."""
        self.header = ["id", "_email", *SYSTEM_FIELDS, *READ_ONLY, *_TOTALS, *custom]
        dates = [place for place, key in enumerate(self.header) if key in _CONTACT_DATES and self._format]
        for row in self._paged(_CONTACTS, {}):
            cells = [self._ids.of("contacts", row["row"]), *row[2:]]
            for place in dates:
                cells[place] = self._date(cells[place])
            if custom:
                own = json.loads(row["custom"])
                cells += [_cell(own.get(key)) for key in custom]
            yield cells

    def _date(self, text: str | None) -> str | None:
        return self._format(datetime.fromisoformat(text)) if text and self._format else text

    def _paged(self, sql: str, values: dict[str, Any]) -> Iterator[sqlite3.Row]:
        after = 0
        while page := self._database.rows(sql, {**values, "after": after, "rows": PAGE_ROWS}):
            if self._stopping.is_set():
                return
            yield from page
            after = page[-1]["row"]


def write_zip(path: Path, sheet: Sheet, rows: Iterator[list[Any]], style: FileStyle) -> int:
    """Writes CSV files, each with the header, and returns the number of rows."""
    total = 0
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number in count(1):
            part = list(islice(rows, style.rows))
            if not part and number > 1:
                return total
            total += len(part)
            with (
                archive.open(f"{style.name}-{number}.csv", "w") as raw,
                io.TextIOWrapper(raw, "utf-8", newline="") as text,
            ):
                writer = csv.writer(text, delimiter=style.delimiter)
                writer.writerow([style.titles.get(column, column) for column in sheet.header])
                writer.writerows(part)
    return total


def _contacts_sql() -> str:
    """Selects row and custom fields, then the columns of the sheet; all names are our own."""
    system = [
        field.column if field.default is None else f"COALESCE({field.column}, '{field.default}')"
        for field in SYSTEM_FIELDS.values()
    ]
    columns = ", ".join(["row", "custom", "email", *system, *READ_ONLY.values(), *_TOTALS.values()])
    return f"SELECT {columns} FROM contacts WHERE row > :after ORDER BY row LIMIT :rows"  # noqa: S608


_CONTACTS = _contacts_sql()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "|".join(value) if isinstance(value, list) else value
