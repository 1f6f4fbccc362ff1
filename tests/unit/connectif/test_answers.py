"""No JSON that Connectif may answer ends in anything but a result or an error of ours."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.connectif.client import ConnectifAccount, ConnectifClient, FoundPurchase
from include.errors import SyncError
from include.http.form import FileToSend
from include.http.rate_limiter import Unlimited
from include.http.retry import RetryPolicy
from include.window import Window
from tests.json_mutations import mutations
from tests.scripted_server import Answer, ScriptedServer

DAY = Window(datetime(2026, 11, 22, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC))
CSV = FileToSend("1.csv", "text/csv", 3, lambda: [b"a\n1"])
IMPORT = {"id": "1", "status": "finished", "total": 1, "success": 1, "errors": 0, "errorReportFileUrl": "/r"}
EXPORT = {"id": "1", "status": "finished", "total": 1, "fileUrl": "/f"}
PURCHASE = {"purchaseId": "p", "products": []}

# What each method reads, and a good answer to start from.
METHODS: dict[str, tuple[Callable[[ConnectifClient], Any], Any]] = {
    "check": (lambda c: c.check(), {"links": {}, "results": []}),
    "create import": (lambda c: c.create_import("contacts", CSV, override_existing=True), IMPORT),
    "read import": (lambda c: c.read_import("1"), IMPORT),
    "create activities export": (lambda c: c.create_activities_export(["purchase"], DAY), EXPORT),
    "create contacts export": (lambda c: c.create_contacts_export(), EXPORT),
    "read export": (lambda c: c.read_export("1"), EXPORT),
    "contact fields": (lambda c: c.contact_fields(), {"results": [{"id": "x"}], "links": {"next": None}}),
    "patch contact": (lambda c: c.patch_contact("a@example.com", {}), {"id": "1"}),
    "patch product": (lambda c: c.patch_product("1", {}), {"id": "1"}),
    "read product": (lambda c: c.read_product("1"), {"productId": "1"}),
    "post purchase": (lambda c: c.post_purchase(PURCHASE, fire_workflows=False), {"purchaseId": "p"}),
    "has purchase": (lambda c: c.has_purchase("p"), {"purchaseId": "p"}),
    "find purchase": (
        lambda c: c.find_purchase("p"),
        {"purchaseId": "p", "createdAt": "2026-11-23T12:00:05.000Z"},
    ),
}


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as made:
        yield made


@pytest.fixture(scope="module")
def client(server: ScriptedServer) -> Iterator[ConnectifClient]:
    account = ConnectifAccount("k", "s", server.url)
    made = ConnectifClient(account, retry=RetryPolicy(2, sleep=lambda _: None), rate_limit=Unlimited())
    yield made
    made.transport.session.close()


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_answer__is_a_result_or_an_error_of_ours(
    method: str, data: st.DataObject, server: ScriptedServer, client: ConnectifClient
) -> None:
    call, good = METHODS[method]
    body = json.dumps(data.draw(mutations(good))).encode()
    cut = data.draw(st.sampled_from([body, body, body[: len(body) // 2], b""]))
    status = data.draw(st.sampled_from([200, 200, 201, 204, 400, 422]))
    server.forget()
    server.script(*[Answer(status, b"" if status == 204 else cut)] * 12)
    with contextlib.suppress(SyncError):
        call(client)


@pytest.mark.parametrize("value", [None, 5, "", "yesterday", "2026-11-23T12:00:05", [], True])
def test_created_at__that_is_no_instant_is_not_known(
    value: Any, server: ScriptedServer, client: ConnectifClient
) -> None:
    server.forget()
    server.script(Answer(200, json.dumps({"purchaseId": "p", "createdAt": value}).encode()))
    assert client.find_purchase("p") == FoundPurchase(None)
