"""Reads the extra of an HTTP connection, as Airflow's HttpHook does, into the options of our sessions."""

from __future__ import annotations

import json
import math
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from include.errors import ConfigurationError
from include.http.session import HttpOptions
from plugins.hooks.connection_fields import extra, field_error
from plugins.hooks.log_masks import mask

if TYPE_CHECKING:
    from collections.abc import Collection

    from airflow.sdk import Connection

HTTP_EXTRAS = ("verify", "verify_ssl", "cert", "proxies", "proxy", "timeout", "trust_env", "allow_redirects")
"""`_process_extra_options_from_connection` of the HTTP provider 6.3.0 (read 2026-11-28) also reads `stream`,
`max_redirects`, `check_response` and `srv_lookup`, and sends all other keys as headers. We refuse those keys.
"""
_YES, _NO = {"true", "1", "yes", "on"}, {"false", "0", "no", "off"}


def http_options(connection: Connection, known: Collection[str]) -> HttpOptions:
    """Read and check the options. ConfigurationError names a wrong extra, or one that is not allowed.

    Allowed are the keys in `known` and in `HTTP_EXTRAS`. In a connection that is written as a URI all values
    are texts; they are parsed.
    """
    extras = _HttpExtras(connection, extra(connection, (*known, *HTTP_EXTRAS)))
    if extras.boolean("allow_redirects", default=False):
        raise extras.error("allow_redirects", "false: a redirect would send the key to another host")
    return HttpOptions(
        verify=extras.verify(),
        cert=extras.cert(),
        proxies=extras.proxies(),
        timeouts=extras.timeouts(),
        trust_env=extras.boolean("trust_env", default=True),
    )


class _HttpExtras:
    """Checks the values of one extra. No message holds a value, because a proxy may have a password."""

    def __init__(self, connection: Connection, extras: dict[str, Any]) -> None:
        self._connection = connection
        self._values = {name: _parse_text(value) for name, value in extras.items()}

    def error(self, name: str, allowed: str) -> ConfigurationError:
        return field_error(self._connection, name, f"is wrong; use {allowed}")

    def _first(self, *names: str) -> tuple[str, Any]:
        """The first of several names that has a value, as in HttpHook."""
        return next(((name, self._values[name]) for name in names if name in self._values), (names[0], None))

    def boolean(self, name: str, *, default: bool) -> bool:
        value = str(self._values.get(name, default)).lower()
        if value not in _YES | _NO:
            raise self.error(name, "true or false")
        return value in _YES

    def verify(self) -> bool | str | None:
        name, value = self._first("verify", "verify_ssl")
        if isinstance(value, str) and value.lower() not in _YES | _NO:
            return value
        return None if value is None else self.boolean(name, default=True)

    def cert(self) -> str | tuple[str, str] | None:
        value = self._values.get("cert")
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, list) and len(value) == 2 and all(isinstance(path, str) for path in value):
            return value[0], value[1]
        raise self.error("cert", "the path of a certificate with its key, or [certificate, key]")

    def timeouts(self) -> tuple[float, float] | None:
        value = self._values.get("timeout")
        if value is None:
            return None
        pair = value if isinstance(value, list) else [value, value]
        try:
            connect, read = (float(seconds) for seconds in pair)
        except (TypeError, ValueError):
            connect = read = math.nan
        if not (0 < connect < math.inf and 0 < read < math.inf):
            raise self.error("timeout", "seconds, or [seconds to connect, seconds to read]")
        return connect, read

    def proxies(self) -> dict[str, str]:
        name, value = self._first("proxies", "proxy")
        if value is None:
            return {}
        by_scheme = {"http": value, "https": value} if isinstance(value, str) else value
        if not isinstance(by_scheme, dict) or not all(map(_is_scheme, by_scheme)):
            raise self.error(name, 'a URL, or {"http": URL, "https": URL, "all": URL}')
        for url in by_scheme.values():
            self._check_proxy(name, url)
        return dict(by_scheme)

    def _check_proxy(self, name: str, url: Any) -> None:
        try:
            parts = urlsplit(url if isinstance(url, str) else "")
            scheme, host = parts.scheme, parts.hostname
        except ValueError:
            scheme, host = "", None
        if scheme.startswith("socks") and find_spec("socks") is None:
            raise self.error(name, "an http or https proxy: for SOCKS the package pysocks is missing")
        if not host or scheme not in {"http", "https", "socks4", "socks4a", "socks5", "socks5h"}:
            raise self.error(name, "a proxy's URL such as http://proxy.example.com:3128")
        if parts.password:
            mask([parts.password, url])


def _is_scheme(name: str) -> bool:
    """`https`, or for one host `https://api.example.com` (requests, Proxies)."""
    return name.partition("://")[0] in {"http", "https", "all"}


def _parse_text(value: Any) -> Any:
    """Parse a list or an object that a URI holds as a text."""
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
