"""Sends requests, each as often as it may be sent, and turns their end into an answer or an error."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import requests
from urllib3.exceptions import HTTPError

from include.errors import ConfigurationError, ContractError, SyncError, TemporaryError
from include.http.body import BYTES_A_VALUE, OverBudget, loaded, read_beginning, read_body, save_body
from include.http.counters import CallCounter
from include.http.deadline import Deadline
from include.http.outcomes import Action, action_of_exception, action_of_status
from include.http.rate_limiter import RateLimiter, Unlimited
from include.http.retry import RetryPolicy, TryAgain, seconds_asked_for, server_time
from include.http.route import Repeat, Route
from include.http.segment import NotAnId, segment
from include.http.session import HttpOptions, open_session
from include.http.vocabulary import content_type

# At DEBUG urllib3 writes each URL with its query, and queries hold addresses.
logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)
# Its warning about unreadable headers quotes the URL and the headers (urllib3 2.8, tried 2026-11-28).
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)


Parsed = TypeVar("Parsed")


class Timeouts(NamedTuple):
    """How long to wait for a connection, and then for each part of an answer."""

    connect_seconds: float = 10.0
    read_seconds: float = 60.0


@dataclass(frozen=True)
class VendorError:
    """What an error body says: its code and `detail` as far as a Vocabulary knows them, further keys, and
    the vendor's own text.

    `private` and `extra` may quote a customer: they are for decisions and the store's private texts, never
    for a message.
    """

    code: str = ""
    detail: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)
    private: str = field(default="", repr=False)

    def __str__(self) -> str:
        return ": ".join(part for part in (self.code, self.detail) if part)


class Unexpected(ValueError):
    """An answer is not what its route documents: names the field, never its value."""


class RequestRefused(SyncError):
    """The vendor refuses this request (400, 404, 409, 413, 414, 422, 431). The client says what it means."""

    def __init__(self, message: str, *, status: int, error: VendorError) -> None:
        super().__init__(message)
        self.status = status
        self.error = error


class NoSuchId(RequestRefused):
    """What should be an id cannot be one, so no record has it: like the vendor's 404, without a call."""

    def __init__(self, message: str) -> None:
        super().__init__(message, status=404, error=VendorError())


