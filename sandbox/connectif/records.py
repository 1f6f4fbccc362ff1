"""What contacts and products have in common: create-or-change statements and reading rows back."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping

    from sandbox.connectif.fields import Field


class Rule(StrEnum):
    """What a new value does to the one that an existing record has."""

    REPLACE = "excluded.{c}"
    UNLESS_BLANK = "COALESCE(NULLIF(excluded.{c}, ''), {t}.{c})"
    IF_EMPTY = "COALESCE(NULLIF({t}.{c}, ''), excluded.{c})"
    MERGE = "json_patch({t}.{c}, excluded.{c})"
    MERGE_IF_EMPTY = "json_patch(excluded.{c}, {t}.{c})"


def upsert_sql(
    table: str,
    key: str,
    columns: Iterable[str],
    rules: Mapping[str, Rule],
    *,
    fixed: Mapping[str, str] | None = None,
    rows: int = 1,
) -> str:
    """Creates a record with all `columns`; of an existing one it changes those that have a rule, or nothing.

    `fixed` holds further columns with one value for all rows: binding them row by row would cost an import
    much of its time. `rows` of them at once are one step of SQLite, which leaves the interpreter to others
    meanwhile. Table, columns and fixed values are words and instants of our own, never input.
    """
    names, literals = list(columns), dict(fixed or {})
    marks = ", ".join(["?"] * len(names) + [f"'{value}'" for value in literals.values()])
    values = ", ".join([f"({marks})"] * rows)
    insert = f"INSERT INTO {table} ({', '.join([*names, *literals])}) VALUES {values}"  # noqa: S608
    if not rules:
        return f"{insert} ON CONFLICT ({key}) DO NOTHING"
    changes = ", ".join(f"{column} = {rule.format(c=column, t=table)}" for column, rule in rules.items())
    return f"{insert} ON CONFLICT ({key}) DO UPDATE SET {changes}"


def shown(fields: Mapping[str, Field], row: sqlite3.Row) -> dict[str, Any]:
    """The API's keys for a row; fields without a value are absent."""
    found = {key: field.shown(row[field.column]) for key, field in fields.items()}
    return {key: value for key, value in found.items() if value is not None}
