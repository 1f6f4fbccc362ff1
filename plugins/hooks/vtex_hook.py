"""The hook for connections of type `vtex`: creates the client once, when it is first used."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.http.hooks.http import HttpHook

from include.settings import load_settings
from include.vtex.client import RateLimits, VtexClient
from plugins.hooks.accounts import vtex_account
from plugins.hooks.airflow_connections import VTEX, vtex_connection
from plugins.hooks.connection_fields import check_client

if TYPE_CHECKING:
    from requests import Session


class VtexHook(HttpHook):
    """VTEX's APIs through one pooled session, within the rate limits of the settings.

    `client` has the calls of the syncs. The methods of `HttpHook` (`run`, and operators with this hook) use
    the same session and do not look up the connection for each call.
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
        """The client of this connection. Raises ConfigurationError if a field is missing."""
        settings = load_settings().vtex
        return VtexClient(
            vtex_account(vtex_connection(self.vtex_conn_id)),
            rate_limits=RateLimits(
                catalog_per_second=settings.catalog_per_second,
                order_list_per_second=settings.order_list_per_second,
                order_detail_per_second=settings.order_detail_per_second,
                master_data_per_second=settings.master_data_per_second,
            ),
        )

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
        """Send one cheap call: read the id of one customer."""
        return check_client(lambda: self.client, "VTEX answers, and the key may read customers")
