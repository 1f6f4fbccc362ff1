"""Customers of VTEX (Master Data v1, entity `CL`) → contacts of Connectif, as the rows of an import.

A document from scroll or search looks like this. All fields but `id` may be null, and a text may be anything:

    {"id": "…", "email": "Ana@example.com", "firstName": "Ana", "lastName": "Paz",
     "phone": null, "cellPhone": null, "homePhone": "+5511987654321", "birthDate": "1990-01-31T00:00:00Z",
     "isNewsletterOptIn": null, "createdIn": "2026-11-20T10:00:00.7753548Z", "updatedIn": null}
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from include.contacts.field_readers import ContactRules
from include.contacts.fields import CONTACT_COLUMNS, CONTACT_FIELDS, OUR_COLUMNS
from include.outcomes import Drop, Reason
from include.values.email import problems
from include.values.instants import nanoseconds
from include.values.mapped import Mapped, outcome_rows_of
from include.values.mapped import split_by_columns as split_by_columns_of
from include.values.text import arrow_texts, unreadable, word

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date, tzinfo

    from include.contacts.fields import ContactField, ExtraField

ROW_COLUMNS = (*OUR_COLUMNS, *CONTACT_COLUMNS)


def map_contacts(
    documents: pd.DataFrame,
    *,
    country: str,
    today: date,
    birth_date_zone: tzinfo | None = None,
    extra_fields: Sequence[ExtraField] = (),
) -> Mapped:
    """`CL` documents (one per row, SOURCE_FIELDS as columns; a missing column counts as absent) → contacts.

    Rows have ROW_COLUMNS, then the targets of `extra_fields`; absent values are NA. `changed` is the instant
    of the last change, in nanoseconds since 1970 UTC: `updatedIn`, which is null until the first update, else
    `createdIn`, else 0. `consent` is the newsletter status of a new contact.

    The rows may repeat an address, because its documents may be in different chunks (see `latest_of_each`).
    A frame made from decoded JSON needs `dtype=object`; otherwise pandas turns a number next to an absent
    value into a float.
    """
    rules = ContactRules(country, today, birth_date_zone)
    fields: tuple[ContactField | ExtraField, ...] = (*CONTACT_FIELDS, *extra_fields)
    read = {
        field.target: field.read([_column(documents, source) for source in field.sources], rules)
        for field in fields
    }
    ids = _texts(documents, "id")
    problem = pc.if_else(
        unreadable(_column(documents, "email")), word(Reason.EMAIL_INVALID), problems(read["_email"].texts)
    )
    rows = pd.DataFrame(
        {
            "id": ids.to_pandas(),
            "changed": _changed(documents),
            "consent": _consent(documents),
            **{target: values.texts.to_pandas() for target, values in read.items()},
        }
    )
    rows = rows.astype({column: "str" for column in rows.columns if column != "changed"})
    good = pc.is_null(problem).to_numpy(zero_copy_only=False)
    refused = zip(ids.filter(~good).to_pylist(), problem.filter(~good).to_pylist(), strict=True)
    return Mapped(
        rows=rows[good].reset_index(drop=True),
        outcomes=outcome_rows_of((key or "", Reason(reason), "") for key, reason in refused),
        drops=_drops(good, *(drop for values in read.values() for drop in values.drops)),
    )


def _column(documents: pd.DataFrame, field: str) -> pd.Series:
    if field not in documents.columns:
        return pd.Series(None, index=documents.index, dtype=object)
    return documents[field]


def _texts(documents: pd.DataFrame, field: str) -> Any:
    return arrow_texts(_column(documents, field))


def _changed(documents: pd.DataFrame) -> Any:
    updated, created = (nanoseconds(_texts(documents, field)) for field in ("updatedIn", "createdIn"))
    return pc.coalesce(updated, created, pa.scalar(0, pa.int64())).to_numpy()


def _consent(documents: pd.DataFrame) -> Any:
    """Only a plain true subscribes: null means that the customer never answered. It never unsubscribes."""
    answers = _column(documents, "isNewsletterOptIn")
    is_yes = np.fromiter((answer is True or answer is np.True_ for answer in answers), bool, len(answers))
    return np.where(is_yes, "subscribed", "none")


def _drops(good: Any, *left_out: tuple[Drop, Any]) -> Counter[Drop]:
    counts: Counter[Drop] = Counter()
    for drop, mask in left_out:
        if (mask & good).any():
            counts[drop] += int((mask & good).sum())
    return counts


def latest_of_each(keys: pd.DataFrame, by: str, among: pd.Series | None = None) -> pd.Series:
    """A mask of the winners: of the rows with the same `by`, the one with the latest `changed`, then `id`.

    Of the documents with one address (`by` is `_email`, or its hash under that name) the winner is sent; the
    others become `duplicate_email`. A single row wins. If rows are equal in all three, exactly one wins. The
    result does not depend on the order of the rows. `among` is a mask of the rows that take part. The index
    must be unique.
    """
    taking_part = pd.Series(True, index=keys.index) if among is None else among
    alike = taking_part & keys[by].isin(_repeated(keys.loc[taking_part, by].to_numpy(copy=True)))
    ranked = keys[alike].sort_values([by, "changed", "id"], kind="stable")
    losers = ranked.index[ranked[by].duplicated(keep="last")]
    return taking_part & ~keys.index.isin(losers)


def _repeated(values: Any) -> Any:
    """The values that occur more than once. Sorts in place, because a hash table of all values takes four
    times the memory."""
    values.sort()
    return values[1:][values[1:] == values[:-1]]


def split_by_columns(rows: pd.DataFrame) -> Iterator[tuple[tuple[str, ...], pd.DataFrame]]:
    """Group rows of `map_contacts` by the optional columns that they have. `_email` is always first."""
    return split_by_columns_of(rows, [column for column in rows.columns if column not in OUR_COLUMNS])
