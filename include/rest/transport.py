"""Sends requests, each as often as it may be sent, and turns their end into an answer or an error."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

import orjson
import requests
from requests.adapters import HTTPAdapter

from include.errors import ConfigurationError, ContractError, SyncError, TemporaryError
from include.rest.counters import CallCounter
from include.rest.outcomes import Action, action_of_exception, action_of_status
from include.rest.pace import Pace, Unpaced
from include.rest.retry import RetryPolicy, TryAgain, seconds_asked_for, server_time
from include.rest.route import Repeat, Route

# At DEBUG urllib3 writes each URL with its query, and queries hold addresses.
logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)


class Timeouts(NamedTuple):
    """How long to wait for a connection, and then for each part of an answer."""

    connect_seconds: float = 10.0
    read_seconds: float = 60.0


@dataclass(frozen=True)
class VendorError:
    """What an error body says, cleaned of personal data: the vendor's code, a sentence, further keys."""

    code: str = ""
    detail: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return ": ".join(part for part in (self.code, self.detail) if part)


class RequestRefused(SyncError):
    """The vendor refuses this request (400, 404, 409, 413, 414, 422, 431). The client says what it means."""

    def __init__(self, message: str, *, status: int, error: VendorError) -> None:
        super().__init__(message)
        self.status = status
        self.error = error


class AccessRefused(ConfigurationError):
    """The key is not accepted (401), or lacks the right that the message names (403); a redirect means that
    the host is not the API's.
    """

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class AnswerLost(TemporaryError):
    """The call may or may not have taken effect, and must not be repeated before asking."""


class TooSlow(TemporaryError):
    """The vendor gave up on the request itself (408), each time: ask for less at once."""


class Transport:
    """One vendor at one base URL: a pooled session, paces, retry by the table of outcomes, counters.

    Safe to share between threads. `read_error` turns an error answer of the vendor into a VendorError.
    """

    def __init__(
        self,
        system: str,
        base_url: str,
        headers: Mapping[str, str],
        *,
        read_error: Callable[[requests.Response], VendorError],
        paces: Mapping[str, Pace] | None = None,
        retry: RetryPolicy | None = None,
        timeouts: Timeouts | None = None,
        connections: int = 16,
    ) -> None:
        self.system = system
        self.base_url = base_url.rstrip("/")
        self.counter = CallCounter()
        self.session = _session(self.base_url, headers, connections)
        self._read_error = read_error
        self._paces = dict(paces or {})
        self._retry = retry or RetryPolicy()
        self.timeouts = timeouts or Timeouts()

    def call(
        self,
        route: Route,
        *,
        path: Mapping[str, str] | None = None,
        params: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        url: str | None = None,
        most_timeouts: int | None = None,
        **request: Any,
    ) -> requests.Response:
        """Send `route` until it is accepted or there is no use in trying on.

        `path` fills the route's placeholders, `params` is the query; both go percent-encoded, a space as
        `%20` and a plus as `%2B`. An absolute `url` (one that the vendor handed out) takes the place of base
        URL and path. `request` goes to `requests` (`json`, `headers` …). With `most_timeouts` so many 408 in
        a row end the retries early, for a caller who can ask for less.
        Raises RequestRefused, ConfigurationError, ContractError, or TemporaryError when the retries did
        not help (AnswerLost where the call must not be repeated blindly, TooSlow after a 408).
        """
        if url is None:
            filled = {name: quote(value, safe="") for name, value in (path or {}).items()}
            url = self.base_url + route.path.format_map(filled)
        if params:
            url += "?" + urlencode(params, quote_via=quote)
        retrying = self._retry.retrying(hopeless=_Timeouts(most_timeouts or self._retry.attempts))
        try:
            return retrying(self._attempt, route, url, request, retrying.statistics)
        except TryAgain as last:
            failed = TooSlow if last.status == 408 else TemporaryError
            raise failed(
                f"{self.system}, {route.name}: {last.what_came_back} from {_host(url)}, "
                f"{retrying.statistics['attempt_number']} times in a row. "
                "What is done is kept: retry the task later",
                retry_after_seconds=last.asked_seconds,
            ) from last

    def json(self, route: Route, **request: Any) -> Any:
        """Like `call`, and decode the answer."""
        return self.decoded(route, self.call(route, **request))

    def decoded(self, route: Route, response: requests.Response) -> Any:
        """The JSON of an accepted answer; ContractError when it holds none (a maintenance page, say)."""
        try:
            return _loaded(response.content)
        except (ValueError, RecursionError):
            kind = response.headers.get("Content-Type", "no content type")
            raise ContractError(
                f"{self._name(route)}: HTTP {response.status_code} holds no JSON but {kind}"
            ) from None

    def _attempt(
        self, route: Route, url: str, request: Mapping[str, Any], statistics: Mapping[str, Any]
    ) -> requests.Response:
        pace = self._paces.get(route.pace, _UNPACED)
        pace.acquire()
        repeated = statistics.get("attempt_number", 1) > 1
        status: int | None = None
        headers: Mapping[str, str] = {}
        try:
            response = self.session.request(
                route.method, url, timeout=self._timeouts_of(route), allow_redirects=False, **request
            )
            status, headers = response.status_code, response.headers
        except requests.RequestException as error:
            raise self._judge_silence(route, url, error) from None
        finally:
            # However the call ended: a place in the pace that nobody gives back would be lost for good.
            pace.learn(status, headers)
            self.counter.count(route.name, status, repeated=repeated)
        if action_of_status(response.status_code) is Action.ACCEPT:
            return response
        raise self._judge_answer(route, response)

    def _timeouts_of(self, route: Route) -> Timeouts:
        longest = max(self.timeouts.read_seconds, route.read_timeout_seconds)
        return self.timeouts._replace(read_seconds=longest)

    def _judge_silence(self, route: Route, url: str, error: requests.RequestException) -> Exception:
        """What no answer means. The exception's own text is dropped: it holds the URL with its query."""
        what = f"no answer ({type(error).__name__})"
        if action_of_exception(error) is Action.CONFIGURE:
            return ConfigurationError(f"{self._name(route)}: {what}. {_about_host(error, url)}")
        if route.repeat is Repeat.ALWAYS or isinstance(error, requests.exceptions.ConnectTimeout):
            return TryAgain(what, None)
        return AnswerLost(f"{self._name(route)}: {what}; whether the call took effect is unknown")

    def _judge_answer(self, route: Route, response: requests.Response) -> Exception:
        status = response.status_code
        what = f"HTTP {status}"
        action = action_of_status(status)
        if action is Action.RETRY:
            if route.repeat is Repeat.WHEN_REFUSED and status != 429:
                return AnswerLost(f"{self._name(route)}: {what}; whether the call took effect is unknown")
            date = server_time(response.headers.get("Date"))
            asked = seconds_asked_for(response.headers.get("Retry-After"), date)
            if asked is None and status == 429:
                asked = route.throttled_pause_seconds
            return TryAgain(what, asked, status)
        if action is Action.UNKNOWN:
            return ContractError(f"{self._name(route)}: {what}, which {self.system} does not document here")
        # A 401 has no body that anybody documents, at either vendor.
        error = VendorError() if status == 401 else self._read_error(response)
        said = f" ({error})" if str(error) else ""
        message = f"{self._name(route)}: {what}{said}"
        if action is Action.CONFIGURE:
            return AccessRefused(f"{message}. {_about_access(response, route)}", status=status)
        return RequestRefused(message, status=status, error=error)

    def _name(self, route: Route) -> str:
        return f"{self.system}, {route.name}"


