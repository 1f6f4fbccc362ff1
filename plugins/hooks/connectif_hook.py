"""The hook for connections of type `connectif`: creates the client once, when it is first used."""

from __future__ import annotations

from functools import cached_property

from include.connectif.client import ConnectifClient
from plugins.hooks.accounts import connectif_account
from plugins.hooks.airflow_connections import CONNECTIF, connectif_connection
from plugins.hooks.client_hook import ClientHook
from plugins.hooks.connection_fields import check_client
from plugins.hooks.shop_settings import settings_of_connection


class ConnectifHook(ClientHook):
    """Connectif's API over one pooled session, within the account's shared rate limit.

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
        """The client of this connection, with the settings of its shop.

        Raises ConfigurationError if a field is missing.
        """
        account = connectif_account(connectif_connection(self.connectif_conn_id))
        settings = settings_of_connection(self.connectif_conn_id).connectif
        return ConnectifClient(account, keep_free_percent=settings.keep_free_percent)

    def test_connection(self) -> tuple[bool, str]:
        """Test the connection with one cheap call of the account's 100 a minute: list the imports."""
        return check_client(
            self.connectif_conn_id, lambda: self.client, "Connectif answers, and the key may read imports"
        )
