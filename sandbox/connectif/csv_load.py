"""An import's file, batch by batch: from rows of cells to records in a table.

A batch is handled by columns: each column is read as a whole, rows with a bad cell are sorted out, and the
rest goes into the table in one statement. That is what lets an import of a million rows take seconds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Literal

from sandbox.connectif import products
from sandbox.connectif.fields import BAD, NEVER_BLANK, Field, Kind, read_column
from sandbox.connectif.records import Rule, upsert_sql

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox.connectif.account import Account
    from sandbox.connectif.knobs import Blank

Rejects = dict[int, str]
ROWS_AT_ONCE = 250  # in one step of SQLite: twice as fast as one by one while other threads are busy


class BadFile(Exception):
    """The file as a whole cannot be imported; the message says why."""


@dataclass(frozen=True)
class Options:
    """What was asked for with the file."""

    type: Literal["contacts", "products"]
    override_existing: bool
    update_only_empty_fields: bool
    delimiter: str


@dataclass(frozen=True)
class Target:
    """Where the rows of one type of import go."""

    table: str
    key: Field
    fields: dict[str, Field]
    needed: tuple[str, ...] = ()


def target_of(options: Options, contact_fields: dict[str, Field]) -> Target:
    if options.type == "products":
        return Target(
            "products", Field("productId", Kind.TEXT, "product_id"), products.FIELDS, products.NEEDED
        )
    return Target("contacts", Field("_email", Kind.EMAIL, "email"), contact_fields)


class Load:
    """Puts batches of one file into the table. Raises `BadFile` for a header that cannot be used."""

    def __init__(self, account: Account, options: Options, target: Target, header: Sequence[str]) -> None:
        self._account = account
        self._database = account.database
        self._knobs = account.knobs
        self._options = options
        self._target = target
        self._header = list(header)
        self._columns = self._known_columns()
        self._custom = [(at, field) for at, field in self._columns if field.column == "custom"]
        self._plain = [(at, field) for at, field in self._columns if field.column != "custom"]

    @property
    def key(self) -> str:
        """The name of the column that tells which record a row is."""
        return self._target.key.key

    def apply(self, rows: list[list[str]], now: str) -> Rejects:
        """Creates and changes records. Returns why rows failed, by their position in the batch."""
        rejects = {
            at: "wrong number of cells" for at, row in enumerate(rows) if len(row) != len(self._header)
        }
        whole = [at for at in range(len(rows)) if at not in rejects] if rejects else range(len(rows))
        cells = list(zip(*(rows[at] for at in whole), strict=True))
        if cells:
            values = {at: self._read(field, cells[at]) for at, field in self._columns}
            bad = self._bad_rows(values)
            rejects |= {whole[position]: reason for position, reason in bad.items()}
            self._write(values, len(whole), bad, now)
        return rejects

    # --- the header ---

    def _known_columns(self) -> list[tuple[int, Field]]:
        """Positions of the columns that are fields. Others are not imported, as the documents say."""
        self._check_header()
        fields = self._target.fields | {self._target.key.key: self._target.key}
        return [(at, fields[name]) for at, name in enumerate(self._header) if name in fields]

    def _check_header(self) -> None:
        if len(set(self._header)) < len(self._header):
            raise BadFile("a column appears twice")
        missing = [key for key in (self._target.key.key, *self._target.needed) if key not in self._header]
        if missing:
            raise BadFile(f"missing columns: {', '.join(missing)}")
        if "_externalId" in self._header and self._target.table == "contacts":
            raise BadFile("contacts by _externalId are not simulated")

    # --- reading a batch ---

    def _read(self, field: Field, cells: Sequence[str]) -> list[Any]:
        values = read_column(field, cells, phone_prefix=self._knobs.phone_prefix)
        if field is self._target.key and field.kind is Kind.EMAIL and self._knobs.email_case == "lower":
            return [value.lower() if isinstance(value, str) else value for value in values]
        if field.kind in (Kind.TEXT, Kind.URL) and "" in values:
            return [value or None for value in values]
        return values

    def _bad_rows(self, values: dict[int, list[Any]]) -> Rejects:
        bad: Rejects = {}
        for at, field in self._columns:
            column = values[at]
            if BAD in column:
                bad |= {
                    i: f"{field.key}: not a valid {field.kind}"
                    for i, value in enumerate(column)
                    if value is BAD
                }
            if None in column and self._blank(field) == "reject":
                bad |= {
                    i: f"{field.key}: must not be blank" for i, value in enumerate(column) if value is None
                }
            if field.key == "productDetailUrl" and self._knobs.import_checks_domains:
                allow = self._account.allows
                bad |= {
                    i: "productDetailUrl: domain is not authorised"
                    for i, value in enumerate(column)
                    if isinstance(value, str) and not allow(value)
                }
        return bad

    def _blank(self, field: Field) -> Blank:
        """What a blank cell means. Of a product it clears, but for the columns that are mandatory."""
        if field is self._target.key or field.key in self._target.needed:
            return "reject"
        if self._target.table == "products":
            return "clear"
        return self._knobs.import_blank_typed if field.kind in NEVER_BLANK else self._knobs.import_blank_text

    # --- writing a batch ---

    def _write(self, values: dict[int, list[Any]], height: int, bad: Rejects, now: str) -> None:
        columns = [values[at] for at, _ in self._plain]
        if self._custom:
            columns.append(self._custom_objects(values, height))
        rows: Any = zip(*columns, strict=True)
        if bad:
            rows = (row for position, row in enumerate(rows) if position not in bad)
        names = [field.column for _, field in self._plain] + ["custom"] * bool(self._custom)
        table, key, rules, fixed = (
            self._target.table,
            self._target.key.column,
            self._rules(),
            self._fixed(now),
        )
        with self._database.transaction() as connection:
            while some := list(islice(rows, ROWS_AT_ONCE)):
                sql = upsert_sql(table, key, names, rules, fixed=fixed, rows=len(some))
                connection.execute(sql, list(chain.from_iterable(some)))

    def _custom_objects(self, values: dict[int, list[Any]], height: int) -> list[str]:
        """One JSON object a row. A null takes the field away, so with "keep" blanks are left out."""
        objects: list[dict[str, Any]] = [{} for _ in range(height)]
        for at, field in self._custom:
            keep = self._blank(field) == "keep"
            for found, value in zip(objects, values[at], strict=True):
                if value is not BAD and not (keep and value is None):
                    found[field.key] = field.shown(value)
        return [json.dumps(found) for found in objects]

    def _fixed(self, now: str) -> dict[str, str]:
        fixed = {"created_at": now, "updated_at": now, "origin": "import"}
        if self._target.table == "contacts" and "_newsletterSubscriptionStatus" not in self._header:
            fixed["newsletter_status"] = self._knobs.default_newsletter_status
        return fixed

    def _rules(self) -> dict[str, Rule]:
        if not self._options.override_existing:
            return {}
        only_empty = self._options.update_only_empty_fields
        rules = {field.column: self._rule(field) for _, field in self._plain if field is not self._target.key}
        if self._custom:
            rules["custom"] = Rule.MERGE_IF_EMPTY if only_empty else Rule.MERGE
        return rules | {"updated_at": Rule.REPLACE}

    def _rule(self, field: Field) -> Rule:
        if self._options.update_only_empty_fields:
            return Rule.IF_EMPTY
        return Rule.UNLESS_BLANK if self._blank(field) == "keep" else Rule.REPLACE
