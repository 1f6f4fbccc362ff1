"""The SQL and the JSON that contacts and products share."""

import sqlite3
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from sandbox.connectif.fields import Field


class UpdateRule(StrEnum):
    """How a new value changes the value of an existing record."""

    REPLACE = "excluded.{c}"
    UNLESS_BLANK = "COALESCE(NULLIF(excluded.{c}, ''), {t}.{c})"
    IF_EMPTY = "COALESCE(NULLIF({t}.{c}, ''), excluded.{c})"
    MERGE = "json_patch({t}.{c}, excluded.{c})"
    MERGE_IF_EMPTY = "json_patch(excluded.{c}, {t}.{c})"


def upsert_sql(
    table: str,
    key: str,
    columns: Iterable[str],
    rules: Mapping[str, UpdateRule],
    *,
    fixed: Mapping[str, str] | None = None,
    rows: int = 1,
) -> str:
    """The statement that creates records with all `columns`, and changes existing ones by `rules`.

    Without rules it leaves existing records as they are. `fixed` holds more columns, with one value for all
    rows: binding them for each row would take much of an import's time. `rows` is the number of records in
    one statement; SQLite releases the interpreter meanwhile. Table, columns and fixed values are our own
    words and instants, never input.
    """
    names, literals = list(columns), dict(fixed or {})
    marks = ", ".join(["?"] * len(names) + [f"'{value}'" for value in literals.values()])
    values = ", ".join([f"({marks})"] * rows)
    insert = f"INSERT INTO {table} ({', '.join([*names, *literals])}) VALUES {values}"  # noqa: S608
    if not rules:
        return f"{insert} ON CONFLICT ({key}) DO NOTHING"
    changes = ", ".join(f"{column} = {rule.format(c=column, t=table)}" for column, rule in rules.items())
    return f"{insert} ON CONFLICT ({key}) DO UPDATE SET {changes}"


def json_values(fields: Mapping[str, Field], row: sqlite3.Row) -> dict[str, Any]:
    """The API's keys and values of a row, without fields that have no value."""
    values = {key: field.json_value(row[field.column]) for key, field in fields.items()}
    return {key: value for key, value in values.items() if value is not None}
