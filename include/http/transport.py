"""Sends requests, repeats them where allowed, and returns an answer or raises an error."""

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
from include.http.body import BYTES_A_VALUE, BodyTooLarge, parse_json, read_beginning, read_body, save_body
from include.http.calls import CallCounter
from include.http.deadline import Deadline
from include.http.known_words import content_type
from include.http.outcomes import Action, action_of_exception, action_of_status
from include.http.rate_limiter import RateLimiter, Unlimited
from include.http.retry import RetryPolicy, TryAgain, parse_retry_after, server_time
from include.http.route import NotAnId, Repeat, Route, encode_segment
from include.http.session import HttpOptions, open_session

# At DEBUG urllib3 logs each URL with its query, and queries hold e-mail addresses.
logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)
# Its warning about unreadable headers quotes the URL and the headers (urllib3 2.8, tried 2026-11-28).
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)


Parsed = TypeVar("Parsed")


class Timeouts(NamedTuple):
    """How long to wait for a connection, and for each part of an answer."""

    connect_seconds: float = 10.0
    read_seconds: float = 60.0


@dataclass(frozen=True)
class VendorError:
    """The content of an error body: `code` and `detail` in the words of a Vocabulary, further keys, and the
    vendor's own text.

    `private` and `extra` may quote a customer. Use them for decisions and for the private texts of the state
    store, never in a message.
    """

    code: str = ""
    detail: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)
    private: str = field(default="", repr=False)

    def __str__(self) -> str:
        return ": ".join(part for part in (self.code, self.detail) if part)


class Unexpected(ValueError):
    """An answer is not what its route documents. The text names the field, never its value."""


class RequestRefused(SyncError):
    """The vendor refuses this request (400, 404, 409, 413, 414, 422, 431). The client knows what it means."""

    def __init__(self, message: str, *, status: int, error: VendorError) -> None:
        super().__init__(message)
        self.status = status
        self.error = error


class NoSuchId(RequestRefused):
    """The text cannot be an id, so no record has it. Like the vendor's 404, but without a call."""

    def __init__(self, message: str) -> None:
        super().__init__(message, status=404, error=VendorError())


