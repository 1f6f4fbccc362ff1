"""What an answer, or the lack of one, means for what we do next: looked up, not argued."""

from __future__ import annotations

import socket
from enum import Enum, auto

import requests
from urllib3.exceptions import NameResolutionError


class Action(Enum):
    """What to do with a call's outcome."""

    ACCEPT = auto()
    RETRY = auto()
    """Wait, then send again; when it never helps: TemporaryError."""
    REFUSED = auto()
    """The vendor refuses this request: RequestRefused, for the caller to judge."""
    CONFIGURE = auto()
    """A person must change something: ConfigurationError."""
    UNKNOWN = auto()
    """Nothing that the vendor documents: ContractError."""


# 304 is Master Data's "nothing changed" (VTEX, Master Data v1, update partial document); 206 its
# catalogue search's "this is a part" (VTEX, Search API).
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
    """The action for an HTTP status; a redirect means that the host is not the API's."""
    if 300 <= status < 400 and status != 304:
        return Action.CONFIGURE
    if status >= 500:
        return Action.RETRY
    return BY_STATUS.get(status, Action.UNKNOWN)


def action_of_exception(error: requests.RequestException) -> Action:
    """The action for a call without an answer: most heal, a wrong URL, certificate or name does not."""
    wrong_for_good = isinstance(error, _WRONG_FOR_GOOD) or _name_does_not_exist(error)
    return Action.CONFIGURE if wrong_for_good else Action.RETRY


_WRONG_FOR_GOOD = (
    requests.exceptions.SSLError,
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidHeader,
)


def _name_does_not_exist(error: BaseException) -> bool:
    """True for "no such name"; a name server that does not answer (EAI_AGAIN) may do so later."""
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
