"""The hook for connections of type `vtex`: creates the client once, when it is first used."""

from __future__ import annotations

from functools import cached_property

from include.vtex.client import VtexClient
from plugins.hooks.accounts import vtex_account
from plugins.hooks.airflow_connections import VTEX, vtex_connection
from plugins.hooks.client_hook import ClientHook
from plugins.hooks.connection_fields import check_client
from plugins.hooks.rate_limits import vtex_rate_limits
from plugins.hooks.shop_settings import settings_of_connection


class VtexHook(ClientHook):
    """VTEX's APIs over one pooled, rate-limited session.

    `client` has the calls of the syncs. The methods of `HttpHook` (`run`, its operators) use the same
    session, without reading the connection for each call.
    """

    conn_name_attr = "vtex_conn_id"
    default_conn_name = VTEX
    conn_type = "vtex"
    hook_name = "VTEX"

    def __init__(self, vtex_conn_id: str = default_conn_name, method: str = "GET") -> None:
        super().__init__(method=method, http_conn_id=vtex_conn_id)
        self.vtex_conn_id = vtex_conn_id

    @cached_property
    def client(self) -> VtexClient:
        """The client of this connection, with the rate limits of its shop.

        Raises ConfigurationError if a field is missing.
        """
        rate_limits = vtex_rate_limits(settings_of_connection(self.vtex_conn_id).vtex)
        return VtexClient(vtex_account(vtex_connection(self.vtex_conn_id)), rate_limits=rate_limits)

    def test_connection(self) -> tuple[bool, str]:
        """Test the connection with one cheap call: read one customer id."""
        return check_client(
            self.vtex_conn_id, lambda: self.client, "VTEX answers, and the key may read customers"
        )
