"""A connection of type `vtex` becomes a client, when first asked, and once."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.http.hooks.http import HttpHook

from include.settings import load_settings
from include.vtex.client import RateLimits, VtexClient
from plugins.hooks.accounts import vtex_account
from plugins.hooks.airflow_connections import VTEX, vtex_connection
from plugins.hooks.connection_fields import tested

if TYPE_CHECKING:
    from requests import Session


class VtexHook(HttpHook):
    """VTEX's APIs through one pooled, paced session.

    `client` has the calls of the syncs. What `HttpHook` offers (`run`, operators on it) works on the same
    session, without a look-up of the connection for each call.
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
        """The client of this connection. Raises ConfigurationError when a field is missing."""
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
        """One cheap call: reads one customer id."""
        return tested(lambda: self.client, "VTEX answers, and the key may read customers")
