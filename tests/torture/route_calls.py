"""A call of each route, as the pipelines, doctor or explain make it, with a good answer.

`ROUTES` comes from the route tables of the clients, so it includes new routes.
"""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import orjson
import pandas as pd

from include.connectif import routes as at_connectif
from include.connectif.answers import parse_record
from include.connectif.client import ConnectifClient
from include.connectif.exports import PURCHASE, PURCHASE_ID, read_rows
from include.http.form import FileToSend
from include.http.route import Route
from include.pipeline.csv_files import CsvFiles
from include.pipeline.import_file import StagedFile
from include.pipeline.import_report import read_refusals
from include.staging import Staging
from include.vtex import routes as at_vtex
from include.vtex.answers import parse_entity_fields
from include.vtex.client import VtexClient
from include.window import Window

TABLES = {"vtex": at_vtex, "connectif": at_connectif}
ROUTES: dict[str, Route] = {
    f"{system}.{name}": route
    for system, table in TABLES.items()
    for name, route in vars(table).items()
    if isinstance(route, Route)
}
DAY = Window(datetime(2026, 11, 22, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC))
FIELDS = ("id", "email")
PURCHASE_SENT = {"purchaseId": "p-1", "contactEmail": "ana@example.com", "products": []}


@dataclass(frozen=True)
class Clients:
    """Both clients, connected to the same server."""

    vtex: VtexClient
    connectif: ConnectifClient
    url: str


