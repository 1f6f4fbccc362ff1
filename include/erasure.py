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
You must do the rest, in this order:
  VTEX       erase the customer there (Master Data, entity CL; orders as required where you are)
  Connectif  delete the contact and, where asked for, its purchases (Contacts > the contact > Delete)
  Airflow    newsletter runs keep their events, and the audit log of REST triggers too, until
             airflow db clean --clean-before-timestamp "<now>" --dag-ids update_newsletter \\
               --tables dag_run,log --skip-archive --yes
             See docs/privacy.md for what that keeps."""


def checked(email: str) -> str:
    """The normalised address; ConfigurationError if it is not an address."""
    address = tidy_address(email)
    if problem_of(address):
        raise ConfigurationError("the input is not an e-mail address. Nothing was changed")
    return address


def erase(state: StateStore, vtex: VtexClient, base: Any, email: str, now: datetime) -> Iterator[str]:
    """Erase the person with this address (see `checked`) at once; yields lines that say what was done.

    `base` is the folder of all staged files. The documents at VTEX come first, because the state store
    keeps outcomes of customers under their ids.
    """
    documents, trouble = _documents(vtex, email)
    removed = state.erase(email, documents)
    runs, running = remove_runs_with_people(state, base, started_before=now, now=now)
    yield f"{mask(email)} is erased, and kept out of every later write."
    yield (
        f"Removed from the state store: {removed.outcomes} outcomes, {removed.purchases} purchases, "
        f"{removed.changes} subscription changes. Records of the person were removed from "
        f"{removed.reports} reports."
    )
    yield f"Removed staged files: those of all {runs} finished runs of the shop."
    if trouble:
        yield (
            f"The customer's documents could not be read ({trouble}), so their outcomes are left. Erase once "
            "more, or wait for run.outcome_retention_days: they hold an id and a reason."
        )
    for run in running:
        yield (
            f"Still running, or interrupted: {run}. It sends nothing more of the person. The next run that "
            "ends removes its staged files. Check Connectif again then."
        )


def restore(state: StateStore, email: str) -> Iterator[str]:
    """Undo the erasure; yields lines that say what follows."""
    if not state.restore(email):
        yield f"{mask(email)} is not erased: nothing was changed."
        return
    yield f"{mask(email)} is no longer erased: the next change at VTEX is sent again."
    yield (
        "To send it now, trigger sync_contacts with the parameter only and the id of the customer's document."
        " Earlier subscription changes and purchases stay unsent (sync_purchases with only sends an order)."
    )


def _documents(vtex: VtexClient, email: str) -> tuple[list[str], str]:
    """Ids of the person's documents, or why they are not known."""
    try:
        found = find_documents(vtex, [email]).get(email, [])
    except SyncError as error:
        return [], str(error)
    ids = [str(document["id"]) for document in found]
    return ids, "" if ids else "VTEX has none with this address"
