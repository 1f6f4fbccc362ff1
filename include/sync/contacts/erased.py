"""Customers who asked to be erased, kept out of what is sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pandas as pd

from include.mapping.email import tidy_email
from include.mapping.result import Mapped, verdicts_of
from include.outcomes import Reason
from include.staging import Staging
from include.sync.erased import ErasedPeople
from include.sync.run import SyncRun

_KNOWN = "erasures.json"

Mapping = Callable[[pd.DataFrame], Mapped]


def map_without_erased(documents: pd.DataFrame, mapping: Mapping, people: ErasedPeople) -> Mapped:
    """`mapping` of the documents of all others; those of erased people have the verdict `erased`."""
    if not people:
        return mapping(documents)
    emails = tidy_email(documents["email"])
    erased = emails.isin(people.among(emails.dropna().to_list()))
    if not erased.any():
        return mapping(documents)
    mapped = mapping(documents[~erased].reset_index(drop=True))
    ids = documents.loc[erased, "id"].drop_duplicates()
    verdicts = verdicts_of((str(key), Reason.ERASED, "") for key in ids)
    return replace(mapped, verdicts=pd.concat([mapped.verdicts, verdicts], ignore_index=True))


def note_erasures(run: SyncRun, folder: Staging) -> None:
    """Stage up to when erasures are known here."""
    folder.write_json(_KNOWN, run.store.erasures())


def erased_since(run: SyncRun, folder: Staging, mapped: str) -> set[str]:
    """Addresses in the files `mapped`… of the folder whose person was erased since `note_erasures`."""
    if folder.read_json(_KNOWN) == run.store.erasures():
        return set()
    people = ErasedPeople(run.store)
    found = (people.among(folder.read_frame(name, ["_email"])["_email"]) for name in folder.names(mapped))
    return set().union(*found)
