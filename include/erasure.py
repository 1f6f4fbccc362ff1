"""Erase a person from the sync, or restore them; the results are sentences for the operator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from include.errors import ConfigurationError, SyncError
from include.newsletter.documents import find_documents
from include.pipeline.preview import mask
from include.pipeline.staging_retention import remove_runs_with_people
from include.state import StateStore
from include.values.address import problem_of, tidy_address
from include.values.wording import plural
from include.vtex.client import VtexClient

_BY_HAND = """\
Do the rest by hand, in this order:
  VTEX       erase the customer (Master Data, entity CL), and orders as your legal rules require
  Connectif  delete the contact and, if requested, its purchases (Contacts > the contact > Delete)
  Airflow    runs of update_newsletter and the audit log of REST triggers keep their events until you run
             airflow db clean --clean-before-timestamp "<now>" --dag-ids {dag_ids} \\
               --tables dag_run,log --skip-archive --yes
             docs/privacy.md says what this keeps."""


def by_hand(newsletter_dags: Iterable[str]) -> str:
    """What an operator must do after an erasure, in the other systems."""
    return _BY_HAND.replace("{dag_ids}", ",".join(newsletter_dags))


def check_address(email: str) -> str:
    """The address in the form for comparisons; ConfigurationError if it is not a valid address."""
    address = tidy_address(email)
    if problem_of(address):
        raise ConfigurationError("erase: the input is not a valid e-mail address. Nothing was changed")
    return address


def erase(
    state: StateStore,
    vtex: VtexClient,
    base: Any,
    email: str,
    now: datetime,
    *,
    other_bases: Iterable[Any] = (),
) -> Iterator[str]:
    """Erase the person with this address (see `check_address`) at once; yields what was done.

    `base` is the folder of all staged files; shops with a place of their own have `other_bases`. The ids of
    the person's documents are read from VTEX first, because outcomes of customers are stored under these ids.
    """
    documents, problem = _document_ids(vtex, email)
    removed = state.erasure.erase(email, documents)
    runs, running = 0, list[str]()
    for one in (base, *other_bases):
        removed_runs, left = remove_runs_with_people(state, one, started_before=now, now=now)
        runs, running = runs + removed_runs, running + left
    yield f"{mask(email)} is erased, and kept out of every later write."
    yield (
        f"Removed from the state store: {plural(removed.outcomes, 'outcome')}, "
        f"{plural(removed.purchases, 'purchase')}, {plural(removed.changes, 'subscription change')}, "
        f"and the person's records in {plural(removed.reports, 'report')}."
    )
    yield f"Removed the staged files of all {runs} finished runs of the shop."
    if problem:
        yield (
            f"The ids of the customer's documents are unknown ({problem}): outcomes under these ids remain "
            "(an id and a reason). Erase once more, or wait for run.outcome_retention_days."
        )
    for run in running:
        yield (
            f"Still running, or interrupted: {run}. It sends nothing more about the person. The next run "
            "that ends after it removes its staged files. Check Connectif again then."
        )


def restore(state: StateStore, email: str) -> Iterator[str]:
    """End the erasure of the person; yields the consequences."""
    if not state.erasure.restore(email):
        yield f"{mask(email)} is not erased: nothing was changed."
        return
    yield f"{mask(email)} is no longer erased: the sync sends the customer's next change at VTEX."
    yield (
        "To send the customer now, trigger sync_contacts with the parameter only and the id of the document. "
        "The sync does not send earlier subscription changes and purchases; send an order with the parameter "
        "only of sync_purchases."
    )


def _document_ids(vtex: VtexClient, email: str) -> tuple[list[str], str]:
    """The ids of the person's documents, or the reason why they are unknown."""
    try:
        documents = find_documents(vtex, [email]).get(email, [])
    except SyncError as error:
        return [], str(error)
    ids = [str(document["id"]) for document in documents]
    return ids, "" if ids else "VTEX has no document with this address"
