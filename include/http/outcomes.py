"""The table of outcomes: from the status of an answer, or the exception of a call, to the next action."""

from __future__ import annotations

import socket
from enum import Enum, auto

import requests
from urllib3.exceptions import NameResolutionError


class Action(Enum):
    """What to do after a call."""

    ACCEPT = auto()
    RETRY = auto()
    """Wait and send the call again; TemporaryError after the last attempt."""
    REFUSED = auto()
    """The vendor refuses this request: RequestRefused, and the caller decides."""
    CONFIGURE = auto()
    """An operator must change something: ConfigurationError."""
    UNKNOWN = auto()
    """The vendor does not document this answer: ContractError."""


# 304: Master Data changed nothing (VTEX, Master Data v1, update partial document).
# 206: catalogue search returned a part of the list (VTEX, Search API).
BY_STATUS: dict[int, Action] = {
    200: Action.ACCEPT,
    201: Action.ACCEPT,
    202: Action.ACCEPT,
    204: Action.ACCEPT,
    206: Action.ACCEPT,
    304: Action.ACCEPT,
    400: Action.REFUSED,
    401: Action.CONFIGURE,
    403: Action.CONFIGURE,
    404: Action.REFUSED,
    405: Action.UNKNOWN,
    408: Action.RETRY,
    409: Action.REFUSED,
    413: Action.REFUSED,
    414: Action.REFUSED,
    415: Action.UNKNOWN,
    422: Action.REFUSED,
    429: Action.RETRY,
    431: Action.REFUSED,
    500: Action.RETRY,
    502: Action.RETRY,
    503: Action.RETRY,
    504: Action.RETRY,
}


def action_of_status(status: int) -> Action:
    """The action for an HTTP status. A redirect means that the host is not the API's host."""
    if 300 <= status < 400 and status != 304:
        return Action.CONFIGURE
    if status >= 500:
        return Action.RETRY
    return BY_STATUS.get(status, Action.UNKNOWN)


def action_of_exception(error: requests.RequestException) -> Action:
    """The action for a call without an answer: retry, except for a wrong URL, certificate or host name."""
    permanent = isinstance(error, _PERMANENT_ERRORS) or _name_does_not_exist(error)
    return Action.CONFIGURE if permanent else Action.RETRY


_PERMANENT_ERRORS = (
    requests.exceptions.SSLError,
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidHeader,
)


def _name_does_not_exist(error: BaseException) -> bool:
    """True for "no such name"; False for a name server that does not answer now (EAI_AGAIN)."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, socket.gaierror):
            return seen.errno == socket.EAI_NONAME
        reason = seen.args[0] if seen.args and isinstance(seen.args[0], BaseException) else None
        pool_reason = getattr(reason, "reason", None)
        if isinstance(pool_reason, NameResolutionError):
            seen = pool_reason.__cause__ or pool_reason.__context__
        else:
            seen = seen.__cause__ or seen.__context__
    return False
