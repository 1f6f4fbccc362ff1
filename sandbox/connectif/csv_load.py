"""Writes the rows of an import's file into a table, batch by batch.

A batch is read column by column; rows with a bad cell are rejected; the other rows are written in a few
statements. So an import of a million rows takes seconds.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Literal

from sandbox.connectif.account import Account
from sandbox.connectif.fields import BAD, NEVER_BLANK, Field, FieldKind, read_column
from sandbox.connectif.knobs import Blank
from sandbox.connectif.records import UpdateRule, upsert_sql
from sandbox.connectif.rules_products import FIELDS as PRODUCT_FIELDS
from sandbox.connectif.rules_products import REQUIRED as PRODUCT_REQUIRED

Rejects = dict[int, str]
ROWS_PER_STATEMENT = 250  # twice as fast as single rows while other threads are busy


class BadFile(Exception):
    """The whole file cannot be imported; the message is the reason."""


@dataclass(frozen=True)
class ImportOptions:
    """The text parts of the form that has the file."""

    type: Literal["contacts", "products"]
    override_existing: bool
    update_only_empty_fields: bool
    delimiter: str


@dataclass(frozen=True)
class Target:
    """The table and the fields of one type of import."""

    table: str
    key: Field
    fields: dict[str, Field]
    required: tuple[str, ...] = ()


def import_target(options: ImportOptions, contact_fields: dict[str, Field]) -> Target:
    if options.type == "products":
        key = Field("productId", FieldKind.TEXT, "product_id")
        return Target("products", key, PRODUCT_FIELDS, PRODUCT_REQUIRED)
    return Target("contacts", Field("_email", FieldKind.EMAIL, "email"), contact_fields)


class Load:
    """Writes the batches of one file into the table. Raises `BadFile` for an unusable header."""

    def __init__(
        self, account: Account, options: ImportOptions, target: Target, header: Sequence[str]
    ) -> None:
        self._account, self._database, self._knobs = account, account.database, account.knobs
        self._options, self._target, self._header = options, target, list(header)
        self._columns = self._known_columns()
        self._custom = [(at, field) for at, field in self._columns if field.column == "custom"]
        self._plain = [(at, field) for at, field in self._columns if field.column != "custom"]

    @property
    def key(self) -> str:
        """The name of the column that identifies the record."""
        return self._target.key.key

    def apply(self, rows: list[list[str]], now: str) -> Rejects:
        """Creates and changes records. Returns the reasons of failed rows by their position in the batch."""
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

    # --- the header

    def _known_columns(self) -> list[tuple[int, Field]]:
        """The columns that are fields, with their positions. Connectif ignores others (its documents)."""
        self._check_header()
        fields = self._target.fields | {self._target.key.key: self._target.key}
        return [(at, fields[name]) for at, name in enumerate(self._header) if name in fields]

    def _check_header(self) -> None:
        if len(set(self._header)) < len(self._header):
            raise BadFile("a column appears twice")
        missing = [key for key in (self._target.key.key, *self._target.required) if key not in self._header]
        if missing:
            raise BadFile(f"missing columns: {', '.join(missing)}")
        if "_externalId" in self._header and self._target.table == "contacts":
            raise BadFile("contacts by _externalId are not simulated")

    # --- reading a batch

    def _read(self, field: Field, cells: Sequence[str]) -> list[Any]:
        values = read_column(field, cells, phone_prefix=self._knobs.phone_prefix)
        if field is self._target.key and field.kind is FieldKind.EMAIL and self._knobs.email_case == "lower":
            return [value.lower() if isinstance(value, str) else value for value in values]
        if field.kind in (FieldKind.TEXT, FieldKind.URL) and "" in values:
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
        """The meaning of a blank cell. A product's blank cell clears, except in a required column."""
        if field is self._target.key or field.key in self._target.required:
            return "reject"
        if self._target.table == "products":
            return "clear"
        return self._knobs.import_blank_typed if field.kind in NEVER_BLANK else self._knobs.import_blank_text

    # --- writing a batch

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
            while chunk := list(islice(rows, ROWS_PER_STATEMENT)):
                sql = upsert_sql(table, key, names, rules, fixed=fixed, rows=len(chunk))
                connection.execute(sql, list(chain.from_iterable(chunk)))

    def _custom_objects(self, values: dict[int, list[Any]], height: int) -> list[str]:
        """One JSON object for each row. A null clears the field, so "keep" leaves blank cells out."""
        objects: list[dict[str, Any]] = [{} for _ in range(height)]
        for at, field in self._custom:
            keep = self._blank(field) == "keep"
            for members, value in zip(objects, values[at], strict=True):
                if value is not BAD and not (keep and value is None):
                    members[field.key] = field.json_value(value)
        return [json.dumps(members) for members in objects]

    def _fixed(self, now: str) -> dict[str, str]:
        fixed = {"created_at": now, "updated_at": now, "origin": "import"}
        if self._target.table == "contacts" and "_newsletterSubscriptionStatus" not in self._header:
            fixed["newsletter_status"] = self._knobs.default_newsletter_status
        return fixed

    def _rules(self) -> dict[str, UpdateRule]:
        if not self._options.override_existing:
            return {}
        only_empty = self._options.update_only_empty_fields
        rules = {field.column: self._rule(field) for _, field in self._plain if field is not self._target.key}
        if self._custom:
            rules["custom"] = UpdateRule.MERGE_IF_EMPTY if only_empty else UpdateRule.MERGE
        return rules | {"updated_at": UpdateRule.REPLACE}

    def _rule(self, field: Field) -> UpdateRule:
        if self._options.update_only_empty_fields:
            return UpdateRule.IF_EMPTY
        return UpdateRule.UNLESS_BLANK if self._blank(field) == "keep" else UpdateRule.REPLACE
