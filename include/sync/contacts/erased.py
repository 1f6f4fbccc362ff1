"""Customers who asked to be erased, kept out of what is sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pandas as pd

from include.mapping.result import Mapped, verdicts_of
from include.outcomes import Reason
from include.staging import Staging
from include.sync.erased import ErasedPeople
from include.sync.run import SyncRun

_KNOWN = "erasures.json"

Mapping = Callable[[pd.DataFrame], Mapped]


def map_without_erased(documents: pd.DataFrame, mapping: Mapping, people: ErasedPeople) -> Mapped:
    """`mapping` of the documents; those of erased people have the verdict `erased`."""
    mapped = mapping(documents)
    emails = people.among(mapped.rows["_email"]) if people else set()
    if not emails:
        return mapped
    erased = mapped.rows.loc[mapped.rows["_email"].isin(emails), "id"].drop_duplicates()
    # mapped once more, because fields that were left out are counted for those who go only
    others = mapping(documents[~documents["id"].isin(erased)].reset_index(drop=True))
    verdicts = verdicts_of((key, Reason.ERASED, "") for key in erased)
    return replace(others, verdicts=pd.concat([others.verdicts, verdicts], ignore_index=True))


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
