"""Whether each vendor answers at all, and whether its clock and ours agree."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from email.utils import parsedate_to_datetime

import requests

from include.connectif import routes as connectif_routes
from include.connectif.client import ConnectifClient
from include.doctor.check import CheckContext, Line, error, ok, warning
from include.errors import SyncError
from include.http.transport import AccessRefused, RequestRefused, Transport
from include.vtex import routes as vtex_routes
from include.vtex.client import VtexClient

_NOTICEABLE = timedelta(seconds=30)
_NO_PRODUCT = {"fq": "productId:0", "_from": "0", "_to": "0"}


def vtex_answers(vtex: VtexClient, _: CheckContext) -> Iterator[Line]:
    """Host, account, key and secret, by a cheap call; a missing right is another check's business."""
    yield _answers("VTEX", "vtex_default", vtex.check, vtex.transport.base_url)


def connectif_answers(connectif: ConnectifClient, _: CheckContext) -> Iterator[Line]:
    yield _answers("Connectif", "connectif_default", connectif.check, connectif.transport.base_url)


def _answers(vendor: str, connection: str, check: Callable[[], None], host: str) -> Line:
    subject = f"{vendor}, connection"
    try:
        check()
    except (AccessRefused, RequestRefused) as refused:
        if refused.status in {400, 403, 404}:
            return ok(subject, f"{host} knows the key")
        return error(subject, str(refused), f"Edit {connection} (Admin > Connections)")
    except SyncError as problem:
        return error(subject, str(problem), f"Look at the host of {connection} and at the way out of here")
    return ok(subject, f"{host} answers and knows the key")


def vtex_clock(vtex: VtexClient, context: CheckContext) -> Iterator[Line]:
    """By the Date header: windows, and which subscription change is the last one, depend on it."""
    response = vtex.transport.call(vtex_routes.SEARCH_PRODUCTS, params=_NO_PRODUCT)
    yield _clock("VTEX, clock", response, context)


def connectif_clock(connectif: ConnectifClient, context: CheckContext) -> Iterator[Line]:
    yield _clock("Connectif, clock", _any_answer(connectif.transport), context)


def _any_answer(transport: Transport) -> requests.Response | None:
    try:
        return transport.call(connectif_routes.LIST_IMPORTS)
    except AccessRefused:
        return None


def _clock(subject: str, response: requests.Response | None, context: CheckContext) -> Line:
    try:
        theirs = parsedate_to_datetime(response.headers["Date"] if response is not None else "")
    except (KeyError, ValueError):
        return warning(subject, "not checked, the answer has no Date", "Compare this machine's clock by hand")
    skew = abs(context.now() - theirs)
    allowed = timedelta(minutes=context.settings.newsletter.future_tolerance_minutes)
    found = f"{skew.total_seconds():.0f} s apart from this machine's"
    if skew <= min(_NOTICEABLE, allowed):
        return ok(subject, found)
    if skew <= allowed:
        return warning(subject, found, "Let NTP set the clocks of all machines that run Airflow")
    return error(
        subject,
        found,
        "Let NTP set the clocks of all machines that run Airflow: windows are cut wrongly, and newsletter "
        "subscription changes count as being of the future",
    )