class AccessRefused(ConfigurationError):
    """The vendor rejects the key (401), or the key lacks the permission that the message names (403).

    A redirect means that the host is not the API's host. `location` is its target, which may hold a secret.
    """

    def __init__(self, message: str, *, status: int, location: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.location = location


class AnswerLost(TemporaryError):
    """It is unknown whether the call took effect. Ask the vendor before you repeat it."""


class WriteInDryRun(ContractError):
    """A dry run tried to write: a bug. The call was not sent."""


class UnreadableAnswer(ContractError):
    """The status was accepted, but the body is not what the route documents, or is too large.

    It stops the work that depends on the answer. If the call asked for one record, only that record fails.
    """


class TooSlow(TemporaryError):
    """The vendor timed out (408) at each attempt: request less at once."""


@dataclass(frozen=True)
class _Call:
    """One request, and how to read its answer."""

    route: Route
    url: str = field(repr=False)
    request: Mapping[str, Any] = field(repr=False)
    parse: Callable[[Any, Mapping[str, str]], Any] | None = None
    file: BinaryIO | None = None


class Transport:
    """One vendor at one base URL: a pooled session, rate limits, retries by the table of outcomes, counters.

    Threads may share it. `read_error` turns an error answer of the vendor into a VendorError.
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
        self._rate_limits = dict(rate_limits or {})
        self._retry = retry or RetryPolicy()
        self.timeouts = timeouts or Timeouts(*self._options.timeouts or ())
        self._guard: Callable[[], None] = lambda: None
        self._reads_only = False

    @contextmanager
    def guarded(self, require: Callable[[], None]) -> Iterator[None]:
        """Call `require` before each request of the block, in any thread.

        If `require` raises, the request is not sent, and the error is not retried.
        """
        before, self._guard = self._guard, require
        try:
            yield
        finally:
            self._guard = before

    @contextmanager
    def reading_only(self) -> Iterator[None]:
        """During the block, raise WriteInDryRun instead of calling a route that writes."""
        before, self._reads_only = self._reads_only, True
        try:
            yield
        finally:
            self._reads_only = before

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
        """Send `route` until the vendor accepts it or retrying cannot help.

        `path` fills the route's placeholders with ids, and `params` is the query. Both are percent-encoded: a
        space becomes `%20`, a plus `%2B`. An absolute `url` from the vendor replaces base URL and path.
        `request` goes to `requests` (`json`, `headers` …). `most_timeouts` 408 in a row end the retries
        early, for a caller that can request less.

        Raises RequestRefused (NoSuchId for an invalid id), ConfigurationError, ContractError, or
        TemporaryError after the last attempt (AnswerLost if the call must not be repeated blindly, TooSlow
        after a 408).
        """
        return self._send(_Call(route, self._url(route, path, params, url), request), most_timeouts)[0]

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
        """Like `call`; returns the result of `parse(body, headers)`.

        If the body is not JSON, or if `parse` raises KeyError, TypeError, ValueError or AttributeError, the
        call is repeated as after a 5xx. After the last attempt it raises UnreadableAnswer (AnswerLost where
        the call must not be repeated blindly).
        """
        call = _Call(route, self._url(route, path, params, url), request, parse=parse)
        parsed: Parsed = self._send(call, most_timeouts)[1]
        return parsed

    def json(self, route: Route, **request: Any) -> Any:
        """Like `read`, but returns the JSON unchecked."""
        return self.read(route, lambda body, _headers: body, **request)

    def save(self, route: Route, url: str, file: BinaryIO) -> None:
        """Like `call`, but writes the body into `file`. Each attempt starts the file again."""
        self._send(_Call(route, url, {}, file=file), None)

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
                f"{self._name(route)}: the vendor points to {_host(url)}, which is not the API's host. "
                "The key was not sent there"
            )
        return f"{url}?{urlencode(params, quote_via=quote)}" if params else url

    def _path(self, route: Route, ids: Mapping[str, str]) -> str:
        try:
            filled = {name: encode_segment(value, route.id_form) for name, value in ids.items()}
        except NotAnId:
            raise NoSuchId(f"{self._name(route)}: not called, because the id is not valid") from None
        return route.path.format_map(filled)

    def _send(self, call: _Call, most_timeouts: int | None) -> tuple[requests.Response, Any]:
        give_up = _TimeoutsInARow(most_timeouts or self._retry.attempts)
        retrying = self._retry.retrying(self._name(call.route), give_up=give_up)
        try:
            answer: tuple[requests.Response, Any] = retrying(self._send_once, call, retrying.statistics)
        except TryAgain as last:
            raise self._error_after_retries(call, last, retrying.statistics["attempt_number"]) from last
        return answer

    def _error_after_retries(self, call: _Call, last: TryAgain, times: int) -> SyncError:
        result, host = f"{self._name(call.route)}: {last.result}", _host(call.url)
        if last.unreadable:
            return UnreadableAnswer(
                f"{result}, {times} times in a row. Check that {host} is the API's host; if it is, "
                f"{self.system} has changed its answers"
            )
        error_class = TooSlow if last.status == 408 else TemporaryError
        return error_class(
            f"{result} from {host}, {times} times in a row. Finished work is kept: retry the task later",
            retry_after_seconds=last.retry_after_seconds,
        )

    def _send_once(self, call: _Call, statistics: Mapping[str, Any]) -> tuple[requests.Response, Any]:
        self._guard()
        if self._reads_only and call.route.writes:
            raise WriteInDryRun(f"{self._name(call.route)}: not called, because a dry run writes nothing")
        rate_limit = self._rate_limits.get(call.route.rate_limit, _UNLIMITED)
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
            if deadline.passed:  # a body without Content-Length looks complete when its connection is closed
                raise requests.Timeout
        except (requests.RequestException, HTTPError) as error:
            raise self._classify_silence(call, error, deadline) from None
        except BodyTooLarge as limit:
            raise UnreadableAnswer(f"{self._name(call.route)}: the answer has {limit}") from None
        finally:
            # Always: a rate limit that counts calls under way would lose this call's place for ever.
            rate_limit.learn(status, headers)
            self.counter.count(call.route.name, status, repeated=statistics.get("attempt_number", 1) > 1)
        if action_of_status(response.status_code) is not Action.ACCEPT:
            raise self._classify_answer(call.route, response)
        return response, self._parse(call, response)

    def _open(self, call: _Call) -> requests.Response:
        """Send the request and read the answer's status and headers."""
        timeouts = self._timeouts_of(call.route)
        return self.session.request(
            call.route.method, call.url, timeout=timeouts, allow_redirects=False, stream=True, **call.request
        )

    def _parse(self, call: _Call, response: requests.Response) -> Any:
        if call.parse is None:
            return None
        try:
            is_silent = not response.content and response.status_code in call.route.silent
            body = None if is_silent else parse_json(response.content, call.route.most_bytes // BYTES_A_VALUE)
        except ValueError:
            kind = content_type(response.headers.get("Content-Type"))
            raise self._unreadable(call.route, response, f"holds {kind} instead of JSON") from None
        except BodyTooLarge as limit:
            raise UnreadableAnswer(f"{self._name(call.route)}: the answer has {limit}") from None
        try:
            return call.parse(body, response.headers)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            problem = f"is not as documented: {_problem_of(error)}"
            raise self._unreadable(call.route, response, problem) from None

    def _unreadable(self, route: Route, response: requests.Response, problem: str) -> Exception:
        result = f"HTTP {response.status_code} {problem}"
        if route.repeat is Repeat.ALWAYS:
            return TryAgain(result, None, unreadable=True)
        return AnswerLost(f"{self._name(route)}: {result}; whether the call took effect is unknown")

    def _timeouts_of(self, route: Route) -> Timeouts:
        if self._options.timeouts:
            return self.timeouts
        longest = max(self.timeouts.read_seconds, route.read_timeout_seconds)
        return self.timeouts._replace(read_seconds=longest)

    def _classify_silence(
        self, call: _Call, error: requests.RequestException | HTTPError, deadline: Deadline
    ) -> Exception:
        """Return the error for a call without an answer.

        The text of the exception is dropped: it holds the URL with its query.
        """
        result = f"no answer ({type(error).__name__})"
        if deadline.passed:
            result = f"no complete answer within {deadline.seconds:g} s"
        elif isinstance(error, requests.RequestException) and action_of_exception(error) is Action.CONFIGURE:
            return ConfigurationError(f"{self._name(call.route)}: {result}. {_about_host(error, call.url)}")
        if call.route.repeat is Repeat.ALWAYS or isinstance(error, requests.exceptions.ConnectTimeout):
            return TryAgain(result, None)
        return AnswerLost(f"{self._name(call.route)}: {result}; whether the call took effect is unknown")

    def _classify_answer(self, route: Route, response: requests.Response) -> Exception:
        status = response.status_code
        result = f"HTTP {status}"
        action = action_of_status(status)
        if action is Action.RETRY:
            if route.repeat is Repeat.WHEN_REFUSED and status != 429:
                return AnswerLost(f"{self._name(route)}: {result}; whether the call took effect is unknown")
            date = server_time(response.headers.get("Date"))
            pause_seconds = parse_retry_after(response.headers.get("Retry-After"), date)
            if pause_seconds is None and status == 429:
                pause_seconds = route.throttled_pause_seconds
            return TryAgain(result, pause_seconds, status)
        if action is Action.UNKNOWN:
            return ContractError(f"{self._name(route)}: {result}, which {self.system} does not document here")
        # Neither vendor documents the body of a 401.
        error = VendorError() if status == 401 else self._read_error(response)
        detail = f" ({error})" if str(error) else ""
        message = f"{self._name(route)}: {result}{detail}"
        if action is Action.CONFIGURE:
            return AccessRefused(
                f"{message}. {_about_access(response, route)}",
                status=status,
                location=response.headers.get("Location") if 300 <= status < 400 else None,
            )
        return RequestRefused(message, status=status, error=error)

    def _name(self, route: Route) -> str:
        return f"{self.system}, {route.name}"


class _TimeoutsInARow:
    """Returns True when the last `most` answers were all 408."""

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
    """Close the connection on an error: it may still hold half an answer."""
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


def _problem_of(error: Exception) -> str:
    """The parser's error in our own words only: Python's texts quote values of the answer."""
    if isinstance(error, KeyError):
        return f"it lacks {error}"
    return str(error) if isinstance(error, Unexpected) else type(error).__name__


def origin(url: str) -> str:
    """`https://api.example.com`: only URLs with this prefix get the credentials of the transport."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _host(url: str) -> str:
    """The host and port of a URL, without user name and password."""
    return urlsplit(url).netloc.rpartition("@")[2] or "an empty host"


def _about_host(error: requests.RequestException, url: str) -> str:
    if isinstance(error, requests.exceptions.InvalidHeader):
        return "The key or its secret contains an invalid character: check both in the connection"
    if isinstance(error, requests.exceptions.SSLError):
        return (
            f"The certificate of {_host(url)} is not accepted: "
            "check Base URL of the connection and the CA bundle"
        )
    return f"There is no host {_host(url)}: check Base URL of the connection, and Account if it is VTEX's"


def _about_access(response: requests.Response, route: Route) -> str:
    if response.status_code == 401:
        return "The key or its secret is wrong or revoked: check both in the connection"
    if response.status_code == 403:
        return f"The key lacks a permission: give it {route.right}"
    host = _host(response.request.url or "")
    return f"{host} redirects, so it is not the API's host: check Base URL of the connection"
