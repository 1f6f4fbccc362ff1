"""The base of the vendors' hooks: Airflow's HttpHook on the session of our client."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from airflow.providers.http.hooks.http import HttpHook

if TYPE_CHECKING:
    from requests import Session

    from include.http.transport import Transport


class ApiClient(Protocol):
    """A client that sends its calls over one transport."""

    transport: Transport


class ClientHook(HttpHook):
    """An HttpHook whose calls use the session of `client`, with its credentials, proxies and certificates."""

    @cached_property
    def client(self) -> ApiClient:
        """The client of this connection."""
        raise NotImplementedError

    def get_conn(
        self, headers: dict[Any, Any] | None = None, extra_options: dict[str, Any] | None = None
    ) -> Session:
        """Return the client's session, with credentials, for the methods of `HttpHook`.

        The shared session does not keep `headers`, because `run` sends them with its own request. Redirects
        are not followed: a redirect would send the key to another host.
        """
        transport = self.client.transport
        self.base_url, self._base_url_initialized = transport.base_url, True
        defaults = {"timeout": transport.timeouts, "allow_redirects": False}
        self.merged_extra = {**defaults, **(extra_options or {})}
        return transport.session