class _Timeouts:
    """True when so many 408 came one after the other."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._in_a_row = 0

    def __call__(self, error: TryAgain) -> bool:
        self._in_a_row = self._in_a_row + 1 if error.status == 408 else 0
        return self._in_a_row >= self._most


_UNPACED = Unpaced()


def _session(base_url: str, headers: Mapping[str, str], connections: int) -> requests.Session:
    """A session that looks proxies and certificates up once, and never at `~/.netrc`.

    With `trust_env` on, requests would do so for each call, and a `.netrc` entry for the host would
    replace our Authorization header.
    """
    session = requests.Session()
    session.trust_env = False
    session.proxies = dict(requests.utils.get_environ_proxies(base_url))
    session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
    session.headers.update({"Accept": "application/json", **headers})
    adapter = HTTPAdapter(pool_connections=2, pool_maxsize=connections, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _loaded(content: bytes) -> Any:
    r"""Any JSON that Python reads; ValueError for anything else.

    Half of a pair such as `\ud83d`, where a shop's form has cut an emoji in two, and bytes that are no UTF-8
    cost their place in a text, never the thousand documents around it.
    """
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        lenient = json.loads(content.decode("utf-8", "replace"))
        return orjson.loads(json.dumps(lenient, ensure_ascii=False).encode("utf-8", "ignore"))


def _host(url: str) -> str:
    return urlsplit(url).netloc or "an empty host"


def _about_host(error: requests.RequestException, url: str) -> str:
    if isinstance(error, requests.exceptions.InvalidHeader):
        return "The key or its secret holds a character that no key has: check login and password"
    if isinstance(error, requests.exceptions.SSLError):
        return (
            f"The certificate of {_host(url)} is not accepted: "
            "check the host of the connection and the CA bundle"
        )
    return f"There is no host {_host(url)}: check the account and the host of the connection"


def _about_access(response: requests.Response, route: Route) -> str:
    if response.status_code == 401:
        return "The key or its secret is wrong or revoked: check login and password of the connection"
    if response.status_code == 403:
        return f"The key lacks a right: give it {route.right}"
    host = _host(response.request.url or "")
    return f"{host} redirects: it is not the API's host, check the host of the connection"
