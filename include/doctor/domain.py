"""The shop's domain against those that Connectif's account has authorised."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from include.connectif import routes
from include.connectif.client import ConnectifClient
from include.doctor.account import account_of, domains_by_refusal, host_of
from include.doctor.check import CheckContext, Line, error, ok, warning
from include.http.transport import AccessRefused, RequestRefused
from include.outcomes import PipelineName, Reason
from include.vtex.client import VtexClient

_SUBJECT = "shop domain"
_ADVICE = (
    "Correct the shop domain of vtex_default, or authorise it at Connectif (Store settings > Channels > "
    "Web > advanced): purchases would be refused with E0103"
)
_PRODUCTS_LOOKED_AT = 3


def shop_domain(vtex: VtexClient, connectif: ConnectifClient, context: CheckContext) -> Iterator[Line]:
    """By what the account tells; else by refusals that runs have met, and by the products that are there."""
    ours = vtex.account.shop_domain
    if not ours:
        yield error(_SUBJECT, "empty", "Fill in the shop domain of vtex_default: links to products need it")
        return
    allowed = account_of(connectif).domains or domains_by_refusal(connectif)
    yield _among(ours, allowed) if allowed else _by_traces(ours, vtex, connectif, context)


def _among(ours: str, allowed: tuple[str, ...]) -> Line:
    if ours in allowed:
        return ok(_SUBJECT, f"{ours} is authorised at Connectif")
    return error(_SUBJECT, f"{ours} is not authorised at Connectif; these are: {', '.join(allowed)}", _ADVICE)


def _by_traces(ours: str, vtex: VtexClient, connectif: ConnectifClient, context: CheckContext) -> Line:
    if _was_refused(context):
        return error(_SUBJECT, f"Connectif has refused purchases with links to {ours} (E0103)", _ADVICE)
    hosts = _hosts_of_products(vtex, connectif)
    if ours in hosts:
        return ok(_SUBJECT, f"products at Connectif are on {ours}; its authorised domains are not told")
    if hosts:
        found = f"products at Connectif are on {', '.join(sorted(hosts))}, and ours would be on {ours}"
        return warning(_SUBJECT, found, _ADVICE)
    return warning(
        _SUBJECT,
        f"not checked: Connectif tells no authorised domains to this key, and has no product yet ({ours})",
        "See Store settings > Channels > Web > advanced; a wrong one shows as target_rejected (E0103)",
    )


def _was_refused(context: CheckContext) -> bool:
    if context.state is None:
        return False
    rejected = context.state.outcomes(PipelineName.PURCHASES, reason=Reason.TARGET_REJECTED, limit=100)
    return any(record.detail.startswith("E0103") for record in rejected)


def _hosts_of_products(vtex: VtexClient, connectif: ConnectifClient) -> set[str]:
    """Where the pages of a few products lie that both sides have."""
    try:
        ids, _ = vtex.product_ids(1, _PRODUCTS_LOOKED_AT)
        found = (_product(connectif, product_id) for product_id in ids)
        return set(filter(None, (host_of(str(one.get("productDetailUrl") or "")) for one in found)))
    except AccessRefused:
        return set()


def _product(connectif: ConnectifClient, product_id: str) -> dict[str, Any]:
    try:
        return dict(connectif.transport.json(routes.READ_PRODUCT, path={"product_id": product_id}))
    except RequestRefused:
        return {}
