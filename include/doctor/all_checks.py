"""All checks of the vendors, in the order in which one would mend what they find."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from include.connectif.client import ConnectifClient
from include.doctor.check import CheckContext, Level, Line, error
from include.doctor.connections import connectif_answers, connectif_clock, vtex_answers, vtex_clock
from include.doctor.contact_fields import contact_fields
from include.doctor.customers import client_fields, masking
from include.doctor.domain import shop_domain
from include.doctor.purchase_ids import purchase_ids
from include.doctor.rights import connectif_rights, vtex_rights
from include.doctor.shop import currency, sales_channels
from include.errors import SyncError
from include.vtex.client import VtexClient

log = logging.getLogger(__name__)

AT_VTEX: dict[str, Callable[[VtexClient, CheckContext], Iterator[Line]]] = {
    "VTEX, clock": vtex_clock,
    "VTEX, rights": vtex_rights,
    "VTEX, fields of CL": client_fields,
    "VTEX, addresses of customers": masking,
    "VTEX, sales channel": sales_channels,
}
AT_CONNECTIF: dict[str, Callable[[ConnectifClient, CheckContext], Iterator[Line]]] = {
    "Connectif, clock": connectif_clock,
    "Connectif, rights": connectif_rights,
    "contact fields": contact_fields,
}
BETWEEN: dict[str, Callable[[VtexClient, ConnectifClient, CheckContext], Iterator[Line]]] = {
    "shop domain": shop_domain,
    "currency": currency,
    "purchase ids of the web tag": purchase_ids,
}


def run_checks(
    vtex: VtexClient | None, connectif: ConnectifClient | None, context: CheckContext
) -> Iterator[Line]:
    """The lines of all checks, as they come; those of a vendor without a working connection are left out.

    None stands for a connection that is missing or unusable, which the caller has said already.
    """
    if vtex is not None:
        lines = list(vtex_answers(vtex, context))
        yield from lines
        vtex = vtex if _good(lines) else None
    if connectif is not None:
        lines = list(connectif_answers(connectif, context))
        yield from lines
        connectif = connectif if _good(lines) else None
    if vtex is not None:
        for subject, look in AT_VTEX.items():
            yield from _guarded(subject, look(vtex, context))
    if connectif is not None:
        for subject, ask in AT_CONNECTIF.items():
            yield from _guarded(subject, ask(connectif, context))
    if vtex is not None and connectif is not None:
        for subject, compare in BETWEEN.items():
            yield from _guarded(subject, compare(vtex, connectif, context))


def _good(lines: list[Line]) -> bool:
    return all(line.level is not Level.ERROR for line in lines)


def _guarded(subject: str, lines: Iterator[Line]) -> Iterator[Line]:
    """A check that cannot be done to its end does not hide the others."""
    try:
        yield from lines
    except SyncError as problem:
        yield error(subject, f"could not be looked at: {problem}", "Mend that and run the doctor again")
