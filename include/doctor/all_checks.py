"""All checks, in the order in which an operator fixes their findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from include.connectif.client import ConnectifClient
from include.doctor.account import check_store
from include.doctor.check import CheckContext, Level, Line, error, ok, warning
from include.doctor.connections import (
    check_connectif_clock,
    check_connectif_connection,
    check_vtex_clock,
    check_vtex_connection,
)
from include.doctor.customers import check_contact_fields, check_customer_fields, check_masking
from include.doctor.domain import check_shop_domain
from include.doctor.permissions import check_connectif_permissions, check_vtex_permissions
from include.doctor.purchase_ids import check_purchase_ids
from include.doctor.shop import check_currency, check_sales_channels
from include.errors import SyncError
from include.live import live_variable
from include.setting_types import Settings
from include.settings import changed_settings, misspelt_variables
from include.vtex.client import VtexClient

AT_VTEX: dict[str, Callable[[VtexClient, CheckContext], Iterator[Line]]] = {
    "VTEX, clock": check_vtex_clock,
    "VTEX, permissions": check_vtex_permissions,
    "VTEX, fields of CL": check_customer_fields,
    "VTEX, addresses of customers": check_masking,
    "VTEX, sales channel": check_sales_channels,
}
AT_CONNECTIF: dict[str, Callable[[ConnectifClient, CheckContext], Iterator[Line]]] = {
    "Connectif, clock": check_connectif_clock,
    "Connectif, permissions": check_connectif_permissions,
    "Connectif, account": check_store,
    "contact fields": check_contact_fields,
}
AT_BOTH: dict[str, Callable[[VtexClient, ConnectifClient, CheckContext], Iterator[Line]]] = {
    "shop domain": check_shop_domain,
    "currency": check_currency,
    "purchase ids of the web tag": check_purchase_ids,
}


def run_checks(
    vtex: VtexClient | None, connectif: ConnectifClient | None, context: CheckContext
) -> Iterator[Line]:
    """Yield the lines of all checks; skip the checks of a vendor without a working connection.

    None means that the connection is missing or unusable; the caller has reported that already.
    """
    if vtex is not None:
        lines = list(check_vtex_connection(vtex, context))
        yield from lines
        vtex = vtex if _is_good(lines) else None
    if connectif is not None:
        lines = list(check_connectif_connection(connectif, context))
        yield from lines
        connectif = connectif if _is_good(lines) else None
    if vtex is not None:
        for subject, check_vtex in AT_VTEX.items():
            yield from _guard(subject, check_vtex(vtex, context))
    if connectif is not None:
        for subject, check_connectif in AT_CONNECTIF.items():
            yield from _guard(subject, check_connectif(connectif, context))
    if vtex is not None and connectif is not None:
        for subject, check_both in AT_BOTH.items():
            yield from _guard(subject, check_both(vtex, connectif, context))


def check_environment(
    settings: Settings, own_settings: Mapping[str, str], section: str = ""
) -> Iterator[Line]:
    """Whether the shop is live, what the environment changes, and which variables have no effect.

    `own_settings` are those of the shop that differ from the common ones.
    """
    yield _check_live(settings, section)
    if own_settings:
        own = ", ".join(f"{name} = {value}" for name, value in own_settings.items())
        yield ok("settings of the shop", f"differ from the common ones: {own}")
    changed = ", ".join(f"{name} = {value}" for name, value in changed_settings().items())
    source = f"changed by the environment: {changed}" if changed else "those of include/settings.toml"
    yield ok("settings", f"all valid; {source}")
    for variable, meant in misspelt_variables().items():
        yield warning(
            f"environment variable {variable}",
            "it has no effect",
            f"If you mean a setting, rename it to {meant}; the pattern is SYNC_<SECTION>__<NAME>",
        )


def _check_live(settings: Settings, section: str) -> Line:
    if settings.run.live == "sandbox":
        return ok("live", "runs write only to a simulated shop on this machine (run.live is sandbox)")
    if settings.run.live:
        return ok("live", "the shop is live: runs write to VTEX and Connectif")
    advice = f"Read the report of a dry run first. Then set run.live, or {live_variable(section)}=true"
    return warning("live", "the shop is not live: every run is a dry run and writes nothing", advice)


def _is_good(lines: list[Line]) -> bool:
    return all(line.level is not Level.ERROR for line in lines)


def _guard(subject: str, lines: Iterator[Line]) -> Iterator[Line]:
    """Report a check that fails as a line, so that the other checks still run."""
    try:
        yield from lines
    except SyncError as problem:
        yield error(subject, f"check failed: {problem}", "Fix this and run the doctor again")
