"""Erase a person here, or let them in again: what was done, and what is left to others, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from include.errors import ConfigurationError, SyncError
from include.newsletter.documents import find_documents
from include.pipeline.preview import mask
from include.pipeline.staging_retention import remove_runs_with_people
from include.state import StateStore
from include.values.address import problem_of, tidy_address
from include.vtex.client import VtexClient

BY_HAND = """\
Left to you, in this order:
  VTEX       erase the customer there (Master Data, entity CL; orders as the law has it)
  Connectif  delete the contact and, where asked for, its purchases (Contacts > the contact > Delete)
  Airflow    newsletter runs keep their events, and the audit log of REST triggers too, until
             airflow db clean --clean-before-timestamp "<now>" --dag-ids update_newsletter \\
               --tables dag_run,log --skip-archive --yes
             See docs/privacy.md for what that keeps."""


def checked(email: str) -> str:
    """The address as it is compared; ConfigurationError for what is none."""
    address = tidy_address(email)
    if problem_of(address):
        raise ConfigurationError("what was given is no e-mail address. Nothing was changed")
    return address


def erase(state: StateStore, vtex: VtexClient, base: Any, email: str, now: datetime) -> Iterator[str]:
    """Erase the person with this address (see `checked`), at once; yields what was done.

    `base` is the folder of all staged files. VTEX is asked for the person's documents first, because
    outcomes of customers stand under their ids.
    """
    documents, trouble = _documents(vtex, email)
    removed = state.erase(email, documents)
    runs, running = remove_runs_with_people(state, base, started_before=now, now=now)
    yield f"{mask(email)} is erased, and kept out of every later write."
    yield (
        f"Removed from the store: {removed.outcomes} outcomes, {removed.purchases} purchases, "
        f"{removed.changes} subscription changes; {removed.reports} reports no longer name the person's records."
    )
    yield f"Removed staged files: those of all {runs} finished runs of the shop."
    if trouble:
        yield (
            f"Outcomes of the customer's documents could not be looked for ({trouble}): erase once more, or "
            "leave it to run.outcome_retention_days; they hold an id and a reason."
        )
    for run in running:
        yield (
            f"Not over yet, or broken off: {run}. What it has not sent, it will not send; its staged files "
            "go when it has ended, by the next run that ends. Look at Connectif once more then."
        )


def restore(state: StateStore, email: str) -> Iterator[str]:
    """Let the person in again; yields what that means."""
    if not state.restore(email):
        yield f"{mask(email)} is not among the erased: nothing was changed."
        return
    yield f"{mask(email)} is no longer erased: the next change at VTEX is sent like everybody's."
    yield (
        "To send it now: sync_contacts with the parameter only and the id of the customer's document. Subscription changes "
        "and purchases from before are not sent by themselves (sync_purchases with only takes an order)."
    )


def _documents(vtex: VtexClient, email: str) -> tuple[list[str], str]:
    """Ids of the person's documents, or why they are not known."""
    try:
        found = find_documents(vtex, [email]).get(email, [])
    except SyncError as error:
        return [], str(error)
    ids = [str(document["id"]) for document in found]
    return ids, "" if ids else "VTEX has none with this address"
