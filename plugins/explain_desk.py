"""The desk at which a record is explained, with Airflow's connections: for the page and `make explain`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from include.connectif.client import ConnectifClient
from include.explain import Desk
from include.rest.retry import RetryPolicy
from include.settings import load_settings
from include.sync.run import kept_in
from include.vtex.client import VtexClient
from plugins.accounts import connectif_account, pair_of, vtex_account
from plugins.airflow_connections import connectif_connection, vtex_connection
from plugins.sync_run import pair_folder, staging_base
from plugins.sync_store import open_sync_store

_TWICE = RetryPolicy(attempts=2)
"""Somebody waits for the answer."""


@contextmanager
def open_desk() -> Iterator[Desk]:
    """Clients and store, closed at the end; SyncError when something is not set up."""
    settings = load_settings()
    vtex = VtexClient(vtex_account(vtex_connection()), retry=_TWICE)
    connectif = ConnectifClient(
        connectif_account(connectif_connection()),
        keep_free_percent=settings.connectif.keep_free_percent,
        retry=_TWICE,
    )
    with (
        vtex.transport.session,
        connectif.transport.session,
        open_sync_store(pair_of(vtex.account, connectif.account)) as store,
    ):
        kept = kept_in(staging_base(settings) / pair_folder(vtex, connectif))
        yield Desk(settings, store, vtex, connectif, kept)
