"""The HTTP session of a client: proxies, certificates, time-outs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import requests

from include.errors import ConfigurationError
from include.http.deadline import DeadlineAdapter


@dataclass(frozen=True)
class HttpOptions:
    """The options that `HttpHook` reads from the extra of a connection, for our sessions.

    - `verify`: the path of a CA bundle, or False. True and None mean REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE or
      the bundle of requests.
    - `cert`: the path of a client certificate with its key, or both paths.
    - `proxies`: in the form of requests; they replace the proxies of the environment.
    - `timeouts`: seconds to connect and to read each part of an answer, on every route.
    - `trust_env`: False ignores the environment.
    """

    verify: bool | str | None = None
    cert: str | tuple[str, str] | None = None
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeouts: tuple[float, float] | None = None
    trust_env: bool = True

    def for_another_host(self) -> HttpOptions:
        """The same options without the client certificate, which only the API's host may get."""
        return replace(self, cert=None)


class _Session(requests.Session):
    """Ignores redirects.

    Even with `allow_redirects=False`, `requests` reads the whole body of a redirect, and raises a bare
    ValueError for some addresses (requests 2.34, tried 2026-11-28).
    """

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None


def open_session(
    base_url: str, headers: Mapping[str, str], connections: int, options: HttpOptions
) -> requests.Session:
    """Open a session that reads proxies and certificates once and never reads `~/.netrc`.

    With `trust_env` on, requests reads them for each call, and a `.netrc` entry for the host replaces our
    Authorization header. Raises ConfigurationError if a certificate file is missing: requests itself raises
    a bare OSError on every call.
    """
    session = _Session()
    session.trust_env = False
    session.proxies = _proxies(base_url, options)
    session.verify = _verify(options)
    session.cert = _existing_cert(options.cert)
    session.headers.update({"Accept": "application/json", **headers})
    adapter = DeadlineAdapter(pool_connections=2, pool_maxsize=connections, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _proxies(base_url: str, options: HttpOptions) -> dict[str, str]:
    if options.proxies or not options.trust_env:
        return dict(options.proxies)
    return dict(requests.utils.get_environ_proxies(base_url))


def _verify(options: HttpOptions) -> bool | str:
    if options.verify is False:
        return False
    if isinstance(options.verify, str):
        return _existing(options.verify, "the extra verify of the connection")
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE") if options.trust_env else ():
        if path := os.environ.get(variable):
            return _existing(path, f"the environment variable {variable}")
    return True


def _existing_cert(cert: str | tuple[str, str] | None) -> str | tuple[str, str] | None:
    where = "the extra cert of the connection"
    if isinstance(cert, tuple):
        return _existing(cert[0], where), _existing(cert[1], where)
    return cert and _existing(cert, where)


def _existing(path: str, where: str) -> str:
    if not Path(path).exists():
        raise ConfigurationError(f"{where} names {path}, but this machine has no such file")
    return path
