"""Checks that the shop's domain is authorised in Connectif's account."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from include.connectif import routes
from include.connectif.client import ConnectifClient
from include.doctor.account import host_of, read_account, read_domains_from_rejection
from include.doctor.check import CheckContext, Line, error, ok, warning
from include.http.transport import AccessRefused, RequestRefused
from include.outcomes import PipelineName, Reason
from include.vtex.client import VtexClient

_SUBJECT = "shop domain"
_ADVICE = (
    "Correct the shop domain of the VTEX connection, or authorise it at Connectif (Store settings > "
    "Channels > Web > advanced): else Connectif rejects purchases with E0103"
)
_PRODUCTS_CHECKED = 3


def check_shop_domain(vtex: VtexClient, connectif: ConnectifClient, context: CheckContext) -> Iterator[Line]:
    """Compare with the account's domains; else with earlier rejections, and with products at Connectif."""
    domain = vtex.account.shop_domain
    if not domain:
        yield error(
            _SUBJECT,
            "empty",
            f"Fill in the shop domain of {vtex.account.connection}: links to products need it",
        )
        return
    allowed = read_account(connectif).domains or read_domains_from_rejection(connectif)
    yield (
        _compare_domain(domain, allowed) if allowed else _check_by_records(domain, vtex, connectif, context)
    )


def _compare_domain(domain: str, allowed: tuple[str, ...]) -> Line:
    if domain in allowed:
        return ok(_SUBJECT, f"{domain} is authorised at Connectif")
    found = f"{domain} is not authorised at Connectif; these are: {', '.join(allowed)}"
    return error(_SUBJECT, found, _ADVICE)


def _check_by_records(
    domain: str, vtex: VtexClient, connectif: ConnectifClient, context: CheckContext
) -> Line:
    if _was_rejected(context):
        return error(_SUBJECT, f"Connectif has rejected purchases with links to {domain} (E0103)", _ADVICE)
    hosts = _hosts_of_products(vtex, connectif)
    if domain in hosts:
        return ok(_SUBJECT, f"products at Connectif are on {domain}; it shows no authorised domains")
    if hosts:
        found = f"products at Connectif are on {', '.join(sorted(hosts))}; the sync would use {domain}"
        return warning(_SUBJECT, found, _ADVICE)
    return warning(
        _SUBJECT,
        f"not checked: Connectif shows no authorised domains to this key, and has no product yet ({domain})",
        "See Store settings > Channels > Web > advanced; a wrong domain shows as target_rejected (E0103)",
    )


def _was_rejected(context: CheckContext) -> bool:
    if context.state is None:
        return False
    rejected = context.state.records.outcomes(
        PipelineName.PURCHASES, reason=Reason.TARGET_REJECTED, limit=100
    )
    return any(record.detail.startswith("E0103") for record in rejected)


def _hosts_of_products(vtex: VtexClient, connectif: ConnectifClient) -> set[str]:
    """The hosts in the page addresses of a few products that both systems have."""
    try:
        ids, _ = vtex.product_ids(1, _PRODUCTS_CHECKED)
        found = (_product(connectif, product_id) for product_id in ids)
        return set(filter(None, (host_of(str(one.get("productDetailUrl") or "")) for one in found)))
    except AccessRefused:
        return set()


def _product(connectif: ConnectifClient, product_id: str) -> dict[str, Any]:
    try:
        return dict(connectif.transport.json(routes.READ_PRODUCT, path={"product_id": product_id}))
    except RequestRefused:
        return {}
