"""VTEX's client: the requests that it sends, and its reading of the answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from include.errors import ConfigurationError, ContractError, TemporaryError
from include.http.retry import RetryPolicy
from include.http.transport import AnswerLost, RequestRefused
from include.vtex import limits
from include.vtex.client import (
    RateLimits,
    ScrollExpired,
    ScrollSlotsTaken,
    VtexAccount,
    VtexClient,
    read_error,
)
from include.vtex.filters import any_of, between
from include.window import utc_milliseconds
from tests.scripted_server import CUT, Answer, Request, ScriptedServer

NO_LIMITS = RateLimits(1e6, 1e6, 1e6, 1e6)
FIELDS = ("id", "email")


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def client(server: ScriptedServer, pauses: list[float]) -> Iterator[VtexClient]:
    account = VtexAccount("myshop", "the-key", "the-token", base_url=server.url, sales_channel="3")
    made = VtexClient(account, rate_limits=NO_LIMITS, retry=RetryPolicy(sleep=pauses.append))
    yield made
    made.transport.session.close()


def parse_query(request: Request) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(request.target).query)


def parse_path(request: Request) -> str:
    return urlsplit(request.target).path


# --- the account


def test_account__repr_shows_no_token() -> None:
    assert "the-token" not in repr(VtexAccount("myshop", "the-key", "the-token"))


def test_account__without_a_host_uses_vtexs_host() -> None:
    assert VtexAccount("myshop", "k", "t").url == "https://myshop.vtexcommercestable.com.br"


def test_every_call__has_key_and_token(server: ScriptedServer, client: VtexClient) -> None:
    server.script(Answer(200, []))
    client.check()
    sent = server.requests[0]
    assert sent.headers["X-VTEX-API-AppKey"] == "the-key"
    assert sent.headers["X-VTEX-API-AppToken"] == "the-token"
    assert sent.headers["REST-Range"] == "resources=0-1"


# --- error bodies: they have no common form


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"Message": "Cannot filter by private fields"}, "Cannot filter by private fields"),
        ({"message": "not so"}, ""),
        ({"error": {"code": "OMS002", "message": "Max page", "exception": None}}, "OMS002"),
        ({"error": {"code": "OMS007", "message": "Order Not Found"}}, "OMS007: Order not found"),
        ({"error": {"code": "Ana", "message": "Ana"}}, ""),
        ({"error": {"code": None, "message": None}}, ""),
        ({"error": "flat"}, ""),
        ('"Parameter _from can\'t be greater than 2500."', "Parameter _from can't be greater than 2500"),
        ("Bad Request! Scripts are not allowed!", ""),
        ("<html><h1>404 Not Found</h1></html>", ""),
        (b"", ""),
        (b"\xff\xfe", ""),
        (b"[" * 100_000, ""),
        ([1, 2], ""),
        ("7", ""),
        ("null", ""),
        ({"Message": "no customer ana@example.com"}, ""),
        ({"Message": "the homePhone of Ana"}, "homePhone"),
    ],
)  # fmt: skip
def test_error_bodies__give_a_known_sentence_or_nothing(
    body: Any, expected: str, server: ScriptedServer, client: VtexClient
) -> None:
    server.script(Answer(400, body))
    with pytest.raises(RequestRefused) as caught:
        client.search_products(["1"])
    assert str(caught.value.error) == expected


def test_403__names_route_right_and_reason(server: ScriptedServer, client: VtexClient) -> None:
    server.script(Answer(403, {"Message": "Unauthorized"}))
    with pytest.raises(ConfigurationError) as caught:
        client.patch_client("1", {})
    assert str(caught.value) == (
        "VTEX, Master Data update: HTTP 403 (Unauthorized). "
        "The key lacks a permission: give it Dynamic Storage / Insert or update document (not remove)"
    )


@pytest.mark.parametrize("body", [b"", '"Unauthorized"', {"Message": "x"}])
def test_401__names_the_key(body: Any, server: ScriptedServer, client: VtexClient) -> None:
    server.script(Answer(401, body))
    with pytest.raises(ConfigurationError, match=r"HTTP 401\. The key or its secret is wrong"):
        client.product_ids(1, 250)


# --- Master Data


def test_search__encodes_a_plus_as_2b_and_a_space_as_20(server: ScriptedServer, client: VtexClient) -> None:
    server.script(Answer(200, [{"id": "1", "email": "ana+x@example.com"}]))
    where = any_of("email", ["ana+x@example.com", "bo@example.com"])
    assert client.search_clients(where=where, fields=FIELDS) == [{"id": "1", "email": "ana+x@example.com"}]
    assert server.requests[0].target == (
        "/api/dataentities/CL/search?_where=%28email%3Dana%2Bx%40example.com%29%20OR%20"
        "%28email%3Dbo%40example.com%29&_fields=id%2Cemail"
    )
    assert server.requests[0].headers["REST-Range"] == "resources=0-100"


@pytest.mark.parametrize("answer", ['"<html></html>"', {"message": "maintenance"}, [1], b"null"])
def test_search__an_answer_without_a_list_of_documents_is_a_contract_error(
    answer: Any, server: ScriptedServer, client: VtexClient
) -> None:
    server.script(*[Answer(200, answer)] * 6)
    with pytest.raises(ContractError, match="Master Data search: HTTP 200"):
        client.search_clients(where="x", fields=FIELDS)


def content_range(first: int, last: int, total: int) -> dict[str, str]:
    return {"REST-Content-Range": f"resources {first}-{last}/{total}"}


def test_search__fewer_documents_than_announced_are_accepted_the_third_time(
    server: ScriptedServer, client: VtexClient
) -> None:
    short, whole = (
        Answer(200, [], content_range(0, 100, 1)),
        Answer(200, [{"id": "1"}], content_range(0, 100, 1)),
    )
    server.script(short, whole, *[short] * 3)
    assert client.search_clients(where="x", fields=FIELDS) == [{"id": "1"}]
    assert client.search_clients(where="x", fields=FIELDS) == []
    assert len(server.requests) == 5


def test_search__several_pages_are_read_sorted_from_the_first(
    server: ScriptedServer, client: VtexClient
) -> None:
    documents = [{"id": str(number)} for number in range(130)]
    first = Answer(200, documents[:100], content_range(0, 100, 130))
    server.script(first, first, Answer(200, documents[100:], content_range(100, 200, 130)))
    assert client.search_clients(where="x", fields=FIELDS) == documents
    assert [dict(parse_query(one)).get("_sort") for one in server.requests] == [None, "id ASC", "id ASC"]
    assert [one.headers["REST-Range"] for one in server.requests] == [
        "resources=0-100", "resources=0-100", "resources=100-200",
    ]  # fmt: skip


def test_search__a_filter_with_too_many_documents_fails(
    server: ScriptedServer, client: VtexClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SEARCH_WINDOW", 500)
    page = Answer(200, [{"id": str(number)} for number in range(100)], content_range(0, 100, 10**9))
    server.script(*[page] * 9)
    with pytest.raises(ContractError, match="Master Data search: one filter finds 500 documents or more"):
        client.search_clients(where="x", fields=FIELDS)
    assert len(server.requests) == 6


def test_search__refuses_a_page_above_the_limit(client: VtexClient) -> None:
    with pytest.raises(ValueError, match="at most 100"):
        client.search_clients(where="x", fields=FIELDS, most=101)


@pytest.mark.parametrize("header", ["resources 0-1/136108", "resources=0-1/136108"])
def test_count__reads_both_forms_of_the_header(
    header: str, server: ScriptedServer, client: VtexClient
) -> None:
    server.script(Answer(206, [{"id": "1"}], {"REST-Content-Range": header}))
    assert client.count_clients("createdIn is null") == 136108


def test_count__without_the_header_is_a_contract_error(server: ScriptedServer, client: VtexClient) -> None:
    server.script(*[Answer(200, [])] * 6)
    with pytest.raises(ContractError, match="REST-Content-Range"):
        client.count_clients("createdIn is null")


def test_scroll__the_first_page_sends_the_query(server: ScriptedServer, client: VtexClient) -> None:
    headers = {"X-VTEX-MD-TOKEN": "T1", "REST-Content-Total": "1200"}
    server.script(Answer(200, [{"id": "1"}], headers))
    page = client.open_scroll(where="a is null", fields=FIELDS, size=250)
    assert (page.token, page.total, page.documents) == ("T1", 1200, [{"id": "1"}])
    assert parse_query(server.requests[0]) == [
        ("_where", "a is null"),
        ("_fields", "id,email"),
        ("_size", "250"),
    ]


def test_scroll__further_pages_send_only_the_token(server: ScriptedServer, client: VtexClient) -> None:
    server.script(Answer(200, [], {"X-VTEX-MD-TOKEN": "T2"}), Answer(200, []))
    assert client.continue_scroll("T1").token == "T2"
    assert client.continue_scroll("T2").token == "T2", "the last token is kept if the answer has none"
    assert [parse_query(r) for r in server.requests] == [[("_token", "T1")], [("_token", "T2")]]


def test_scroll__a_first_page_without_token_is_a_contract_error(
    server: ScriptedServer, client: VtexClient
) -> None:
    server.script(*[Answer(200, [{"id": "1"}])] * 6)
    with pytest.raises(ContractError, match="X-VTEX-MD-TOKEN"):
        client.open_scroll(where="a is null", fields=FIELDS)


def test_scroll__without_documents_needs_no_token(server: ScriptedServer, client: VtexClient) -> None:
    server.script(Answer(200, [], {"REST-Content-Total": "0"}))
    assert client.open_scroll(where="a is null", fields=FIELDS).documents == []


@pytest.mark.parametrize("document", [{"email": "a@example.com"}, {"id": None}, {"id": " "}, {"id": {}}])
def test_scroll__a_document_without_id_is_a_contract_error(
    document: Any, server: ScriptedServer, client: VtexClient
) -> None:
    server.script(*[Answer(200, [{"id": "1"}, document], {"X-VTEX-MD-TOKEN": "T"})] * 6)
    with pytest.raises(ContractError, match="a record has no `id`"):
        client.open_scroll(where="a is null", fields=FIELDS)


@pytest.mark.parametrize("total", ["", "many", "-1"])
def test_scroll__an_invalid_total_is_none(total: str, server: ScriptedServer, client: VtexClient) -> None:
    server.script(Answer(200, [], {"X-VTEX-MD-TOKEN": "T", "REST-Content-Total": total}))
    assert client.open_scroll(where="a is null", fields=FIELDS).total is None


def test_scroll__a_continuation_is_not_repeated_after_a_lost_answer(
    server: ScriptedServer, client: VtexClient
) -> None:
    server.script(CUT, Answer(200, []))
    with pytest.raises(AnswerLost):
        client.continue_scroll("T1")
    assert len(server.requests) == 1


def test_scroll__a_continuation_is_repeated_after_408_and_429(
    server: ScriptedServer, client: VtexClient
) -> None:
    server.script(Answer(408), Answer(429), Answer(200, [{"id": "1"}]))
    assert client.continue_scroll("T1").documents == [{"id": "1"}]


def test_scroll__the_first_call_is_repeated_after_a_lost_answer(
    server: ScriptedServer, client: VtexClient
) -> None:
    server.script(CUT, Answer(200, [], {"X-VTEX-MD-TOKEN": "T"}))
    assert client.open_scroll(where="a is null", fields=FIELDS).token == "T"


def test_scroll__full_slots_have_their_own_error(server: ScriptedServer, client: VtexClient) -> None:
    server.script(Answer(400, {"Message": "Maximum simultaneous scrolls rate exceeded (10)"}))
    with pytest.raises(ScrollSlotsTaken):
        client.open_scroll(where="a is null", fields=FIELDS)


def test_scroll__an_expired_token_is_a_temporary_error(server: ScriptedServer, client: VtexClient) -> None:
    server.script(Answer(400, {"Message": "Operation not found for this token: 'T1'"}))
    with pytest.raises(ScrollExpired) as caught:
        client.continue_scroll("T1")
    assert isinstance(caught.value, TemporaryError)


def test_scroll__another_400_names_the_fields(server: ScriptedServer, client: VtexClient) -> None:
    server.script(Answer(400, {"Message": "Field not filterable"}))
    with pytest.raises(ConfigurationError, match=r"Field not filterable.*check the entity CL"):
        client.open_scroll(where="a is null", fields=FIELDS)


@pytest.mark.parametrize("status", [200, 204, 304])
def test_patch__accepts_every_success_status(status: int, server: ScriptedServer, client: VtexClient) -> None:
    server.script(Answer(status))
    client.patch_client("a+b/c", {"isNewsletterOptIn": True})
    sent = server.requests[0]
    assert (sent.method, sent.target) == ("PATCH", "/api/dataentities/CL/documents/a%2Bb%2Fc")
    assert sent.json == {"isNewsletterOptIn": True}


# --- the catalogue


def test_product_ids__by_position(server: ScriptedServer, client: VtexClient) -> None:
    server.script(Answer(200, {"data": {"0": [], "7": [70, 71]}, "range": {"total": 2, "from": 1, "to": 2}}))
    assert client.product_ids(251, 500) == ({"0": [], "7": [70, 71]}, 2)
    assert parse_query(server.requests[0]) == [("_from", "251"), ("_to", "500")]


@pytest.mark.parametrize(
    "body", [{}, [], {"data": {}}, {"data": {}, "range": {}}, {"data": None, "range": None}]
)
def test_product_ids__of_an_unknown_shape_are_a_contract_error(
    body: Any, server: ScriptedServer, client: VtexClient
) -> None:
    server.script(*[Answer(200, body)] * 6)
    with pytest.raises(ContractError):
        client.product_ids(1, 250)


def test_search_products__sends_positions_and_channel(server: ScriptedServer, client: VtexClient) -> None:
    server.script(Answer(206, [{"productId": "1"}]))
    assert client.search_products(["1", "2"]) == [{"productId": "1"}]
    assert parse_query(server.requests[0]) == [
        ("fq", "productId:1"), ("fq", "productId:2"), ("_from", "0"), ("_to", "49"), ("sc", "3"),
    ]  # fmt: skip


def test_search_products__by_sku(server: ScriptedServer, client: VtexClient) -> None:
    server.script(Answer(200, []))
    client.search_products(["9"], by="skuId")
    assert parse_query(server.requests[0])[0] == ("fq", "skuId:9")


@pytest.mark.parametrize(
    ("answer", "price"),
    [
        (Answer(200, b'{"basePrice": 10.10}'), Decimal("10.1")),
        (Answer(200, {"basePrice": None}), None),
        (Answer(200, {}), None),
        (Answer(404), None),
    ],
)
def test_base_price(
    answer: Answer, price: Decimal | None, server: ScriptedServer, client: VtexClient
) -> None:
    server.script(answer)
    assert client.base_price("42") == price
    assert parse_path(server.requests[0]) == "/api/pricing/prices/42"


# --- orders


def test_list_orders__sends_utc_inclusive_milliseconds(server: ScriptedServer, client: VtexClient) -> None:
    server.script(Answer(200, {"list": [{"orderId": "1-01"}], "paging": {"total": 1}}))
    sao_paulo = timezone(timedelta(hours=-3))
    start, end = datetime(2026, 11, 22, tzinfo=sao_paulo), datetime(2026, 11, 23, tzinfo=sao_paulo)
    page = client.list_orders("creationDate", start, end, page=2)
    assert (page.orders, page.total) == ([{"orderId": "1-01"}], 1)
    assert parse_query(server.requests[0]) == [
        ("f_creationDate", "creationDate:[2026-11-22T03:00:00.000Z TO 2026-11-23T02:59:59.999Z]"),
        ("orderBy", "creationDate,asc"),
        ("per_page", "100"),
        ("page", "2"),
    ]
    assert "%20TO%20" in server.requests[0].target


@pytest.mark.parametrize("body", [{}, {"list": []}, {"list": None, "paging": {"total": 1}}, []])
def test_list_orders__of_an_unknown_shape_are_a_contract_error(
    body: Any, server: ScriptedServer, client: VtexClient
) -> None:
    server.script(*[Answer(200, body)] * 6)
    with pytest.raises(ContractError):
        client.list_orders(
            "creationDate", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC), page=1
        )


def test_orders__wait_a_minute_after_429_without_retry_after(
    server: ScriptedServer, client: VtexClient, pauses: list[float]
) -> None:
    server.script(Answer(429), Answer(200, {"orderId": "v1-01"}), Answer(429), Answer(200, []))
    assert client.order("v1-01") == {"orderId": "v1-01"}
    assert client.order_group("v1") == []
    assert pauses == [60.0, 60.0]
    assert [parse_path(r) for r in server.requests[1:3]] == [
        "/api/oms/pvt/orders/v1-01",
        "/api/oms/pvt/orders/order-group/v1",
    ]


# --- filters


def test_filters() -> None:
    moment = datetime(2026, 11, 23, 4, 0, 0, 123_456, tzinfo=timezone(timedelta(hours=-3)))
    assert utc_milliseconds(moment) == "2026-11-23T07:00:00.123Z"
    assert between("createdIn", moment, moment) == (
        "(createdIn between 2026-11-23T07:00:00.123Z AND 2026-11-23T07:00:00.123Z)"
    )
    assert any_of("userId", ["a"]) == "(userId=a)"


def test_read_error__is_used_by_the_client(client: VtexClient) -> None:
    assert client.transport._read_error is read_error
