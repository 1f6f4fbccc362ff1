"""Contacts of both vendors as columns of keyed hashes. No HTTP, no log.

No address is compared, kept or shown.

A side is a frame with `id`, `person` (64 bits of the address's keyed hash) and one column for each of
COMPARED_COLUMNS (a keyed hash, 0 if there is no value). VTEX's side also has `changed` (nanoseconds since
1970, 0 if unknown).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from include.connectif.exports import plain_name
from include.contacts.fields import COMPARED_COLUMNS, COMPARED_FIELDS, CONTACT_FIELDS
from include.outcomes import Cause
from include.window import Window

_TITLES = {
    "id": frozenset({"id", "contactid", "iddecontacto", "idcontacto"}),
    **{field.target: field.titles for field in CONTACT_FIELDS},
}


def columns_of(titles: Sequence[str]) -> dict[str, str]:
    """Our `id` and contact fields → the title of their column in the export, for those that have one."""
    return {
        target: found
        for target, known in _TITLES.items()
        if (found := next((title for title in titles if plain_name(title) in known), None))
    }


def side(rows: pd.DataFrame, *, person_of: Callable[[str], str], hash_key: str) -> pd.DataFrame:
    """Rows with `_email`, COMPARED_COLUMNS and other columns → the same rows as a side.

    `hash_key` has 16 characters. A birth date counts by its calendar date.
    """
    hashed = {"person": persons(rows["_email"], person_of)}
    for field in COMPARED_FIELDS:
        column = field.target
        values = rows[column] if column in rows else pd.Series(None, index=rows.index, dtype="str")
        hashed[column] = _hashes(values.str.strip().str.slice(0, field.compared_length), hash_key)
    rest = rows.drop(columns=["_email", *(column for column in COMPARED_COLUMNS if column in rows)])
    return rest.assign(**hashed)


def persons(emails: pd.Series, person_of: Callable[[str], str]) -> Any:
    """64 bits of each address's keyed hash. Among a million people, a collision is unlikely."""
    return np.fromiter((_bits(person_of(email)) for email in emails), "uint64", len(emails))


def match_hashes(persons: pd.Series, hashes: Collection[str]) -> Any:
    """A mask of the `person`s that are among these complete keyed hashes."""
    return np.isin(persons.to_numpy(), np.fromiter(map(_bits, hashes), "uint64", len(hashes)))


def _bits(keyed_hash: str) -> int:
    return int(keyed_hash[:16], 16)


def _hashes(values: pd.Series, hash_key: str) -> Any:
    """0 if there is no value."""
    filled = values.fillna("")
    hashes = pd.util.hash_array(filled.to_numpy(dtype=object), hash_key=hash_key, categorize=True)
    return np.where(filled == "", np.uint64(0), hashes)


def match_people(
    customers: pd.DataFrame, contacts: pd.DataFrame, fields: Sequence[str]
) -> tuple[Any, pd.Series, Any]:
    """Match both sides by person. `contacts` has each person once.

    Returns which customers have a contact; the names of the `fields` that have a value and differ from the
    contact's; and which contacts have no customer.
    """
    place = pd.Index(contacts["person"]).get_indexer(pd.Index(customers["person"]))
    there = place >= 0
    differing = np.zeros(len(customers), dtype=np.int64)
    for bit, field in enumerate(fields):
        expected, actual = customers[field].to_numpy(), contacts[field].to_numpy()
        differs = (expected[there] != 0) & (expected[there] != actual[place[there]])
        differing[there] |= differs.astype(np.int64) << bit
    names = {
        mask: ", ".join(field for bit, field in enumerate(fields) if mask >> bit & 1)
        for mask in np.unique(differing)
    }
    unmatched = np.ones(len(contacts), dtype=bool)
    unmatched[place[there]] = False
    return there, pd.Series(differing, index=customers.index).map(names).astype("str"), unmatched


def causes_by_time(
    changed: pd.Series, covered: Sequence[Window], *, young_since_ns: int, otherwise: Cause
) -> Any:
    """The cause for each instant of a last change: `otherwise` if a run covered it, else too young or not
    covered."""
    ns = changed.to_numpy()
    inside = np.zeros(len(ns), dtype=bool)
    for window in covered:
        inside |= (ns >= nanoseconds(window.start)) & (ns < nanoseconds(window.end))
    last = max(nanoseconds(covered[-1].end), young_since_ns) if covered else np.iinfo(np.int64).max
    return np.where(
        inside, otherwise.value, np.where(ns >= last, Cause.TOO_YOUNG.value, Cause.NOT_COVERED.value)
    )


def nanoseconds(moment: Any) -> int:
    """Nanoseconds since 1970."""
    return int(pd.Timestamp(moment).value)


def missing_columns(columns: Mapping[str, str]) -> list[str]:
    """Fields without a column in the export. They are not compared."""
    return [column for column in COMPARED_COLUMNS if column not in columns]
