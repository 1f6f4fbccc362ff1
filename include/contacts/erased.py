"""Keep erased customers out of the load."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pandas as pd

from include.outcomes import Reason
from include.pipeline.erased_people import ErasedPeople
from include.pipeline.run import SyncRun
from include.staging import Staging
from include.values.email import tidy_email
from include.values.mapped import Mapped, outcome_rows_of

_ERASURES = "erasures.json"

Mapping = Callable[[pd.DataFrame], Mapped]


def map_without_erased(documents: pd.DataFrame, mapping: Mapping, people: ErasedPeople) -> Mapped:
    """Map the documents, but give those of erased people the outcome `erased`."""
    if not people:
        return mapping(documents)
    emails = tidy_email(documents["email"])
    erased = emails.isin(people.intersection(emails.dropna().to_list()))
    if not erased.any():
        return mapping(documents)
    mapped = mapping(documents[~erased].reset_index(drop=True))
    ids = documents.loc[erased, "id"].drop_duplicates()
    outcomes = outcome_rows_of((str(key), Reason.ERASED, "") for key in ids)
    return replace(mapped, outcomes=pd.concat([mapped.outcomes, outcomes], ignore_index=True))


def note_erasures(run: SyncRun, folder: Staging) -> None:
    """Stage the current state of erasures, for `erased_since`."""
    folder.write_json(_ERASURES, run.state.erasure.erasures())


def erased_since(run: SyncRun, folder: Staging, mapped: str) -> set[str]:
    """Addresses in the folder's files `mapped`… whose person was erased after `note_erasures`."""
    if folder.read_json(_ERASURES) == run.state.erasure.erasures():
        return set()
    people = ErasedPeople(run.state)
    erased = (
        people.intersection(folder.read_frame(name, ["_email"])["_email"]) for name in folder.names(mapped)
    )
    return set().union(*erased)
