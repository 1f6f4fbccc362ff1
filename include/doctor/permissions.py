"""Checks each permission with one call that only reads, or that the vendor certainly rejects.

A 403 proves that a permission is missing. Connectif rejects a call without its mandatory parts (422) and a
product outside the authorised domains (E0201). So such a call shows whether the key passed the permission
check, and writes nothing. VTEX does not document how it handles an invalid document, so the doctor sends
none: it knows the write permission from runs that used it.
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
from include.window import local_text

NO_SUCH_RECORD = "doctor-no-such-record"
NO_SUCH_HOST = "https://doctor.invalid/"
"""RFC 6761: no host can have this name, so no account can have authorised it."""
_RUNS_CHECKED = 50

Call = Callable[[], Any]


def check_vtex_permissions(vtex: VtexClient, context: CheckContext) -> Iterator[Line]:
    """Check the License Manager resources of the App key, in VTEX's words."""
    sku, order = _first_sku(vtex), _first_order(vtex, context)
    yield _check("VTEX", at_vtex.SEARCH_CLIENTS, "contacts, purchases and newsletter", vtex.check)
    yield _check_vtex_write(context)
    yield _check("VTEX", at_vtex.PRODUCT_IDS, "products", lambda: vtex.product_ids(1, 1))
    yield _check("VTEX", at_vtex.PRICE, "products", lambda: vtex.base_price(sku))
    yield _check("VTEX", at_vtex.LIST_ORDERS, "purchases", lambda: _orders(vtex, context))
    yield _check("VTEX", at_vtex.READ_ORDER, "purchases", lambda: vtex.order(order))


def check_connectif_permissions(connectif: ConnectifClient, context: CheckContext) -> Iterator[Line]:
    """Check the scopes of the API key, in Connectif's words."""

    def call(route: Route, serves: str, **request: Any) -> Line:
        return _check("Connectif", route, serves, lambda: connectif.transport.call(route, **request))

    everything, purchases = "contacts, products and purchases", "purchases"
    yield call(at_connectif.LIST_IMPORTS, everything)
    # all parts of the form but one are missing, also the file: 422
    yield call(at_connectif.CREATE_IMPORT, everything, files={"delimiter": (None, ",")})
    # no address in the path, and no object in the body
    yield call(at_connectif.PATCH_CONTACT, purchases, path={"email": NO_SUCH_RECORD}, json=[])
    body = {"productDetailUrl": NO_SUCH_HOST}
    yield call(at_connectif.PATCH_PRODUCT, purchases, path={"product_id": NO_SUCH_RECORD}, json=body)
    yield call(at_connectif.READ_PURCHASE, purchases, path={"purchase_id": NO_SUCH_RECORD})
    no_workflow = {"triggerPurchaseEvent": "false"}
    yield call(at_connectif.POST_PURCHASE, purchases, params=no_workflow, json={})
    exports = f"{purchases}, and the newsletter's safety net"
    yield call(at_connectif.READ_EXPORT, exports, path={"id": NO_SUCH_RECORD})
    yield call(at_connectif.CREATE_EXPORT, exports, json={})
    yield call(at_connectif.READ_PRODUCT, "reconcile", path={"product_id": NO_SUCH_RECORD})
    if context.settings.contacts.extra_fields:
        yield call(at_connectif.LIST_CONTACT_FIELDS, "contacts with extra fields")


def _check(vendor: str, route: Route, serves: str, call: Call) -> Line:
    right = route.right.removeprefix("the scope ")
    subject = f"{vendor}, permission {right}"
    try:
        call()
    except AccessRefused as refused:
        if refused.status != 403:
            raise
        return error(subject, f"the key lacks it; {serves} need it", _where_to_grant(vendor, right))
    except RequestRefused as refused:
        if route.method != "GET":
            found = f"granted: the test call was rejected as expected ({refused.status}); nothing was written"
            return ok(subject, found)
    else:
        if route.method != "GET":
            return warning(
                subject,
                "the vendor accepted a test call that it should reject",
                f"Find the record {NO_SUCH_RECORD} at {vendor} and delete it; report this to the project",
            )
    return ok(subject, "granted")


def _where_to_grant(vendor: str, right: str) -> str:
    if vendor == "VTEX":
        return f"VTEX: Account settings > User and permissions: a role with {right} for the App key"
    return f"Connectif: Store settings > API and IP access > API Keys: {right}"


def _check_vtex_write(context: CheckContext) -> Line:
    subject = f"VTEX, permission {at_vtex.WRITE_DOCUMENTS}"
    reports = context.state.reports.latest(PipelineName.NEWSLETTER, _RUNS_CHECKED) if context.state else []
    used = next((run for run in reports if run.report.counts.outcomes[Outcome.SENT]), None)
    if used:
        zone = context.settings.schedule.zone
        return ok(
            subject, f"granted: the run that started at {local_text(used.started_at, zone)} {zone} used it"
        )
    return warning(
        subject,
        "not checked, only a write would show it",
        "Check in VTEX that the key has it, for the newsletter. Without it, the first run of "
        "update_newsletter that writes fails and names it",
    )


def _orders(vtex: VtexClient, context: CheckContext) -> list[dict[str, Any]]:
    now = context.now()
    return vtex.list_orders("creationDate", now - timedelta(days=1), now, page=1).orders


def _first_order(vtex: VtexClient, context: CheckContext) -> str:
    """The id of an order, else an id that does not exist: a 404 also proves the permission to read."""
    try:
        orders = _orders(vtex, context)
    except (AccessRefused, RequestRefused):
        return NO_SUCH_RECORD
    return str(orders[0]["orderId"]) if orders else NO_SUCH_RECORD


def _first_sku(vtex: VtexClient) -> str:
    """The id of an SKU, else an id that does not exist."""
    try:
        products, _ = vtex.product_ids(1, 1)
    except (AccessRefused, RequestRefused):
        return "0"
    return next((str(sku) for skus in products.values() for sku in skus), "0")
