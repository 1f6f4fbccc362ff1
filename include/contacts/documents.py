"""`CL` documents: from VTEX's JSON to a staged table, and from the table to the frame for the mapping."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson
import pandas as pd
import pyarrow as pa

from include.contacts.fields import SOURCE_FIELDS
from include.values.text import text_of

_OPT_IN = "isNewsletterOptIn"
_AS_JSON = "json:"
_UNREADABLE = "unreadable"
_SCHEMA = pa.schema([(name, pa.bool_() if name == _OPT_IN else pa.string()) for name in SOURCE_FIELDS])


def documents_table(documents: Sequence[dict[str, Any]], extra_sources: Sequence[str] = ()) -> pa.Table:
    """Documents as columns, one for each of SOURCE_FIELDS. All are texts, except the opt-in (true or false).

    A value that is not a text becomes null, and the column `unreadable` names its field. The values of
    `extra_sources` may have any type: a column `json:<source>` holds them as JSON.
    """
    wrong: list[str | None] = [None] * len(documents)
    try:
        table = pa.Table.from_struct_array(pa.array(documents, pa.struct(list(_SCHEMA))))
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # some value has an unexpected type: convert by column
        table = pa.table([_column([d.get(f.name) for d in documents], f.type) for f in _SCHEMA], _SCHEMA)
        wrong = [",".join(_unreadable_fields(document)) or None for document in documents]
    table = table.append_column(_UNREADABLE, pa.array(wrong, pa.string()))
    for source in extra_sources:
        encoded = [None if d.get(source) is None else orjson.dumps(d[source]).decode() for d in documents]
        table = table.append_column(_AS_JSON + source, pa.array(encoded, pa.string()))
    return table


def documents_frame(table: pa.Table) -> pd.DataFrame:
    """A table of `documents_table` as a frame for the mapping.

    Extra sources have their own names. An empty object replaces each value that was not a text.
    """
    frame: pd.DataFrame = table.select(list(SOURCE_FIELDS)).to_pandas()
    _mark_unreadable(frame, table)
    for name in table.column_names:
        if name.startswith(_AS_JSON):
            decoded = [None if text is None else orjson.loads(text) for text in table[name].to_pylist()]
            frame[name.removeprefix(_AS_JSON)] = pd.Series(decoded, dtype=object)
    return frame


def _mark_unreadable(frame: pd.DataFrame, table: pa.Table) -> None:
    wrong = [names.split(",") if names else () for names in table[_UNREADABLE].to_pylist()]
    for field in {name for names in wrong for name in names}:
        values = [{} if field in names else value for names, value in zip(wrong, frame[field], strict=True)]
        frame[field] = pd.Series(values, index=frame.index, dtype=object)


def _unreadable_fields(document: dict[str, Any]) -> Iterator[str]:
    values = ((name, document.get(name)) for name in SOURCE_FIELDS if name != _OPT_IN)
    return (name for name, value in values if value is not None and text_of(value) is None)


def _column(values: list[Any], kind: pa.DataType) -> pa.Array:
    try:
        return pa.array(values, kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        if kind == pa.bool_():
            return pa.array([v if isinstance(v, bool) else None for v in values], kind)
        return pa.array([text_of(v) for v in values], kind)
