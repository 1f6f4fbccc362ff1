"""Contacts of both sides as columns of keyed hashes: no address is compared, kept or shown. No HTTP, no log.

A side has `person` (64 bits of the address's keyed hash), one column of each of FIELDS (a keyed hash, 0 where
there is no value) and `id`; ours has `changed` too (nanoseconds since 1970, 0: unknown).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from include.connectif.exports import plain_name
from include.outcomes import Cause
from include.window import Window

FIELDS = ("_name", "_surname", "_mobilePhone", "_birthdate")

# Plain names of columns (see `plain_name`), of an export in English or Spanish: documented nowhere.
_TITLES = {
    "id": {"id", "contactid", "iddecontacto", "idcontacto"},
    "_email": {"email", "emailaddress", "correoelectronico", "correo"},
    "_name": {"name", "firstname", "nombre"},
    "_surname": {"surname", "surnames", "lastname", "apellido", "apellidos"},
    "_mobilePhone": {"mobilephone", "mobile", "telefonomovil", "movil"},
    "_birthdate": {"birthdate", "birthday", "dateofbirth", "fechadenacimiento", "fechanacimiento"},
}


def columns_of(titles: Sequence[str]) -> dict[str, str]:
    """Which column of the export (plain names) holds our `id`, `_email` and FIELDS, where there is one."""
    return {
        ours: found
        for ours, known in _TITLES.items()
        if (found := next((title for title in titles if plain_name(title) in known), None))
    }


def side(rows: pd.DataFrame, *, person_of: Callable[[str], str], hash_key: str) -> pd.DataFrame:
    """Rows with `_email`, FIELDS and others → the same rows with the address as `person`, fields as hashes.

    `hash_key` has 16 characters. A birth date counts by its calendar date.
    """
    hashed = {"person": persons(rows["_email"], person_of)}
    for field in FIELDS:
        values = rows[field] if field in rows else pd.Series(None, index=rows.index, dtype="str")
        hashed[field] = _hashes(
            values.str.strip().str.slice(0, 10 if field == "_birthdate" else None), hash_key
        )
    rest = rows.drop(columns=["_email", *(field for field in FIELDS if field in rows)])
    return rest.assign(**hashed)


def persons(emails: pd.Series, person_of: Callable[[str], str]) -> Any:
    """64 bits of each address's keyed hash: of a million people no two are likely to share them."""
    return np.fromiter((_bits(person_of(email)) for email in emails), "uint64", len(emails))


def of_people(persons: pd.Series, hashes: Collection[str]) -> Any:
    """Which of the `person`s are among people given by their whole keyed hashes."""
    return np.isin(persons.to_numpy(), np.fromiter(map(_bits, hashes), "uint64", len(hashes)))


def _bits(keyed_hash: str) -> int:
    return int(keyed_hash[:16], 16)


def _hashes(values: pd.Series, hash_key: str) -> Any:
    """0 where there is nothing."""
    filled = values.fillna("")
    hashes = pd.util.hash_array(filled.to_numpy(dtype=object), hash_key=hash_key, categorize=True)
    return np.where(filled == "", np.uint64(0), hashes)


def met(ours: pd.DataFrame, theirs: pd.DataFrame, fields: Sequence[str]) -> tuple[Any, pd.Series, Any]:
    """Whether each of ours is there; which of its `fields` have a value and another one there, by name; and
    which of theirs is not ours. `theirs` names no person twice.
    """
    place = pd.Index(theirs["person"]).get_indexer(pd.Index(ours["person"]))
    there = place >= 0
    differing = np.zeros(len(ours), dtype=np.int64)
    for bit, field in enumerate(fields):
        mine, their = ours[field].to_numpy(), theirs[field].to_numpy()
        other = (mine[there] != 0) & (mine[there] != their[place[there]])
        differing[there] |= other.astype(np.int64) << bit
    names = {
        mask: ", ".join(field for bit, field in enumerate(fields) if mask >> bit & 1)
        for mask in np.unique(differing)
    }
    alone = np.ones(len(theirs), dtype=bool)
    alone[place[there]] = False
    return there, pd.Series(differing, index=ours.index).map(names).astype("str"), alone


def causes_by_time(
    changed: pd.Series, covered: Sequence[Window], *, young_since_ns: int, otherwise: Cause
) -> Any:
    """For each instant of a last change: `otherwise` where a run has covered it, else what coverage tells."""
    ns = changed.to_numpy()
    inside = np.zeros(len(ns), dtype=bool)
    for window in covered:
        inside |= (ns >= nanoseconds(window.start)) & (ns < nanoseconds(window.end))
    last = max(nanoseconds(covered[-1].end), young_since_ns) if covered else np.iinfo(np.int64).max
    return np.where(
        inside, otherwise.value, np.where(ns >= last, Cause.TOO_YOUNG.value, Cause.NOT_COVERED.value)
    )


def nanoseconds(moment: Any) -> int:
    """Since 1970."""
    return int(pd.Timestamp(moment).value)


def titles_missing(columns: Mapping[str, str]) -> list[str]:
    """Fields that the export has no column for, which are not compared."""
    return [field for field in FIELDS if field not in columns]
