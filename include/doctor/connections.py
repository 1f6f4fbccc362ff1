"""Checks that each vendor answers, and that its clock agrees with this machine's."""

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


def check_vtex_connection(vtex: VtexClient, _: CheckContext) -> Iterator[Line]:
    """Check host, account, key and secret with a cheap call; permissions have their own check."""
    yield _check_answer("VTEX", vtex.account.connection, vtex.check, vtex.transport.base_url)


def check_connectif_connection(connectif: ConnectifClient, _: CheckContext) -> Iterator[Line]:
    yield _check_answer(
        "Connectif", connectif.account.connection, connectif.check, connectif.transport.base_url
    )


def _check_answer(vendor: str, connection: str, check: Callable[[], None], host: str) -> Line:
    subject = f"{vendor}, connection"
    try:
        check()
    except (AccessRefused, RequestRefused) as refused:
        if refused.status in {400, 403, 404}:
            return ok(subject, f"{host} accepts the key")
        return error(subject, str(refused), f"Edit {connection} (Admin > Connections)")
    except SyncError as problem:
        advice = f"Check Base URL of {connection}, and that this machine may connect to it"
        return error(subject, str(problem), advice)
    return ok(subject, f"{host} answers and accepts the key")


def check_vtex_clock(vtex: VtexClient, context: CheckContext) -> Iterator[Line]:
    """Compare the Date header with our clock: windows and the order of subscription changes depend on it."""
    response = vtex.transport.call(vtex_routes.SEARCH_PRODUCTS, params=_NO_PRODUCT)
    yield _compare_clock("VTEX, clock", response, context)


def check_connectif_clock(connectif: ConnectifClient, context: CheckContext) -> Iterator[Line]:
    yield _compare_clock("Connectif, clock", _any_answer(connectif.transport), context)


def _any_answer(transport: Transport) -> requests.Response | None:
    try:
        return transport.call(connectif_routes.LIST_IMPORTS)
    except AccessRefused:
        return None


def _compare_clock(subject: str, response: requests.Response | None, context: CheckContext) -> Line:
    try:
        vendor_time = parsedate_to_datetime(response.headers["Date"] if response is not None else "")
    except (KeyError, ValueError):
        advice = "Compare this machine's clock by hand"
        return warning(subject, "not checked, the answer has no Date header", advice)
    skew = abs(context.now() - vendor_time)
    allowed = timedelta(minutes=context.settings.newsletter.future_tolerance_minutes)
    found = f"differs from this machine's by {skew.total_seconds():.0f} s"
    if skew <= min(_NOTICEABLE, allowed):
        return ok(subject, found)
    if skew <= allowed:
        return warning(subject, found, "Set the clocks of all Airflow machines by NTP")
    return error(
        subject,
        found,
        "Set the clocks of all Airflow machines by NTP: windows are wrong, and subscription changes are "
        "rejected as in_the_future",
    )
