"""Customers of VTEX (Master Data v1, entity `CL`) → contacts of Connectif, as the rows of an import.

A document, as scroll and search answer it (all but `id` may be null, and text may be anything):

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

from include.contacts.extra_field import is_given
from include.outcomes import Drop, Reason
from include.values.email import problems, tidy_addresses
from include.values.instants import calendar_dates, nanoseconds
from include.values.mapped import Mapped, outcome_rows_of
from include.values.mapped import split_by_columns as split_by_columns_of
from include.values.names import tidy_names
from include.values.phones import e164
from include.values.text import arrow_texts, tidy, unreadable, word

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date, tzinfo

    from include.contacts.extra_field import ExtraField

SOURCE_FIELDS: tuple[str, ...] = (
    "id",
    "email",
    "firstName",
    "lastName",
    "phone",
    "cellPhone",
    "homePhone",
    "birthDate",
    "isNewsletterOptIn",
    "createdIn",
    "updatedIn",
)
PHONE_FIELDS = ("phone", "cellPhone", "homePhone")
CONTACT_COLUMNS = ("_email", "_name", "_surname", "_mobilePhone", "_birthdate")
_OUR_COLUMNS = ("id", "changed", "consent")
ROW_COLUMNS = (*_OUR_COLUMNS, *CONTACT_COLUMNS)

_FIRST_BIRTH_DATE = "1900-01-01"


def map_contacts(
    documents: pd.DataFrame,
    *,
    country: str,
    today: date,
    birth_date_zone: tzinfo | None = None,
    extra_fields: Sequence[ExtraField] = (),
) -> Mapped:
    """`CL` documents (one a row, SOURCE_FIELDS as columns, a missing column counts as absent) → contacts.

    Rows have ROW_COLUMNS, absent values as NA: `changed` is the instant of the last change in nanoseconds
    since 1970 UTC (`updatedIn` is null until the first update, then `createdIn` counts; 0 when neither is
    known), `consent` the status that a new contact gets, the rest is what Connectif calls it. Nothing is
    deduplicated here: two documents with one address may lie in different chunks (see `latest_of_each`).
    The targets of `extra_fields` follow as further columns. With a `birth_date_zone` instants become dates
    there (`local_dates`). A frame made from decoded JSON wants
    `dtype=object`: of a number beside an absent value pandas would otherwise make a float.
    """
    ids = _texts(documents, "id")
    emails = tidy_addresses(_texts(documents, "email"))
    problem = pc.if_else(_unreadable(documents, "email"), word(Reason.EMAIL_INVALID), problems(emails))
    phones, bad_phones, unreadable_phones = _phones(documents, country)
    births, bad_births = _birth_dates(documents, today, birth_date_zone)
    extras = {field: field.read(_column(documents, field.source), country) for field in extra_fields}
    rows = pd.DataFrame(
        {
            "id": ids.to_pandas(),
            "changed": _changed(documents),
            "consent": _consent(documents),
            "_email": emails.to_pandas(),
            "_name": tidy_names(_texts(documents, "firstName")).to_pandas(),
            "_surname": tidy_names(_texts(documents, "lastName")).to_pandas(),
            "_mobilePhone": phones.to_pandas(),
            "_birthdate": births.to_pandas(),
            **{field.target: values.to_pandas() for field, values in extras.items()},
        }
    )
    rows = rows.astype({column: "str" for column in rows.columns if column != "changed"})
    good = pc.is_null(problem).to_numpy(zero_copy_only=False)
    refused = zip(ids.filter(~good).to_pylist(), problem.filter(~good).to_pylist(), strict=True)
    unreadable_fields = (_unreadable(documents, field) for field in ("firstName", "lastName", "birthDate"))
    return Mapped(
        rows=rows[good].reset_index(drop=True),
        outcomes=outcome_rows_of((key or "", Reason(reason), "") for key, reason in refused),
        drops=_drops(
            good,
            (Drop.PHONE_INVALID, bad_phones),
            (Drop.BIRTH_DATE_INVALID, bad_births),
            (Drop.FIELD_UNREADABLE, unreadable_phones),
            *((Drop.FIELD_UNREADABLE, unreadable) for unreadable in unreadable_fields),
            *(drop for field, values in extras.items() for drop in _extra_drops(documents, field, values)),
        ),
    )


def _column(documents: pd.DataFrame, field: str) -> pd.Series:
    if field not in documents.columns:
        return pd.Series(None, index=documents.index, dtype=object)
    return documents[field]


def _texts(documents: pd.DataFrame, field: str) -> Any:
    return arrow_texts(_column(documents, field))


def _unreadable(documents: pd.DataFrame, field: str) -> Any:
    return unreadable(_column(documents, field))


def _extra_drops(documents: pd.DataFrame, field: ExtraField, values: Any) -> Iterator[tuple[Drop, Any]]:
    unusable = pc.is_null(values).to_numpy(zero_copy_only=False)
    texts = pc.is_valid(tidy(_texts(documents, field.source))).to_numpy(zero_copy_only=False)
    given = np.fromiter(map(is_given, _column(documents, field.source)), bool, len(documents))
    if field.drop:
        yield field.drop, unusable & texts
        yield Drop.FIELD_UNREADABLE, unusable & given & ~texts
    else:
        yield Drop.FIELD_UNREADABLE, unusable & given


def _phones(documents: pd.DataFrame, country: str) -> tuple[Any, Any, Any]:
    """The first usable number of each document, and where there is none although a field held a text, or
    something that cannot be read."""
    found = pa.nulls(len(documents), pa.large_string())
    given = np.zeros(len(documents), dtype=bool)
    wrong = np.zeros(len(documents), dtype=bool)
    for field in PHONE_FIELDS:
        offered = tidy(_texts(documents, field))
        wrong |= _unreadable(documents, field)
        given |= pc.is_valid(offered).to_numpy(zero_copy_only=False)
        wanted = pc.and_(pc.is_null(found), pc.is_valid(offered))
        if pc.any(wanted).as_py():
            found = pc.replace_with_mask(found, wanted, e164(offered.filter(wanted), country))
    missing = pc.is_null(found).to_numpy(zero_copy_only=False)
    return found, given & missing, wrong & missing


def _birth_dates(documents: pd.DataFrame, today: date, zone: tzinfo | None) -> tuple[Any, Any]:
    written = tidy(_texts(documents, "birthDate"))
    births = calendar_dates(written, first=_FIRST_BIRTH_DATE, last=today, zone=zone)
    return births, pc.and_(pc.is_valid(written), pc.is_null(births)).to_numpy(zero_copy_only=False)


def _changed(documents: pd.DataFrame) -> Any:
    updated, created = (nanoseconds(_texts(documents, field)) for field in ("updatedIn", "createdIn"))
    return pc.coalesce(updated, created, pa.scalar(0, pa.int64())).to_numpy()


def _consent(documents: pd.DataFrame) -> Any:
    """VTEX's null is "never answered", so only a plain true subscribes; nobody is ever unsubscribed here."""
    answers = _column(documents, "isNewsletterOptIn")
    said_yes = np.fromiter((answer is True or answer is np.True_ for answer in answers), bool, len(answers))
    return np.where(said_yes, "subscribed", "none")


