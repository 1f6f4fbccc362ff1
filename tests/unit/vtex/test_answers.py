"""No JSON that VTEX may answer ends in anything but a result or an error of ours."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.errors import SyncError
from include.http.retry import RetryPolicy
from include.vtex.client import RateLimits, VtexAccount, VtexClient
from tests.json_mutations import mutations
from tests.scripted_server import Answer, ScriptedServer

DAY = datetime(2026, 11, 22, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC)
FIELDS = ("id", "email")

# What each method reads, and a good answer to start from.
METHODS: dict[str, tuple[Callable[[VtexClient], Any], Any]] = {
    "search": (lambda c: c.search_clients(where="x", fields=FIELDS), [{"id": "1", "email": "a@example.com"}]),
    "check": (lambda c: c.check(), [{"id": "1"}]),
    "count": (lambda c: c.count_clients("x"), []),
    "open scroll": (lambda c: c.open_scroll(where="x", fields=FIELDS), [{"id": "1"}]),
    "continue scroll": (lambda c: c.continue_scroll("T", fields=FIELDS), [{"id": "1"}]),
    "document": (lambda c: c.client("1", FIELDS), {"id": "1", "email": None}),
    "patch": (lambda c: c.patch_client("1", {"isNewsletterOptIn": True}), {"Id": "CL-1"}),
    "product ids": (lambda c: c.product_ids(1, 250), {"data": {"1": [2]}, "range": {"total": 1}}),
    "products": (lambda c: c.search_products(["1"]), [{"productId": "1", "items": []}]),
    "price": (lambda c: c.base_price("1"), {"basePrice": 10.5, "listPrice": None}),
    "channels": (lambda c: c.sales_channels(), [{"Id": 1, "CurrencyCode": "BRL"}]),
    "currency": (lambda c: c.currency(), [{"Id": 1, "CurrencyCode": "BRL"}]),
    "orders": (
        lambda c: c.list_orders("creationDate", *DAY, page=1),
        {"list": [{"orderId": "1-01"}], "paging": {"total": 1}},
    ),
    "order": (lambda c: c.order("1-01"), {"orderId": "1-01", "items": []}),
    "order group": (lambda c: c.order_group("1"), [{"orderId": "1-01"}]),
}


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as made:
        yield made


@pytest.fixture(scope="module")
def client(server: ScriptedServer) -> Iterator[VtexClient]:
    account = VtexAccount("myshop", "k", "t", base_url=server.url)
    made = VtexClient(
        account, rate_limits=RateLimits(1e6, 1e6, 1e6, 1e6), retry=RetryPolicy(2, sleep=lambda _: None)
    )
    yield made
    made.transport.session.close()


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_answer__is_a_result_or_an_error_of_ours(
    method: str, data: st.DataObject, server: ScriptedServer, client: VtexClient
) -> None:
    call, good = METHODS[method]
    body = json.dumps(data.draw(mutations(good))).encode()
    cut = data.draw(st.sampled_from([body, body, body[: len(body) // 2], b""]))
    total = data.draw(st.sampled_from(["", "0", "1", "5", "x"]))
    headers = {
        "X-VTEX-MD-TOKEN": "T",
        "REST-Content-Total": total,
        "REST-Content-Range": f"resources 0-1/{total}",
    }
    server.forget()
    server.script(*[Answer(200, cut, headers)] * 12)
    with contextlib.suppress(SyncError):
        call(client)