class AccessRefused(ConfigurationError):
    """The key is not accepted (401), or lacks the right that the message names (403); a redirect means that
    the host is not the API's. `location` is where a redirect leads: it may hold a secret.
    """

    def __init__(self, message: str, *, status: int, location: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.location = location


class AnswerLost(TemporaryError):
    """The call may or may not have taken effect, and must not be repeated before asking."""


class UnreadableAnswer(ContractError):
    """Each time the answer was accepted, and was none that the route documents, or went over its budget. It
    stops what depends on it; where a record is asked for by itself, it costs that record."""


class TooSlow(TemporaryError):
    """The vendor gave up on the request itself (408), each time: ask for less at once."""


@dataclass(frozen=True)
class _Call:
    """One request, and what becomes of its answer."""

    route: Route
    url: str = field(repr=False)
    request: Mapping[str, Any] = field(repr=False)
    parse: Callable[[Any, Mapping[str, str]], Any] | None = None
    file: BinaryIO | None = None


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
        rate_limits: Mapping[str, RateLimiter] | None = None,
        retry: RetryPolicy | None = None,
        timeouts: Timeouts | None = None,
        options: HttpOptions | None = None,
        connections: int = 16,
    ) -> None:
        self.system = system
        self.base_url = base_url.rstrip("/")
        self.counter = CallCounter()
        self._options = options or HttpOptions()
        self.session = open_session(self.base_url, headers, connections, self._options)
        self._read_error = read_error
        self._paces = dict(rate_limits or {})
        self._retry = retry or RetryPolicy()
        self.timeouts = timeouts or Timeouts(*self._options.timeouts or ())
        self._guard: Callable[[], None] = lambda: None

    @contextmanager
    def guarded(self, require: Callable[[], None]) -> Iterator[None]:
        """Ask `require` before each request of the block, whichever thread sends it: what it raises keeps the
        request back, and is not retried.
        """
        before, self._guard = self._guard, require
        try:
            yield
        finally:
            self._guard = before

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

        `path` fills the route's placeholders with ids, `params` is the query; both go percent-encoded, a
        space as `%20` and a plus as `%2B`. An absolute `url` (one that the vendor handed out) takes the place
        of base URL and path. `request` goes to `requests` (`json`, `headers` …). With `most_timeouts` so many
        408 in a row end the retries early, for a caller who can ask for less.
        Raises RequestRefused (NoSuchId for an id that is none), ConfigurationError, ContractError, or
        TemporaryError when the retries did not help (AnswerLost where the call must not be repeated blindly,
        TooSlow after a 408).
        """
        return self._sent(_Call(route, self._url(route, path, params, url), request), most_timeouts)[0]

    def read(
        self,
        route: Route,
        parse: Callable[[Any, Mapping[str, str]], Parsed],
        *,
        path: Mapping[str, str] | None = None,
        params: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        url: str | None = None,
        most_timeouts: int | None = None,
        **request: Any,
    ) -> Parsed:
        """Like `call`; returns what `parse` makes of the answer's JSON and its headers.

        A body that is no JSON, or of which `parse` raises KeyError, TypeError, ValueError or AttributeError,
        is asked for again like a 5xx; when it stays so, UnreadableAnswer (AnswerLost where the call must not
        be repeated blindly).
        """
        call = _Call(route, self._url(route, path, params, url), request, parse=parse)
        parsed: Parsed = self._sent(call, most_timeouts)[1]
        return parsed

    def json(self, route: Route, **request: Any) -> Any:
        """Like `read`, whatever JSON it is."""
        return self.read(route, lambda body, _headers: body, **request)

    def save(self, route: Route, url: str, file: BinaryIO) -> None:
        """Like `call`, with the body written into `file`, which each attempt begins anew."""
        self._sent(_Call(route, url, {}, file=file), None)

    def _url(
        self,
        route: Route,
        path: Mapping[str, str] | None,
        params: Mapping[str, str] | Sequence[tuple[str, str]],
        url: str | None,
    ) -> str:
        if url is None:
            url = self.base_url + self._path(route, path or {})
        elif origin(url) != origin(self.base_url):
            raise ContractError(
                f"{self._name(route)}: the vendor points to {_host(url)}, which is not the API's host "
                "and gets no key"
            )
        return f"{url}?{urlencode(params, quote_via=quote)}" if params else url

    def _path(self, route: Route, ids: Mapping[str, str]) -> str:
        try:
            filled = {name: segment(value, route.id_form) for name, value in ids.items()}
        except NotAnId:
            raise NoSuchId(f"{self._name(route)}: not called, because the id is not one") from None
        return route.path.format_map(filled)

    def _sent(self, call: _Call, most_timeouts: int | None) -> tuple[requests.Response, Any]:
        hopeless = _Timeouts(most_timeouts or self._retry.attempts)
        retrying = self._retry.retrying(self._name(call.route), hopeless=hopeless)
        try:
            answer: tuple[requests.Response, Any] = retrying(self._attempt, call, retrying.statistics)
        except TryAgain as last:
            raise self._given_up(call, last, retrying.statistics["attempt_number"]) from last
        return answer

    def _given_up(self, call: _Call, last: TryAgain, times: int) -> SyncError:
        what, host = f"{self._name(call.route)}: {last.what_came_back}", _host(call.url)
        if last.unreadable:
            return UnreadableAnswer(
                f"{what}, {times} times in a row. Check that {host} is the API's host; if it is, "
                f"{self.system} has changed its answers"
            )
        failed = TooSlow if last.status == 408 else TemporaryError
        return failed(
            f"{what} from {host}, {times} times in a row. What is done is kept: retry the task later",
            retry_after_seconds=last.asked_seconds,
        )

    def _attempt(self, call: _Call, statistics: Mapping[str, Any]) -> tuple[requests.Response, Any]:
        self._guard()
        rate_limit = self._paces.get(call.route.rate_limit, _UNLIMITED)
        rate_limit.acquire()
        status: int | None = None
        headers: Mapping[str, str] = {}
        deadline = Deadline(call.route.deadline_seconds)
        try:
            with deadline:
                response = self._open(call)
                status, headers = response.status_code, response.headers
                with _closing_on_error(response):
                    _receive(call, response)
            if deadline.passed:  # a body without a length looks complete when its connection is closed
                raise requests.Timeout
        except (requests.RequestException, HTTPError) as error:
            raise self._classify_silence(call, error, deadline) from None
        except OverBudget as over:
            raise UnreadableAnswer(f"{self._name(call.route)}: the answer has {over}") from None
        finally:
            # However the call ended: a place in the pace that nobody gives back would be lost for good.
            rate_limit.learn(status, headers)
            self.counter.count(call.route.name, status, repeated=statistics.get("attempt_number", 1) > 1)
        if action_of_status(response.status_code) is not Action.ACCEPT:
            raise self._classify_answer(call.route, response)
        return response, self._parsed(call, response)

    def _open(self, call: _Call) -> requests.Response:
        """The answer as far as its headers."""
        timeouts = self._timeouts_of(call.route)
        return self.session.request(
            call.route.method, call.url, timeout=timeouts, allow_redirects=False, stream=True, **call.request
        )

    def _parsed(self, call: _Call, response: requests.Response) -> Any:
        if call.parse is None:
            return None
        try:
            is_silent = not response.content and response.status_code in call.route.silent
            body = None if is_silent else loaded(response.content, call.route.most_bytes // BYTES_A_VALUE)
        except ValueError:
            kind = content_type(response.headers.get("Content-Type"))
            raise self._unreadable(call.route, response, f"holds no JSON but {kind}") from None
        except OverBudget as over:
            raise UnreadableAnswer(f"{self._name(call.route)}: the answer has {over}") from None
        try:
            return call.parse(body, response.headers)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._unreadable(call.route, response, f"is not as documented: {_found(error)}") from None

    def _unreadable(self, route: Route, response: requests.Response, found: str) -> Exception:
        what = f"HTTP {response.status_code} {found}"
        if route.repeat is Repeat.ALWAYS:
            return TryAgain(what, None, unreadable=True)
        return AnswerLost(f"{self._name(route)}: {what}; whether the call took effect is unknown")

    def _timeouts_of(self, route: Route) -> Timeouts:
        if self._options.timeouts:
            return self.timeouts
        longest = max(self.timeouts.read_seconds, route.read_timeout_seconds)
        return self.timeouts._replace(read_seconds=longest)

    def _classify_silence(
        self, call: _Call, error: requests.RequestException | HTTPError, deadline: Deadline
    ) -> Exception:
        """What no answer means. The exception's own text is dropped: it holds the URL with its query."""
        what = f"no answer ({type(error).__name__})"
        if deadline.passed:
            what = f"no complete answer within {deadline.seconds:g} s"
        elif isinstance(error, requests.RequestException) and action_of_exception(error) is Action.CONFIGURE:
            return ConfigurationError(f"{self._name(call.route)}: {what}. {_about_host(error, call.url)}")
        if call.route.repeat is Repeat.ALWAYS or isinstance(error, requests.exceptions.ConnectTimeout):
            return TryAgain(what, None)
        return AnswerLost(f"{self._name(call.route)}: {what}; whether the call took effect is unknown")

    def _classify_answer(self, route: Route, response: requests.Response) -> Exception:
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
            return AccessRefused(
                f"{message}. {_about_access(response, route)}",
                status=status,
                location=response.headers.get("Location") if 300 <= status < 400 else None,
            )
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


