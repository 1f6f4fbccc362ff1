"""A connection of type `connectif` becomes a client, when first asked, and once."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.http.hooks.http import HttpHook

from include.connectif.client import ConnectifClient
from include.settings import load_settings
from plugins.hooks.accounts import connectif_account
from plugins.hooks.airflow_connections import CONNECTIF, connectif_connection
from plugins.hooks.connection_fields import tested

if TYPE_CHECKING:
    from requests import Session


class ConnectifHook(HttpHook):
    """Connectif's API through one pooled session, paced by the account's shared minute.

    `client` has the calls of the syncs. What `HttpHook` offers works on the same session.
    """

    conn_name_attr = "connectif_conn_id"
    default_conn_name = CONNECTIF
    conn_type = "connectif"
    hook_name = "Connectif"

    def __init__(self, connectif_conn_id: str = default_conn_name, method: str = "GET") -> None:
        super().__init__(method=method, http_conn_id=connectif_conn_id)
        self.connectif_conn_id = connectif_conn_id

    @cached_property
    def client(self) -> ConnectifClient:
        """The client of this connection. Raises ConfigurationError when a field is missing."""
        account = connectif_account(connectif_connection(self.connectif_conn_id))
        return ConnectifClient(account, keep_free_percent=load_settings().connectif.keep_free_percent)

    def get_conn(
        self, headers: dict[Any, Any] | None = None, extra_options: dict[str, Any] | None = None
    ) -> Session:
        """The client's session, with credentials; for what `HttpHook` does with it.

        `headers` are not kept in it: `run` sends them with its own request, and the session is shared.
        A redirect is not followed: it would take the key along to another host.
        """
        transport = self.client.transport
        self.base_url, self._base_url_initialized = transport.base_url, True
        ours = {"timeout": transport.timeouts, "allow_redirects": False}
        self.merged_extra = {**ours, **(extra_options or {})}
        return transport.session

    def test_connection(self) -> tuple[bool, str]:
        """One cheap call of the account's hundred a minute: lists imports."""
        return tested(lambda: self.client, "Connectif answers, and the key may read imports")
