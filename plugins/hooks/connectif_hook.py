"""The hook for connections of type `connectif`: creates the client once, when it is first used."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.http.hooks.http import HttpHook

from include.connectif.client import ConnectifClient
from include.settings import load_settings
from plugins.hooks.accounts import connectif_account
from plugins.hooks.airflow_connections import CONNECTIF, connectif_connection
from plugins.hooks.connection_fields import check_client

if TYPE_CHECKING:
    from requests import Session


class ConnectifHook(HttpHook):
    """Connectif's API through one pooled session, within the rate limit of the account.

    `client` has the calls of the syncs. The methods of `HttpHook` use the same session.
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
        """The client of this connection. Raises ConfigurationError if a field is missing."""
        account = connectif_account(connectif_connection(self.connectif_conn_id))
        return ConnectifClient(account, keep_free_percent=load_settings().connectif.keep_free_percent)

    def get_conn(
        self, headers: dict[Any, Any] | None = None, extra_options: dict[str, Any] | None = None
    ) -> Session:
        """Return the client's session, with credentials, for the methods of `HttpHook`.

        The session is shared, so it does not keep `headers`: `run` sends them with its own request.
        Redirects are not followed, because they would send the key to another host.
        """
        transport = self.client.transport
        self.base_url, self._base_url_initialized = transport.base_url, True
        defaults = {"timeout": transport.timeouts, "allow_redirects": False}
        self.merged_extra = {**defaults, **(extra_options or {})}
        return transport.session

    def test_connection(self) -> tuple[bool, str]:
        """Send one cheap call, of the account's hundred a minute: list the imports."""
        return check_client(lambda: self.client, "Connectif answers, and the key may read imports")
