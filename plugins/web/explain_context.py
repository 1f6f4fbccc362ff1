"""The desk at which a record is explained, with Airflow's connections: for the page and `make explain`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from include.connectif.client import ConnectifClient
from include.http.retry import RetryPolicy
from include.pipeline.explain_context import ExplainContext
from include.pipeline.run import kept_in
from include.settings import load_settings
from include.vtex.client import VtexClient
from plugins.hooks.accounts import connectif_account, shop_of, vtex_account
from plugins.hooks.airflow_connections import connectif_connection, vtex_connection
from plugins.runs.open_run import shop_folder, staging_base
from plugins.state import open_state

_TWICE = RetryPolicy(attempts=2)
"""Somebody waits for the answer."""


@contextmanager
def open_explain_context() -> Iterator[ExplainContext]:
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
        open_state(shop_of(vtex.account, connectif.account)) as state,
    ):
        kept = kept_in(staging_base(settings) / shop_folder(vtex, connectif))
        yield ExplainContext(settings, state, vtex, connectif, kept)
