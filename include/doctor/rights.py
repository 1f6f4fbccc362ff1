"""Each right that a sync needs, by one call that only reads, or that its vendor is sure to refuse.

A 403 is proof that a right is missing. Connectif refuses what lacks its mandatory parts (422) and products
outside the authorised domains (E0201), so a call without them tells whether it got as far as that, and leaves
nothing behind. VTEX says nowhere what it makes of a document that it cannot read, so no such call is made
there: that right is known by having been used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from include.connectif import routes as at_connectif
from include.connectif.client import ConnectifClient
from include.doctor.check import CheckContext, Line, error, ok, warning
from include.http.route import Route
from include.http.transport import AccessRefused, RequestRefused
from include.outcomes import Outcome, PipelineName
from include.vtex import routes as at_vtex
from include.vtex.client import VtexClient

NOBODY = "doctor-no-such-record"
NOWHERE = "https://doctor.invalid/"
"""RFC 6761: no host can have this name, so no account can have authorised it."""
_RUNS_LOOKED_AT = 50

Call = Callable[[], Any]


def vtex_rights(vtex: VtexClient, context: CheckContext) -> Iterator[Line]:
    """License Manager resources of the App key, in VTEX's words."""
    sku, order = _first_sku(vtex), _an_order(vtex, context)
    yield _tried("VTEX", at_vtex.SEARCH_CLIENTS, "contacts, purchases and newsletter", vtex.check)
    yield _vtex_write(context)
    yield _tried("VTEX", at_vtex.PRODUCT_IDS, "products", lambda: vtex.product_ids(1, 1))
    yield _tried("VTEX", at_vtex.PRICE, "products", lambda: vtex.base_price(sku))
    yield _tried("VTEX", at_vtex.LIST_ORDERS, "purchases", lambda: _orders(vtex, context))
    yield _tried("VTEX", at_vtex.READ_ORDER, "purchases", lambda: vtex.order(order))


def connectif_rights(connectif: ConnectifClient, context: CheckContext) -> Iterator[Line]:
    """Scopes of the API key, in Connectif's words."""

    def call(route: Route, serves: str, **request: Any) -> Line:
        return _tried("Connectif", route, serves, lambda: connectif.transport.call(route, **request))

    everything, purchases = "contacts, products and purchases", "purchases"
    yield call(at_connectif.LIST_IMPORTS, everything)
    # Every part of the form but one is missing, the file among them: 422.
    yield call(at_connectif.CREATE_IMPORT, everything, files={"delimiter": (None, ",")})
    # Neither an address in the path nor an object in the body.
    yield call(at_connectif.PATCH_CONTACT, purchases, path={"email": NOBODY}, json=[])
    body = {"productDetailUrl": NOWHERE}
    yield call(at_connectif.PATCH_PRODUCT, purchases, path={"product_id": NOBODY}, json=body)
    yield call(at_connectif.READ_PURCHASE, purchases, path={"purchase_id": NOBODY})
    quiet = {"triggerPurchaseEvent": "false"}
    yield call(at_connectif.POST_PURCHASE, purchases, params=quiet, json={})
    exports = f"{purchases}, and the newsletter's safety net"
    yield call(at_connectif.READ_EXPORT, exports, path={"id": NOBODY})
    yield call(at_connectif.CREATE_EXPORT, exports, json={})
    yield call(at_connectif.READ_PRODUCT, "reconcile", path={"product_id": NOBODY})
    if context.settings.contacts.extra_fields:
        yield call(at_connectif.LIST_CONTACT_FIELDS, "contacts with extra fields")


def _tried(vendor: str, route: Route, serves: str, call: Call) -> Line:
    right = route.right.removeprefix("the scope ")
    subject = f"{vendor}, right {right}"
    try:
        call()
    except AccessRefused as refused:
        if refused.status != 403:
            raise
        return error(subject, f"the key lacks it, and {serves} need it", _where_to_give(vendor, right))
    except RequestRefused as refused:
        if route.method != "GET":
            return ok(subject, f"a call that must be refused was, with {refused.status}: nothing was written")
    else:
        if route.method != "GET":
            return warning(
                subject,
                "a call that should be refused was accepted",
                f"Look at {vendor} for a record {NOBODY} and delete it; tell those who maintain this project",
            )
    return ok(subject, "given")


def _where_to_give(vendor: str, right: str) -> str:
    if vendor == "VTEX":
        return f"VTEX: Account settings > User and permissions: a role with {right} for the App key"
    return f"Connectif: Store settings > API and IP access > API Keys: {right}"


def _vtex_write(context: CheckContext) -> Line:
    subject = f"VTEX, right {at_vtex.WRITE_DOCUMENTS}"
    reports = context.state.reports(PipelineName.NEWSLETTER, _RUNS_LOOKED_AT) if context.state else []
    used = next((run for run in reports if run.report.counts.outcomes[Outcome.SENT]), None)
    if used:
        return ok(subject, f"given: a run that began at {used.started_at:%Y-%m-%d %H:%M} UTC has used it")
    return warning(
        subject,
        "not checked, only a write would tell",
        "See to it that the key has it, for the newsletter; if not, the first run of update_newsletter that "
        "has something to write fails and names it",
    )


def _orders(vtex: VtexClient, context: CheckContext) -> list[dict[str, Any]]:
    now = context.now()
    return vtex.list_orders("creationDate", now - timedelta(days=1), now, page=1).orders


def _an_order(vtex: VtexClient, context: CheckContext) -> str:
    """The id of some order, else one that nobody has: its 404 says just as well that the key may read."""
    try:
        orders = _orders(vtex, context)
    except (AccessRefused, RequestRefused):
        return NOBODY
    return str(orders[0]["orderId"]) if orders else NOBODY


def _first_sku(vtex: VtexClient) -> str:
    """The id of some SKU, else one that nobody has."""
    try:
        products, _ = vtex.product_ids(1, 1)
    except (AccessRefused, RequestRefused):
        return "0"
    return next((str(sku) for skus in products.values() for sku in skus), "0")