_UNLIMITED = Unlimited()
_MOST_BYTES_OF_AN_ERROR = 1_000_000


@contextmanager
def _closing_on_error(response: requests.Response) -> Iterator[None]:
    """A connection with half an answer in it is of no further use."""
    try:
        yield
    except BaseException:
        response.close()
        raise


def _receive(call: _Call, response: requests.Response) -> None:
    """Read the body within the route's budget, into the call's file or `response.content`.

    Of an error only the beginning is read, because its status says enough.
    """
    if action_of_status(response.status_code) is not Action.ACCEPT:
        response._content = read_beginning(response, _MOST_BYTES_OF_AN_ERROR)
        response.close()
    elif call.file is None:
        response._content = read_body(response, call.route.most_bytes)
    else:
        call.file.seek(0)
        call.file.truncate()
        save_body(response, call.route.most_bytes, call.file)
        response._content = b""


def _found(error: Exception) -> str:
    """What a parser says is wrong, in our own words only: Python's texts quote values of the answer."""
    if isinstance(error, KeyError):
        return f"it lacks {error}"
    return str(error) if isinstance(error, Unexpected) else type(error).__name__


def origin(url: str) -> str:
    """`https://api.example.com`: what may get the credentials of one transport."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _host(url: str) -> str:
    """Without a user name and a password before it."""
    return urlsplit(url).netloc.rpartition("@")[2] or "an empty host"


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