@dataclass(frozen=True)
class GoodAnswer:
    """An answer that the call accepts."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RouteCall:
    """How to call a route, and its good answer."""

    call: Callable[[Clients], Any]
    good: GoodAnswer
    also_accepted: tuple[Any, ...] = ()
    """Further accepted results: those of readable answers without content, such as an empty report."""


def _json(body: Any, status: int = 200, **headers: str) -> GoodAnswer:
    return GoodAnswer(
        orjson.dumps(body), status, {name.replace("_", "-"): value for name, value in headers.items()}
    )


def _archive() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as files:
        files.writestr("activities.csv", "purchaseId,email\np-1,ana@example.com\n")
    return packed.getvalue()


def _purchase_ids(clients: Clients) -> list[str]:
    with TemporaryFile() as file:
        clients.connectif.read_export_file(f"{clients.url}/files/1.zip", file)
        return [cell for row in read_rows(file, PURCHASE_ID) for cell in PURCHASE_ID.cells(row)]


def _refused_rows(clients: Clients) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        staging = Staging(Path(folder))
        with CsvFiles(staging, "contacts") as files:
            files.append(
                pd.DataFrame({"_email": ["ana@example.com", "bo@example.com"], "_name": ["Ana", "Bo"]})
            )
        sent = StagedFile(staging, files.files[0])
        found = read_refusals(clients.connectif.read_import_report("/files/1.csv"), sent, "_email")
        return [found.named, sorted(found.suspects or ())]


def _file_to_send() -> FileToSend:
    """A file larger than the buffers of the sockets."""
    row = b"ana@example.com\n" * 4096
    return FileToSend("contacts.csv", "text/csv", 128 * len(row), lambda: [row] * 128)


CALLS: dict[str, RouteCall] = {
    "vtex.SEARCH_CLIENTS": RouteCall(
        lambda to: to.vtex.search_clients(where="(email=ana@example.com)", fields=FIELDS),
        _json([{"id": "1", "email": "ana@example.com"}], REST_Content_Range="resources 0-100/1"),
    ),
    "vtex.READ_CLIENT": RouteCall(
        lambda to: to.vtex.client("1", FIELDS), _json({"id": "1", "email": "ana@example.com"})
    ),
    "vtex.CLIENT_FIELDS": RouteCall(
        lambda to: to.vtex.transport.read(at_vtex.CLIENT_FIELDS, parse_entity_fields),
        _json({"fields": [{"name": "email"}]}),
    ),
    "vtex.OPEN_SCROLL": RouteCall(
        lambda to: to.vtex.open_scroll(where="createdIn is not null", fields=FIELDS),
        _json([{"id": "1", "email": "ana@example.com"}], X_VTEX_MD_TOKEN="t-1", REST_Content_Total="1"),
    ),
    "vtex.CONTINUE_SCROLL": RouteCall(
        lambda to: to.vtex.continue_scroll("t-1", fields=FIELDS),
        _json([{"id": "1", "email": "ana@example.com"}], X_VTEX_MD_TOKEN="t-2"),
    ),
    "vtex.PATCH_CLIENT": RouteCall(
        lambda to: to.vtex.patch_client("1", {"isNewsletterOptIn": True}), _json({"Id": "CL-1"})
    ),
    "vtex.PRODUCT_IDS": RouteCall(
        lambda to: to.vtex.product_ids(1, 250), _json({"data": {"35": [7]}, "range": {"total": 1}})
    ),
    "vtex.SEARCH_PRODUCTS": RouteCall(
        lambda to: to.vtex.search_products(["35"]), _json([{"productId": "35", "items": []}], 206)
    ),
    "vtex.PRICE": RouteCall(lambda to: to.vtex.base_price("7"), _json({"basePrice": 12.5})),
    "vtex.SALES_CHANNELS": RouteCall(
        lambda to: to.vtex.currency(), _json([{"Id": 1, "CurrencyCode": "BRL"}])
    ),
    "vtex.LIST_ORDERS": RouteCall(
        lambda to: to.vtex.list_orders("creationDate", DAY.start, DAY.end, page=1),
        _json({"list": [{"orderId": "1-01"}], "paging": {"total": 1}}),
    ),
    "vtex.READ_ORDER": RouteCall(lambda to: to.vtex.order("1-01"), _json({"orderId": "1-01", "items": []})),
    "vtex.READ_ORDER_GROUP": RouteCall(lambda to: to.vtex.order_group("1"), _json([{"orderId": "1-01"}])),
    "connectif.LIST_IMPORTS": RouteCall(lambda to: to.connectif.check(), _json([])),
    "connectif.CREATE_IMPORT": RouteCall(
        lambda to: to.connectif.create_import("contacts", _file_to_send(), override_existing=True),
        _json({"id": "i-1"}, 201),
    ),
    "connectif.READ_IMPORT": RouteCall(
        lambda to: to.connectif.read_import("i-1"), _json({"status": "finished", "total": 2, "success": 2})
    ),
    "connectif.READ_REPORT": RouteCall(
        _refused_rows,
        GoodAnswer(b"_email,error\nana@example.com,E0103\n", headers={"Content-Type": "text/csv"}),
        also_accepted=([{}, []],),
    ),
    "connectif.LIST_CONTACT_FIELDS": RouteCall(
        lambda to: to.connectif.contact_fields(), _json({"results": [{"id": "_email"}]})
    ),
    "connectif.CREATE_EXPORT": RouteCall(
        lambda to: to.connectif.create_activities_export([PURCHASE], DAY),
        _json({"id": "e-1", "status": "queued"}, 201),
    ),
    "connectif.READ_EXPORT": RouteCall(
        lambda to: to.connectif.read_export("e-1"), _json({"id": "e-1", "status": "inProgress", "total": 2})
    ),
    "connectif.READ_EXPORT_FILE": RouteCall(
        _purchase_ids, GoodAnswer(_archive(), headers={"Content-Type": "application/zip"})
    ),
    "connectif.READ_CONTACT": RouteCall(
        lambda to: to.connectif.transport.read(
            at_connectif.READ_CONTACT, parse_record, path={"email": "ana@example.com"}
        ),
        _json({"_email": "ana@example.com"}),
    ),
    "connectif.PATCH_CONTACT": RouteCall(
        lambda to: to.connectif.patch_contact("ana@example.com", {"_name": "Ana"}), _json({"_name": "Ana"})
    ),
    "connectif.READ_PRODUCT": RouteCall(
        lambda to: to.connectif.read_product("35"), _json({"productId": "35"})
    ),
    "connectif.PATCH_PRODUCT": RouteCall(
        lambda to: to.connectif.patch_product("35", {"name": "Cup"}), _json({"productId": "35"})
    ),
    "connectif.POST_PURCHASE": RouteCall(
        lambda to: to.connectif.post_purchase(PURCHASE_SENT, fire_workflows=False),
        _json({"purchaseId": "p-1"}, 201),
    ),
    "connectif.READ_PURCHASE": RouteCall(
        lambda to: to.connectif.has_purchase("p-1"), _json({"purchaseId": "p-1"})
    ),
    "connectif.READ_STORE": RouteCall(
        lambda to: to.connectif.transport.json(at_connectif.READ_STORE), _json({"currency": "EUR"})
    ),
}
"""A test compares the keys with those of ROUTES."""