def _drops(good: Any, *bad: tuple[Drop, Any]) -> Counter[Drop]:
    counts: Counter[Drop] = Counter()
    for drop, where in bad:
        if (where & good).any():
            counts[drop] += int((where & good).sum())
    return counts


def latest_of_each(keys: pd.DataFrame, by: str, among: pd.Series | None = None) -> pd.Series:
    """Of the rows with the same `by`, which one was changed last (`changed`, then `id`): a mask of winners.

    Of documents with one e-mail (`_email`, or a hash of it under that name) the winner goes, the others are
    `duplicate_email`. A lonely row wins. Of rows alike in all three, exactly one wins. The answer does not
    depend on their order. `among` is a mask of the rows that take part. The index has no repeats.
    """
    taking_part = pd.Series(True, index=keys.index) if among is None else among
    alike = taking_part & keys[by].isin(_repeated(keys.loc[taking_part, by].to_numpy(copy=True)))
    ranked = keys[alike].sort_values([by, "changed", "id"], kind="stable")
    losers = ranked.index[ranked[by].duplicated(keep="last")]
    return taking_part & ~keys.index.isin(losers)


def _repeated(values: Any) -> Any:
    """The values that come more than once, by sorting them where they lie: a table of all of them takes four
    times the memory."""
    values.sort()
    return values[1:][values[1:] == values[:-1]]


def split_by_columns(rows: pd.DataFrame) -> Iterator[tuple[tuple[str, ...], pd.DataFrame]]:
    """Rows of `map_contacts`, grouped by the optional columns that they have (`_email` is always first)."""
    return split_by_columns_of(rows, [column for column in rows.columns if column not in _OUR_COLUMNS])
