"""The table of outcomes, row by row."""

from __future__ import annotations

import socket

import pytest
import requests
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import MaxRetryError, NameResolutionError

from include.http.outcomes import BY_STATUS, Action, action_of_exception, action_of_status

BY_ACTION = {
    Action.ACCEPT: {200, 201, 202, 204, 206, 304},
    Action.REFUSED: {400, 404, 409, 413, 414, 422, 431},
    Action.CONFIGURE: {401, 403, 301, 302, 303, 307, 308},
    Action.RETRY: {408, 429, 500, 502, 503, 504, 501, 507, 522, 599},
    Action.UNKNOWN: {405, 415, 203, 402, 406, 410, 418, 451},
}


@pytest.mark.parametrize(
    ("status", "action"),
    [(status, action) for action, statuses in BY_ACTION.items() for status in sorted(statuses)],
)
def test_action_of_status__follows_the_table(status: int, action: Action) -> None:
    assert action_of_status(status) is action


def test_action_of_status__table_has_no_row_without_a_test() -> None:
    assert BY_STATUS.keys() <= set().union(*BY_ACTION.values())


@pytest.mark.parametrize(
    "error",
    [
        requests.exceptions.SSLError(),
        requests.exceptions.InvalidURL(),
        requests.exceptions.MissingSchema(),
        requests.exceptions.InvalidSchema(),
        requests.exceptions.InvalidHeader(),
    ],
)
def test_action_of_exception__permanent_errors(error: requests.RequestException) -> None:
    assert action_of_exception(error) is Action.CONFIGURE


@pytest.mark.parametrize(
    "error",
    [
        requests.exceptions.ConnectTimeout(),
        requests.exceptions.ReadTimeout(),
        requests.exceptions.ConnectionError(),
        requests.exceptions.ChunkedEncodingError(),
        requests.exceptions.ContentDecodingError(),
        requests.exceptions.ProxyError(),
    ],
)
def test_action_of_exception__temporary_errors(error: requests.RequestException) -> None:
    assert action_of_exception(error) is Action.RETRY


def lookup_failure(number: int) -> requests.ConnectionError:
    """A failed name look-up as `requests` raises it: wrapped three times."""
    gai = socket.gaierror(number, "the resolver's text")
    unresolved = NameResolutionError("shop.example", HTTPConnection("shop.example"), gai)
    unresolved.__cause__ = gai
    return requests.ConnectionError(MaxRetryError(HTTPConnectionPool("shop.example"), "/", unresolved))


def test_action_of_exception__host_name_that_does_not_exist() -> None:
    assert action_of_exception(lookup_failure(socket.EAI_NONAME)) is Action.CONFIGURE


def test_action_of_exception__name_server_that_does_not_answer() -> None:
    assert action_of_exception(lookup_failure(socket.EAI_AGAIN)) is Action.RETRY
